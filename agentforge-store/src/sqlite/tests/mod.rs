//! What the contract suite cannot see: files that must not be opened, callers that go away, several stores on one file.

mod backup;
mod evolving;
#[cfg(feature = "host-transaction")]
mod host;
mod house;
mod opening;
mod planning;
mod plans;
mod several;
mod sweeping;
mod writing;
