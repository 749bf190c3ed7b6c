//! The port that looks names up, so that a test can say what they mean.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::error::Result;

/// Looks names up. Whoever asks checks every address of the answer, and connects to none that was not in it.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses that a name means now.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>>;
}
