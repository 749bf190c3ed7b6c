//! Identity: who a principal is and what the tenant granted it, and the service that keeps people, teams, roles, access
//! lists and tenants.

mod access;
mod directory;
mod roles;
mod service;
mod teams;
mod tenants;
mod users;

pub use directory::StoreDirectory;
pub use service::{Identity, IdentityParts};
pub use tenants::{TenantProfile, Tenants};
pub use users::{NewUser, UserProfile};
