//! How a cassette is made: where it is kept, what it listens to, what it hides and what it overlooks.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use agentforge_core::{Error, ErrorKind, Result};

use super::{Cassette, Mode, Shared, matching::Matching, scrub::Scrub, tape::Tape};
use crate::{recorded::Recording, transport::Transport};

/// Where a tape comes from.
pub(super) enum Source {
    File(PathBuf),
    Memory(Recording),
}

/// A cassette in the making; see [`Cassette::at`] and [`Cassette::of`].
#[must_use]
pub struct CassetteBuilder {
    source: Source,
    mode: Mode,
    inner: Option<Arc<dyn Transport>>,
    scrub: Scrub,
    matching: Matching,
    keeps_pieces: bool,
    names: (Option<String>, Option<String>),
}

impl CassetteBuilder {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            mode: Mode::default(),
            inner: None,
            scrub: Scrub::new(),
            matching: Matching::default(),
            keeps_pieces: false,
            names: (None, None),
        }
    }

    /// In another mode than replay.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Over the transport that it listens to. Every mode but replay needs one.
    pub fn over(mut self, transport: Arc<dyn Transport>) -> Self {
        self.inner = Some(transport);
        self
    }

    /// With more than the usual secrets taken out.
    pub fn scrub(mut self, scrub: Scrub) -> Self {
        self.scrub = scrub;
        self
    }

    /// Overlooks a member of the body when requests are compared: a JSON pointer, in which `*` stands for every element
    /// or member, such as `/metadata/trace_id` or `/messages/*/id`. The file still shows it.
    pub fn ignoring(mut self, pointer: impl Into<String>) -> Self {
        self.matching.ignored.push(pointer.into());
        self
    }

    /// Overlooks the host when requests are compared, so that traffic of one address answers for another.
    pub fn ignoring_host(mut self) -> Self {
        self.matching.any_host = true;
        self
    }

    /// Gives the recorded answers one after the other, whatever is asked.
    pub fn in_order(mut self) -> Self {
        self.matching.in_order = true;
        self
    }

    /// Gives the last answer of equal requests again and again instead of failing after it.
    pub fn repeating(mut self) -> Self {
        self.matching.repeats = true;
        self
    }

    /// Records where each piece of a body ended, and replays the body in these pieces.
    pub fn with_pieces(mut self) -> Self {
        self.keeps_pieces = true;
        self
    }

    /// Names provider and case in the file; otherwise these are the first host and the file's name.
    pub fn named(mut self, provider: impl Into<String>, case: impl Into<String>) -> Self {
        self.names = (Some(provider.into()), Some(case.into()));
        self
    }

    /// The cassette. Reads the file when the mode replays; a file that is missing or damaged, a mode without its
    /// transport and a pointer that is none are reported together.
    pub fn build(self) -> Result<Cassette> {
        let mut problems = Vec::new();
        for pointer in self.matching.ignored.iter().chain(self.scrub.pointers()) {
            if !pointer.starts_with('/') {
                problems.push(format!("`{pointer}` is no JSON pointer; write `/{pointer}`"));
            }
        }
        if self.mode != Mode::Replay && self.inner.is_none() {
            problems.push(format!(
                "the mode {:?} needs a transport to listen to; give it one with `over`",
                self.mode
            ));
        }
        if !problems.is_empty() {
            return Err(Error::invalid(problems.join("; ")));
        }
        let (path, recording) = match self.source {
            Source::Memory(recording) => (None, recording),
            Source::File(path) => {
                let recording = match self.mode {
                    Mode::Replay => read(&path)?,
                    Mode::ReplayOrRecord if path.exists() => read(&path)?,
                    Mode::Live | Mode::Record | Mode::ReplayOrRecord => blank(&path),
                };
                (Some(path), recording)
            }
        };
        let recording = Recording {
            provider: self.names.0.unwrap_or(recording.provider),
            case: self.names.1.unwrap_or(recording.case),
            ..recording
        };
        let tape = Tape::new(recording, &self.scrub, &self.matching);
        Ok(Cassette(Arc::new(Shared {
            path,
            mode: self.mode,
            inner: self.inner,
            scrub: self.scrub,
            matching: self.matching,
            keeps_pieces: self.keeps_pieces,
            tape: Mutex::new(tape),
        })))
    }
}

fn read(path: &std::path::Path) -> Result<Recording> {
    let bytes = std::fs::read(path).map_err(|error| {
        let shown = path.display();
        let error = match error.kind() {
            std::io::ErrorKind::NotFound => Error::not_found(format!(
                "there is no cassette `{shown}`; record it with the mode `record` or `replay_or_record`"
            )),
            _ => Error::new(ErrorKind::Transport, format!("cannot read the cassette `{shown}`: {error}"))
                .never_retry(),
        };
        error.with("cassette", shown.to_string())
    })?;
    Recording::as_it_came(&bytes).map_err(|error| {
        Error::new(error.kind(), format!("the cassette `{}`: {}", path.display(), error.message()))
            .caused_by(error)
    })
}

/// A recording without exchanges, named after its file.
fn blank(path: &std::path::Path) -> Recording {
    Recording {
        source: concat!("recorded with agentforge ", env!("CARGO_PKG_VERSION")).to_owned(),
        provider: String::new(),
        case: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        exchanges: Vec::new(),
    }
}
