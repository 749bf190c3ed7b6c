//! Ends a wait that a broken store would never end, so that a case fails instead of hanging.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::context::CallContext;

/// How long a wait may take in real time. Far more than any store needs, so that a slow machine does not fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// A thread that cancels a call when it takes too long. Dropping it ends the thread.
pub(super) struct Watchdog {
    barked: Arc<AtomicBool>,
    calm: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    /// Watches a call; the returned context is cancelled when patience ends.
    pub(super) fn over(cx: &CallContext) -> (Self, CallContext) {
        let cx = cx.with_child_cancellation();
        let (calm, calmed) = mpsc::channel::<()>();
        let barked = Arc::new(AtomicBool::new(false));
        let (watched, flag) = (cx.clone(), barked.clone());
        let thread = thread::spawn(move || {
            if calmed.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::SeqCst);
                watched.cancellation().cancel();
            }
        });
        (Self { barked, calm: Some(calm), thread: Some(thread) }, cx)
    }

    /// Whether it had to end the call.
    pub(super) fn barked(&self) -> bool {
        self.barked.load(Ordering::SeqCst)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.calm.take());
        if let Some(thread) = self.thread.take() {
            // The thread does nothing that could panic.
            let _ = thread.join();
        }
    }
}
