//! Tools that call one operation of an HTTP interface, described as data.
//!
//! A [`RestOperation`] says where the operation is and how arguments travel; it can be written by hand, stored, or
//! imported by [`crate::openapi`]. A [`RestTool`] is an operation with a client and credentials. One call goes
//! `build` → credentials → client → `read`; only the middle does I/O.
//!
//! **Adding a way to authenticate** is one variant of [`AuthScheme`] and its arm in `auth/mark.rs`; **adding a way to
//! page** is one variant of [`Paging`] and its arm in `pages.rs`.

mod auth;
mod body;
mod build;
mod failure;
mod file;
mod input;
mod link;
mod multipart;
mod operation;
mod pages;
mod parameter;
mod percent;
mod plan;
mod reply;
mod select;
mod shape;
mod style;
mod tool;

pub use auth::{AuthScheme, Authenticator, ClientAuth, Credential, KeyPlace};
pub use body::{FieldEncoding, RequestBody};
pub use file::Files;
pub use operation::{RestOperation, Security};
pub use pages::{Pagination, Paging};
pub use parameter::{Parameter, Place, Style};
pub use reply::Reply;
pub use shape::ResponseShape;
pub use tool::RestTool;

pub(crate) use body::BodyKind;
pub(crate) use operation::forbidden_header;
