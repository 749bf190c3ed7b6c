//! One measured client of a provider: it does what the measuring program asks line by line, and says what that took of
//! CPU, allocations and memory. It has a process of its own, so that nobody else's work is in its numbers, and knows
//! nothing of this project, since the peers are measured with this very file.
//!
//! | asked | answered |
//! |---|---|
//! | `ask WIRE MODEL COUNT` | nanoseconds of CPU, allocations, bytes of text, of `COUNT` whole streamed answers |
//! | `hold WIRE MODEL COUNT` | bytes on the heap, resident bytes, that `COUNT` begun answers hold at once |
//! | `peak` | the most resident bytes so far |

use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::Future,
    io::{BufRead, Write},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// What goes wrong in a client.
pub type Failure = Box<dyn std::error::Error>;

/// What every client asks.
pub const QUESTION: &str =
    "What would you do in Ghent on a rainy day in November, with two children and no umbrella?";

/// The address that a client talks to: its last argument.
pub fn address() -> Result<String, Failure> {
    Ok(std::env::args()
        .next_back()
        .filter(|address| address.starts_with("http://"))
        .ok_or("give an address")?)
}

/// A client that is measured.
pub trait Client {
    /// An answer on its way.
    type Answer;

    /// Asks a model in a wire for a streamed answer.
    fn ask(&self, wire: &str, model: &str) -> impl Future<Output = Result<Self::Answer, Failure>>;

    /// The bytes of text in what comes next; `None` at the end.
    fn next(&self, answer: &mut Self::Answer) -> impl Future<Output = Result<Option<usize>, Failure>>;
}

/// Does what standard input asks until it ends.
pub async fn serve(client: impl Client) -> Result<(), Failure> {
    let mut output = std::io::stdout();
    // Nothing else may run meanwhile, so the thread itself waits for the next line.
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["ask", wire, model, count] => {
                let (began, allocated) = (cpu(), allocations());
                let mut said = 0;
                for _ in 0..count.parse()? {
                    let mut answer = client.ask(wire, model).await?;
                    while let Some(bytes) = client.next(&mut answer).await? {
                        said += bytes;
                    }
                }
                let (spent, allocated) = (cpu() - began, allocations() - allocated);
                writeln!(output, "{} {allocated} {said}", spent.as_nanos())?;
            }
            ["hold", wire, model, count] => {
                let mut held = Vec::with_capacity(count.parse()?);
                let (heap, resident) = (heap_bytes(), resident_bytes());
                while held.len() < held.capacity() {
                    let mut answer = client.ask(wire, model).await?;
                    while client.next(&mut answer).await?.ok_or("it ended")? == 0 {}
                    held.push(answer);
                }
                let (heap, resident) = (heap_bytes() - heap, resident_bytes().saturating_sub(resident));
                writeln!(output, "{heap} {resident}")?;
            }
            ["peak"] => writeln!(output, "{}", peak_bytes())?,
            _ => return Err(format!("not understood: `{line}`").into()),
        }
        output.flush()?;
    }
    Ok(())
}

/// CPU time of all threads of this process.
pub fn cpu() -> Duration {
    let at = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(at.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(at.tv_nsec).unwrap_or_default())
}

/// The most resident memory that this process has held, where the system says so.
pub fn peak_bytes() -> u64 {
    status("VmHWM:")
}

fn resident_bytes() -> u64 {
    status("VmRSS:")
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static HEAP: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted. A program counts when it declares this as its global one.
pub struct Counted;

/// What was allocated so far; a block that grows counts once more.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// What is on the heap.
pub fn heap_bytes() -> u64 {
    HEAP.load(Relaxed)
}

/// Two plain moves: a locked addition would take as long as what it counts. A client runs on one thread, so that hardly
/// anything is lost.
fn count(counter: &AtomicU64, change: impl FnOnce(u64) -> u64) {
    counter.store(change(counter.load(Relaxed)), Relaxed);
}

fn grown(old: usize, new: usize) {
    count(&HEAP, |bytes| bytes.wrapping_add(new as u64).wrapping_sub(old as u64));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS, |count| count + 1);
        grown(0, layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS, |count| count + 1);
        grown(0, layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        grown(layout.size(), 0);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(&ALLOCATIONS, |count| count + 1);
        grown(layout.size(), size);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
