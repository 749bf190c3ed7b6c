//! Where randomness comes from: the operating system in production, a seed in tests.

/// A source of random bytes.
pub trait Randomness: Send + Sync {
    /// Fills the buffer. Real adapters give cryptographic randomness; there is no failing answer, since an operating
    /// system without randomness cannot be served safely.
    fn fill(&self, buffer: &mut [u8]);
}
