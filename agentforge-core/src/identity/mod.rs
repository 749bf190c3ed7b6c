//! Identity: who a principal is and what the tenant granted it, read from the store.

mod directory;

pub use directory::StoreDirectory;
