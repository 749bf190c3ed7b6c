//! What is asked of everything that reads foreign bytes: no panic, and the same result wherever the bytes are cut. The
//! fuzz targets in `fuzz/` and a test over random bytes call the same functions.
//!
//! **Adding one** is a function here with its row in [`TARGETS`], a file in `fuzz/fuzz_targets/`, and its `[[bin]]`.

mod cuts;
mod files;
mod frames;
mod replies;
mod seeds;

pub use seeds::seeds;

/// What a target found wrong.
pub type Finding = Result<(), String>;

/// One reader of foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets/`.
    pub name: &'static str,
    /// Reads, and says what was wrong. A panic is wrong too.
    pub run: fn(&[u8]) -> Finding,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "sse", run: frames::sse },
    Target { name: "lines", run: frames::lines },
    Target { name: "event_stream", run: frames::event_stream },
    Target { name: "decoder", run: replies::decoder },
    Target { name: "error_body", run: replies::error_body },
    Target { name: "vectors", run: replies::vectors },
    Target { name: "prices", run: files::prices },
    Target { name: "recording", run: files::recording },
];

/// Runs the target of a name; for the fuzz targets, which must know no more of it.
pub fn run(name: &str, data: &[u8]) -> Finding {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(data),
        None => Err(format!("there is no fuzz target `{name}`")),
    }
}

/// The first byte, which chooses, and what it chooses about.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

fn alike<T: PartialEq + std::fmt::Debug>(what: &str, cut: &T, whole: &T) -> Finding {
    if cut == whole {
        return Ok(());
    }
    Err(format!("{what}: cut bytes gave\n{cut:?}\nand whole ones\n{whole:?}"))
}
