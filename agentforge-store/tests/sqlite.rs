//! The SQLite store: the suite on a file of its own per case.

use std::sync::Arc;

use agentforge_core::testkit::{Failure, Verdict};
use agentforge_store::testkit::SqliteHarness;
use futures::future::BoxFuture;

use super::backend::Backend;

pub(crate) fn backend() -> Backend {
    Backend { harness: || Arc::new(SqliteHarness::default()), block_on }
}

pub(crate) fn block_on(case: BoxFuture<'static, Verdict>) -> Verdict {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(case),
        Err(error) => Verdict::Failed(Failure::new(format!("no async runtime: {error}"))),
    }
}
