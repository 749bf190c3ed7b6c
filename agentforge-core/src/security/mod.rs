//! Access control: permissions, roles, and the port that decides.
//!
//! A decision and a list come from the same rules: [`Authorizer::decide`] for one resource, [`Authorizer::filter`] for
//! a collection, as a predicate that the store evaluates. Decisions are exhaustive and fail closed: whatever cannot be
//! established denies.
//!
//! **Adding an authoriser** is one implementation of [`Authorizer`] whose two methods agree record by record; **adding a
//! directory** of people, one of [`Directory`].

mod authorizer;
mod native;
mod permission;
mod resource;
mod role;

pub use authorizer::{Authorizer, AuthorizerExt, Decision, DenyReason};
pub use native::{AccessLists, Directory, Grants, NativeAuthorizer, decide, visible};
pub use permission::{Permission, PermissionSet};
pub use resource::{Resource, Shared, Thing, whole_of};
pub use role::{Role, RoleCatalogue};
