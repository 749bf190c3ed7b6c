//! What the contract suite cannot see: the wall in the database itself, servers that come and go, several stores in one
//! database, and a host's own transactions.

#[cfg(feature = "host-transaction")]
mod host;
mod house;
mod losing;
mod opening;
mod planning;
mod plans;
mod pooling;
mod several;
mod wall;
