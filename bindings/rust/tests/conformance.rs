//! The process runtime's conformance cases on every store: crashes at every write included.

use std::sync::Arc;

use agentforge::{
    process::testkit::runtime_cases,
    stores::testkit::MemoryHarness,
    testkit::{Harness, Verdict},
};

async fn judge(harness: impl Fn() -> Arc<dyn Harness>) {
    let (mut failed, mut passed) = (Vec::new(), 0);
    for case in runtime_cases() {
        match case.judge(harness()).await {
            Verdict::Passed => passed += 1,
            Verdict::Skipped(lacks) => {
                eprintln!("{} skipped: {} has no {lacks}", case.name, harness().name());
            }
            Verdict::Failed(failure) => failed.push(format!("{}: {failure}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} passed, {} failed:\n{}", passed, failed.len(), failed.join("\n"));
    assert!(passed > 10, "only {passed} cases ran");
}

#[tokio::test]
async fn the_runtime_conforms_on_memory() {
    judge(|| Arc::new(MemoryHarness::default())).await;
}

/// What these cases kill is a process and never the power, so the faster promise is enough.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_runtime_conforms_on_sqlite() {
    judge(|| Arc::new(agentforge::stores::testkit::SqliteHarness::fast())).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_conforms_on_postgres() {
    use agentforge::stores::testkit::{PostgresHarness, PostgresServer};
    if let Some(reason) = PostgresServer::missing() {
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
        return;
    }
    judge(|| Arc::new(PostgresHarness::shared())).await;
}
