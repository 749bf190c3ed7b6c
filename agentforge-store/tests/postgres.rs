//! The PostgreSQL store: the suite in a schema of its own per case, on a server that the tests start.

use std::{env, sync::Arc};

use agentforge_core::testkit::Harness;
use agentforge_store::testkit::{PostgresHarness, PostgresServer};
use libtest_mimic::{Failed, Trial};

use super::{
    backend::{Backend, trial},
    summary::Summary,
};

const KIND: &str = "postgres";

pub(crate) fn backend() -> Option<Backend> {
    let harness = || -> Arc<dyn Harness> { Arc::new(PostgresHarness::shared()) };
    PostgresServer::missing().is_none().then_some(Backend { harness, block_on: super::sqlite::block_on })
}

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    if let Some(reason) = PostgresServer::missing() {
        summary.absent(KIND, &reason);
        // A machine that tests everything has a server.
        let check = move || env::var_os("CI").map_or(Ok(()), |_| Err(Failed::from(reason)));
        return vec![trial(summary, KIND, "there_is_a_server", check)];
    }
    Vec::new()
}
