//! The command line of the quickstart.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
cargo run --example quickstart -- [--data DIR] [--fresh]

  --data DIR   keep the store in DIR instead of target/quickstart
  --fresh      begin anew instead of going on where an earlier run stood
";

pub(crate) struct Options {
    pub(crate) data: PathBuf,
    pub(crate) fresh: bool,
}

/// Reads the arguments; `Err` is what to print before stopping.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        data: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/quickstart")),
        fresh: false,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--fresh" => options.fresh = true,
            "--data" => {
                let folder = arguments.next().ok_or("--data needs a folder")?;
                options.data = PathBuf::from(folder);
            }
            "--help" | "-h" => return Err(USAGE.to_owned()),
            other => return Err(format!("unknown argument `{other}`\n\n{USAGE}")),
        }
    }
    Ok(options)
}
