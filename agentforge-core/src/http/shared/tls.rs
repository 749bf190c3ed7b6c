//! TLS with ring, passed explicitly: the process-wide default provider of rustls is the host's business.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::{Error, ErrorKind, Result};

/// Whose certificates are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's: for connections without TLS.
    Nobody,
    /// Those of the operating system.
    Platform,
}

/// How a client speaks TLS.
pub fn tls_config(trust: Trust) -> Result<ClientConfig> {
    let unusable = |error: rustls::Error| {
        Error::new(
            ErrorKind::Transport,
            format!(
                "TLS cannot be set up: {error}; install the system's CA certificates (`ca-certificates`)"
            ),
        )
        .never_retry()
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    Ok(match trust {
        Trust::Nobody => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        Trust::Platform => builder.with_platform_verifier().map_err(unusable)?.with_no_client_auth(),
    })
}
