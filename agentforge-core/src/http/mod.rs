//! HTTP as every tool uses it: requests and replies in plain words, the port that carries them, and the policy that
//! says where they may go. With feature `http` there is also the one client that keeps the policy, `GuardedClient`.
//!
//! **Adding a client** is one implementation of [`HttpClient`]; it must ask [`EgressPolicy`] for every address.

mod address;
mod client;
mod credential;
#[cfg(feature = "http")]
mod guarded;
mod headers;
mod message;
mod name;
mod network;
mod policy;
mod resolver;
#[cfg(feature = "http")]
#[doc(hidden)]
pub mod shared;

pub use address::{AddressKind, is_public};
pub use client::{HttpClient, HttpLimits};
pub use credential::{CredentialSource, Fixed, SecretText};
#[cfg(feature = "http")]
pub use guarded::GuardedClient;
pub use headers::Headers;
pub use message::{HttpRequest, HttpResponse, Method, Redirects};
pub use network::{HostPattern, Network};
pub use policy::{CheckedUrl, EgressPolicy, Ports, Refusal, Scheme};
pub use resolver::Resolver;
#[cfg(feature = "http")]
pub use shared::SystemResolver;
