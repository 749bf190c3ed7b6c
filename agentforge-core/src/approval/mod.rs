//! Approvals: questions to people that runs of agents and processes wait for. One type and one desk for both.
//!
//! An approval is bound to a digest of what was asked; it is a row, so any process can answer it by id, and a decision
//! reaches the run as a signal in the same transaction. Expired means rejected.

mod desk;
mod form;

pub use desk::{ApprovalDesk, Decided, NewApproval, RoleCheck};
pub use form::{
    Approval, ApprovalDecision, ApprovalState, ApprovalVerb, Assignee, Resolution, Subject, signal_name,
};
