//! A tenant that has something of everything, for tests that move tenants between stores.

use std::collections::BTreeMap;

use super::{Failure, cases::unmoved, life, snapshot::Snapshot};
use crate::{context::CallContext, store::Stores};

/// Writes something into every table of the context's tenant, the suite's own collections included. The tag shows in
/// every row, and ids are the same in every tenant.
pub async fn furnish_tenant(stores: &Stores, cx: &CallContext, tag: &str) -> Result<(), Failure> {
    life::furnish(stores, cx, tag).await.map(drop)
}

/// What every reading method says about a tenant that was furnished with a tag, but for what a move does change: who
/// holds what, the numbers of outbox events, and uploads that nothing refers to.
pub async fn describe_tenant(
    stores: &Stores,
    cx: &CallContext,
    tag: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    unmoved(stores, cx, tag).await.map(Snapshot::into_sections)
}
