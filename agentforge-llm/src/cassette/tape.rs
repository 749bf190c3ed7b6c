//! The exchanges of a cassette in order, and which of them were asked for.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use agentforge_core::{Error, ErrorKind, Result};

use super::{
    difference::{differences, distance, lines},
    matching::{Asked, Matching},
    scrub::Scrub,
};
use crate::recorded::{Exchange, RecordedRequest, Recording};

/// The exchanges of a cassette.
pub(super) struct Tape {
    /// Source, provider and case; its exchanges stand in `slots`.
    about: Recording,
    slots: Vec<Slot>,
    /// What went wrong while nobody was there to be told.
    failure: Option<Error>,
}

struct Slot {
    /// `None` while its answer is on the way, and for good when it never came.
    exchange: Option<Exchange>,
    asked: Option<Asked>,
    used: bool,
    /// Recorded in this run: it is no answer to a request of this run.
    fresh: bool,
}

impl Tape {
    pub(super) fn new(mut about: Recording, scrub: &Scrub, matching: &Matching) -> Self {
        let slot = |exchange: Exchange| Slot {
            // What a recording from elsewhere still shows is overlooked as it would be in a request of now.
            asked: exchange.request.clone().map(|request| matching.asked(&scrub.request(request).0)),
            exchange: Some(exchange),
            used: false,
            fresh: false,
        };
        let slots = std::mem::take(&mut about.exchanges).into_iter().map(slot).collect();
        Self { about, slots, failure: None }
    }

    pub(super) fn unused(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.used && !slot.fresh && slot.exchange.is_some()).count()
    }

    pub(super) fn recording(&self) -> Recording {
        let exchanges: Vec<Exchange> = self.slots.iter().filter_map(|slot| slot.exchange.clone()).collect();
        let mut recording = Recording { exchanges, ..self.about.clone() };
        if recording.provider.is_empty() {
            let first = recording.exchanges.first().and_then(|exchange| exchange.request.as_ref());
            recording.provider = first.and_then(|request| request.host.clone()).unwrap_or_default();
        }
        for exchange in &mut recording.exchanges {
            exchange.provider.clone_from(&recording.provider);
        }
        recording
    }

    pub(super) fn take_failure(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The next recorded answer to a request.
    pub(super) fn take(&mut self, request: &RecordedRequest, matching: &Matching) -> Option<Exchange> {
        let asked = matching.asked(request);
        let fits = |slot: &Slot| {
            !slot.fresh
                && slot.exchange.is_some()
                && (matching.in_order || slot.asked.as_ref().is_some_and(|recorded| asked.fits(recorded)))
        };
        let next = self.slots.iter().position(|slot| !slot.used && fits(slot));
        let again = if matching.repeats { self.slots.iter().rposition(fits) } else { None };
        let slot = self.slots.get_mut(next.or(again)?)?;
        slot.used = true;
        slot.exchange.clone()
    }

    /// Why a request has no answer, with the nearest recorded one.
    pub(super) fn missing(&self, request: &RecordedRequest, matching: &Matching) -> String {
        let asked = matching.asked(request);
        let what = format!("{} {}{}", asked.method, request.host.as_deref().unwrap_or_default(), asked.path);
        let recorded: Vec<(usize, &Asked)> = (1..)
            .zip(&self.slots)
            .filter(|(_, slot)| !slot.fresh)
            .filter_map(|(number, slot)| Some((number, slot.asked.as_ref()?)))
            .collect();
        let equal = recorded.iter().filter(|(_, recorded)| asked.fits(recorded)).count();
        if matching.in_order || equal > 0 {
            let count = if matching.in_order { self.slots.len() } else { equal };
            return format!(
                "all {count} recorded answers to {what} were given; record more or use `repeating`"
            );
        }
        let nearest = recorded
            .into_iter()
            .map(|(number, recorded)| (number, differences(recorded, &asked)))
            .min_by_key(|(number, differences)| (distance(differences), *number));
        match nearest {
            None => format!("no request is recorded; {what} was sent"),
            Some((number, differences)) => format!(
                "{what} was not recorded; from the nearest, exchange {number}, it differs in{}\nrecord it, or name what \
                 may differ with `ignoring`",
                lines(&differences)
            ),
        }
    }

    /// A place for an exchange whose answer is on the way.
    pub(super) fn reserve(&mut self) -> usize {
        self.slots.push(Slot { exchange: None, asked: None, used: false, fresh: true });
        self.slots.len() - 1
    }

    /// Keeps an exchange at its place, and writes the file.
    pub(super) fn keep(&mut self, place: usize, exchange: Exchange, path: Option<&Path>) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.exchange = Some(exchange);
        }
        let Some(path) = path else { return };
        let written = self.recording().write().and_then(|bytes| write(path, &bytes));
        if let Err(error) = written {
            self.fail(error.with("cassette", path.display().to_string()));
        }
    }
}

/// Writes beside the file and renames, so that nobody ever finds half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Transport, format!("cannot write the cassette `{}`: {error}", path.display()))
            .never_retry()
            .caused_by(error)
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).map_err(|error| {
        // What was begun is of no use; if it cannot be removed either, the first error says more.
        let _ = std::fs::remove_file(&beside);
        failed(error)
    })
}
