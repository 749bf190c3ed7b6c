//! What the contract suite cannot see: files that must not be opened, callers that go away, several stores on one file.

mod house;
mod opening;
mod plans;
mod several;
mod writing;
