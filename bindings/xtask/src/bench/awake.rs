//! Keeps the cores from sleeping while short waits are measured.
//!
//! A virtual core that has nothing to do is halted, and to wake it takes 50 to 100 µs: ten times a read of the store. Either
//! side of a comparison meets it by the chance of where its threads run. Loops of the idle class keep the cores awake and
//! give way to anything else at once.

use std::process::{Child, Command, Stdio};

pub(crate) struct Awake(Vec<Child>);

impl Awake {
    /// A loop per core, until this is dropped; none, with a note, where `chrt` of util-linux is missing.
    pub(crate) fn keep(cores: usize) -> Self {
        let start = || {
            Command::new("chrt")
                .args(["--idle", "0", "sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let loops = (0..cores).map(|_| start()).collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| {
            eprintln!("cores may fall asleep between calls, which disturbs short ones: chrt: {error}");
            Vec::new()
        });
        Self(loops)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for one in &mut self.0 {
            // One that has ended already is as good.
            let _ = one.kill();
            let _ = one.wait();
        }
    }
}
