//! Budgets that count in a store: many calls at once over every backend.

use std::sync::Arc;

use agentforge::{
    CallContext, Error, ErrorKind, Result,
    context::Budget,
    models::layer::CountedBudget,
    money::{Currency, Money},
    testing::fixed_context_with,
    testkit::Harness,
};

fn dollars(amount: i64) -> Money {
    Money::new(Currency::USD, amount * 1_000_000_000)
}

/// Reserves and settles through one of two budgets of the same name, as two processes would.
async fn call(budget: Arc<CountedBudget>, cx: CallContext) -> Result<()> {
    let reservation = budget.reserve(&cx, dollars(1)).await?;
    budget.settle(&cx, reservation, Some(dollars(1))).await
}

async fn ten_of_sixty_four_calls_are_paid(harness: Arc<dyn Harness>) {
    let stores = harness.fresh().await.unwrap();
    let cx = fixed_context_with(&harness.clock());
    let budgets = [0, 1].map(|_| Arc::new(CountedBudget::new("tenant", dollars(10), &stores)));
    let calls = (0..64).map(|place: usize| tokio::spawn(call(budgets[place % 2].clone(), cx.clone())));
    let mut refused: Vec<Error> = Vec::new();
    for ended in calls.collect::<Vec<_>>() {
        refused.extend(ended.await.unwrap().err());
    }
    assert_eq!(refused.len(), 54, "{}", harness.name());
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::BudgetExceeded, "{}: {error}", harness.name());
    }
    assert_eq!(budgets[0].spent(&cx).await.unwrap(), dollars(10), "{}", harness.name());
    drop((budgets, stores));
    harness.close().await.unwrap();
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_calls_at_once_ten_are_paid_on_sqlite() {
    ten_of_sixty_four_calls_are_paid(Arc::new(agentforge::stores::testkit::SqliteHarness::fast())).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_calls_at_once_ten_are_paid_on_postgres() {
    use agentforge::stores::testkit::{PostgresHarness, PostgresServer};
    if let Some(reason) = PostgresServer::missing() {
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
        return;
    }
    ten_of_sixty_four_calls_are_paid(Arc::new(PostgresHarness::shared())).await;
}
