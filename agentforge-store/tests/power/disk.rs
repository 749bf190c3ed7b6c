//! A model of a disk with a volatile cache: what was written is on the medium only once it was synced, and a name is in
//! its folder only once the folder was. A loss of power keeps of the rest whatever chance keeps, down to halves of
//! sectors. A disk can also be told to fail.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{context::Randomness, testing::SeededRandom};

const SECTOR: usize = 512;

/// What an operation comes to: nothing, or a result code of SQLite.
pub(crate) type Verdict = Result<(), i32>;

/// What a disk does to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Weather {
    /// Everything works.
    #[default]
    Fair,
    /// Nothing that makes a file longer works: the disk is full.
    Full,
    /// Nothing can be written.
    WritesFail,
    /// Nothing can be synced.
    SyncsFail,
}

/// What is on the medium after a loss of power.
pub(crate) struct Medium {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Medium {
    /// Puts the files into another folder.
    pub(crate) fn restore(&self, folder: &Path) {
        for (path, content) in &self.files {
            fs::write(folder.join(path.file_name().unwrap()), content).unwrap();
        }
    }

    /// The files, with their lengths and how they begin, for whoever looks into a failure.
    pub(crate) fn describe(&self) -> String {
        let of = |(path, content): (&PathBuf, &Vec<u8>)| {
            let begin: Vec<_> = content.iter().take(32).collect();
            format!("{}: {} bytes, {begin:?}", path.display(), content.len())
        };
        self.files.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    /// How many bytes there are.
    pub(crate) fn size(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

#[derive(Default)]
pub(crate) struct Disk(Mutex<State>);

#[derive(Default)]
struct State {
    files: BTreeMap<u64, File>,
    /// The names as processes see them, and as the medium has them.
    names: BTreeMap<PathBuf, u64>,
    kept_names: BTreeMap<PathBuf, u64>,
    next: u64,
    operations: u64,
    loss: Option<Loss>,
    weather: Weather,
    /// After how many further operations the weather changes to what.
    forecast: Option<(u64, Weather)>,
    refused: u64,
}

/// A loss of power that is to come.
struct Loss {
    at: u64,
    random: SeededRandom,
    witness: Box<dyn Fn() + Send>,
    came: Option<Medium>,
}

#[derive(Default)]
struct File {
    kept: Vec<u8>,
    pending: Vec<Pending>,
    length: u64,
}

enum Pending {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every file. The next ones that are opened and exist are taken to be on the medium.
    pub(crate) fn reset(&self) {
        *self.state() = State::default();
    }

    /// Loses power in the middle of the n-th operation from now. `witness` is called at that moment.
    pub(crate) fn lose_power(&self, after: u64, seed: u64, witness: Box<dyn Fn() + Send>) {
        let mut state = self.state();
        let at = state.operations + after;
        state.loss = Some(Loss { at, random: SeededRandom::new(seed), witness, came: None });
    }

    /// What the loss of power left, once it came.
    pub(crate) fn take_medium(&self) -> Option<Medium> {
        self.state().loss.take_if(|loss| loss.came.is_some())?.came
    }

    /// Whether the loss of power came.
    pub(crate) fn is_dark(&self) -> bool {
        self.state().loss.as_ref().is_some_and(|loss| loss.came.is_some())
    }

    /// Changes the weather from now on.
    pub(crate) fn set_weather(&self, weather: Weather) {
        let mut state = self.state();
        (state.weather, state.forecast) = (weather, None);
    }

    /// Changes the weather after so many further operations.
    pub(crate) fn forecast(&self, operations: u64, weather: Weather) {
        self.state().forecast = Some((operations, weather));
    }

    /// How many operations were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.state().refused
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// A file is opened; gives the number that it goes by.
    pub(crate) fn open(&self, path: &Path, existed: bool) -> u64 {
        let mut state = self.state();
        if let Some(known) = state.names.get(path) {
            return *known;
        }
        let number = state.next;
        state.next += 1;
        let mut file = File::default();
        if existed {
            file.kept = fs::read(path).unwrap_or_default();
            file.length = file.kept.len() as u64;
            state.kept_names.insert(path.to_owned(), number);
        }
        state.files.insert(number, file);
        state.names.insert(path.to_owned(), number);
        number
    }

    pub(crate) fn write(&self, file: u64, at: u64, bytes: &[u8]) -> Verdict {
        let mut state = self.state();
        let length = state.files.get(&file).map_or(0, |file| file.length);
        let end = at + bytes.len() as u64;
        state.weather_allows(|weather| match weather {
            Weather::Full if end > length => Some(libsqlite3_sys::SQLITE_FULL),
            Weather::WritesFail => Some(libsqlite3_sys::SQLITE_IOERR_WRITE),
            _ => None,
        })?;
        if let Some(file) = state.files.get_mut(&file) {
            file.length = file.length.max(end);
            let at = usize::try_from(at).unwrap();
            file.pending.push(Pending::Write { at, bytes: bytes.to_vec() });
        }
        state.count();
        Ok(())
    }

    pub(crate) fn truncate(&self, file: u64, length: u64) -> Verdict {
        let mut state = self.state();
        state.weather_allows(|weather| {
            (weather == Weather::WritesFail).then_some(libsqlite3_sys::SQLITE_IOERR_TRUNCATE)
        })?;
        if let Some(file) = state.files.get_mut(&file) {
            file.length = length;
            file.pending.push(Pending::Truncate { length: usize::try_from(length).unwrap() });
        }
        state.count();
        Ok(())
    }

    /// Whether a sync may go on; the power may be lost before it ends.
    pub(crate) fn sync(&self, file: u64) -> Verdict {
        let mut state = self.state();
        state.weather_allows(|weather| {
            (weather == Weather::SyncsFail).then_some(libsqlite3_sys::SQLITE_IOERR_FSYNC)
        })?;
        state.count();
        if let Some(file) = state.files.get_mut(&file) {
            for pending in std::mem::take(&mut file.pending) {
                pending.apply(&mut file.kept);
            }
        }
        Ok(())
    }

    /// A name is taken out of its folder.
    pub(crate) fn delete(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.count();
    }

    /// A folder is synced.
    pub(crate) fn sync_folder(&self, folder: &Path) {
        let mut state = self.state();
        let State { names, kept_names, .. } = &mut *state;
        kept_names.retain(|path, _| path.parent() != Some(folder));
        let here = names.iter().filter(|(path, _)| path.parent() == Some(folder));
        kept_names.extend(here.map(|(path, file)| (path.clone(), *file)));
    }
}

impl State {
    fn weather_allows(&mut self, refusal: impl Fn(Weather) -> Option<i32>) -> Verdict {
        if let Some((left, weather)) = self.forecast {
            if left == 0 {
                (self.weather, self.forecast) = (weather, None);
            } else {
                self.forecast = Some((left - 1, weather));
            }
        }
        match refusal(self.weather) {
            None => Ok(()),
            Some(code) => {
                self.refused += 1;
                Err(code)
            }
        }
    }

    /// Counts an operation that is under way, and loses power if it is its turn.
    fn count(&mut self) {
        self.operations += 1;
        let Self { loss: Some(loss), operations, files, names, kept_names, .. } = self else { return };
        if *operations < loss.at || loss.came.is_some() {
            return;
        }
        (loss.witness)();
        // Not `names` and `files` themselves: what goes on after the loss happens to nobody.
        let mut left = BTreeMap::new();
        let all: BTreeSet<&PathBuf> = names.keys().chain(kept_names.keys()).collect();
        for path in all {
            let (seen, kept) = (names.get(path), kept_names.get(path));
            let is_kept = seen == kept || one_in(&loss.random, 2);
            if let Some(file) = (if is_kept { kept } else { seen }).and_then(|file| files.get(file)) {
                left.insert(path.clone(), file.after_loss(&loss.random));
            }
        }
        loss.came = Some(Medium { files: left });
    }
}

impl File {
    /// What chance leaves of the file.
    fn after_loss(&self, random: &SeededRandom) -> Vec<u8> {
        let mut content = self.kept.clone();
        match below(random, 4) {
            // The cache is lost whole, or was on the medium already.
            0 => {}
            1 => self.pending.iter().for_each(|pending| pending.apply(&mut content)),
            // The first writes were on the medium, and half of the next.
            2 => {
                let kept = below(random, self.pending.len() + 1);
                self.pending.iter().take(kept).for_each(|pending| pending.apply(&mut content));
                if let Some(next) = self.pending.get(kept) {
                    next.apply_partly(&mut content, random);
                }
            }
            // Any sectors of any writes were.
            _ => self.pending.iter().for_each(|pending| pending.apply_partly(&mut content, random)),
        }
        content
    }
}

impl Pending {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => overwrite(content, *at, bytes),
            Self::Truncate { length } => content.resize(*length, 0),
        }
    }

    fn apply_partly(&self, content: &mut Vec<u8>, random: &SeededRandom) {
        match self {
            Self::Write { at, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    // Up to the next border of a sector of the medium.
                    let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                    match below(random, 16) {
                        0 => {
                            let torn = from + below(random, to - from);
                            overwrite(content, at + from, &bytes[from..torn]);
                        }
                        1..=8 => overwrite(content, at + from, &bytes[from..to]),
                        _ => {}
                    }
                    from = to;
                }
            }
            Self::Truncate { length } if one_in(random, 2) => content.resize(*length, 0),
            Self::Truncate { .. } => {}
        }
    }
}

fn overwrite(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn below(random: &SeededRandom, limit: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % (limit.max(1) as u64)).unwrap()
}

fn one_in(random: &SeededRandom, times: usize) -> bool {
    below(random, times) == 0
}
