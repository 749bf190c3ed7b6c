//! Waiting for work: woken by what this process writes, by the clock, by cancellation, and at once when work is due.

use futures::future::join;
use serde_json::json;

use crate::{
    context::CallContext,
    event::Event,
    store::{Change, DispatchKind},
    testkit::{
        check::{Outcome, ensure},
        watchdog::Watchdog,
        world::{HOUR, MINUTE, World, id},
    },
    time::{Clock, Timestamp},
};

super::cases! {
    "wait.ends_at_once_when_work_is_due" => already_due,
    "wait.ends_when_work_comes" => comes,
    "wait.ends_when_an_event_comes" => event,
    "wait.ends_when_a_request_comes" => request,
    "wait.ends_when_the_instant_comes" => instant,
    "wait.ends_when_a_claim_runs_out" => hold_ends,
    "wait.ends_with_the_call" => cancelled,
    "wait.ends_with_the_deadline" => deadline,
}

fn enqueue(due: Timestamp) -> Change {
    Change::Enqueue { kind: DispatchKind::RUN, id: id(1), due }
}

/// Waits beside what ought to wake it.
async fn woken_by(w: &World, cx: &CallContext, what: &str, cause: impl Future<Output = Outcome>) -> Outcome {
    let (watchdog, cx) = Watchdog::over(cx);
    let kinds = [DispatchKind::RUN, DispatchKind::OUTBOX, DispatchKind::INBOX];
    // The cause runs after the wait has begun: `join` polls in order, and the first poll of a wait registers it.
    let (_, caused) = join(w.stores.dispatch.wait(&cx, &kinds), cause).await;
    caused?;
    ensure(!watchdog.barked(), format!("a wait was not ended by {what}"))
}

async fn already_due(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(w.clock.now())]).await?;
    woken_by(&w, &w.system, "work that is due", async { Ok(()) }).await
}

async fn comes(w: World) -> Outcome {
    woken_by(&w, &w.system, "work that comes", async {
        w.apply(&w.a, [enqueue(w.clock.now())]).await?;
        Ok(())
    })
    .await
}

async fn event(w: World) -> Outcome {
    let event = Event::new(&w.a, "thing.happened", json!(1));
    woken_by(&w, &w.system, "an event", async {
        w.apply(&w.a, [Change::Emit { key: "k".to_owned(), event }]).await?;
        Ok(())
    })
    .await
}

async fn request(w: World) -> Outcome {
    let post = Change::Post { key: "k".to_owned(), process: "p".to_owned(), input: json!(1), user: None };
    woken_by(&w, &w.system, "a request", async {
        w.apply(&w.a, [post]).await?;
        Ok(())
    })
    .await
}

async fn instant(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(w.clock.now().after(HOUR))]).await?;
    woken_by(&w, &w.system, "the instant of work", async {
        w.clock.advance(HOUR);
        Ok(())
    })
    .await
}

async fn hold_ends(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(w.clock.now())]).await?;
    w.stores.dispatch.claim(&w.system, &crate::testkit::world::claim_runs(1)).await?;
    woken_by(&w, &w.system, "the end of a hold", async {
        w.clock.advance(MINUTE);
        Ok(())
    })
    .await
}

async fn cancelled(w: World) -> Outcome {
    let cx = w.system.with_child_cancellation();
    woken_by(&w, &cx, "the end of its call", async {
        cx.cancellation().cancel();
        Ok(())
    })
    .await
}

async fn deadline(w: World) -> Outcome {
    let cx = w.system.with_timeout(MINUTE);
    woken_by(&w, &cx, "its deadline", async {
        w.clock.advance(HOUR);
        Ok(())
    })
    .await
}
