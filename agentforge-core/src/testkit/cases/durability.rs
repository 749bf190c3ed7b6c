//! What was acknowledged is there when the store is opened again.

use crate::{
    context::CallContext,
    id::ChangeSetId,
    store::{AuditDraft, AuditVerdict, Change, ChangeSet, DispatchKind, Expect, Filter, Query},
    testkit::{
        check::{Outcome, ensure, present, same},
        collections::GADGETS,
        life,
        snapshot::Snapshot,
        world::{HOUR, SECOND, World, claim_runs, id},
    },
    time::Clock,
};

super::cases! {
    needs Durability;
    "durability.everything_is_there_after_reopening" => everything,
    "durability.repetitions_are_recognised_after_reopening" => replay,
    "durability.cursors_are_good_after_reopening" => cursors,
    "durability.work_is_claimed_after_reopening" => work,
    "durability.an_earlier_claim_removes_nothing_after_reopening" => earlier_claim,
}

async fn reopened(w: World) -> Outcome<World> {
    let World { harness, stores, clock, a, b, system } = w;
    let stores = harness.reopen(stores).await?;
    Ok(World { harness, stores, clock, a, b, system })
}

async fn everything(w: World) -> Outcome {
    life::furnish(&w.stores, &w.a, "alpha").await?;
    life::furnish(&w.stores, &w.b, "beta").await?;
    let footprint = life::footprint(&["alpha", "beta"]);
    let alpha = Snapshot::take(&w.stores, &w.a, &footprint).await?;
    let beta = Snapshot::take(&w.stores, &w.b, &footprint).await?;
    let w = reopened(w).await?;
    Snapshot::take(&w.stores, &w.a, &footprint).await?.ensure_same_as(&alpha)?;
    Snapshot::take(&w.stores, &w.b, &footprint).await?.ensure_same_as(&beta)?;
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    let claim = claims.iter().find(|claim| claim.tenant == w.a.tenant());
    let claim = present("the claim of the first tenant", claim)?.epoch;
    let outbox = life::first_event(&w.stores, &w.a).await?;
    for change in life::upheaval(&w.a, "alpha", claim, outbox) {
        w.apply(&w.a, [change]).await?;
    }
    same(
        "the verdict",
        w.stores.audit.verify(&w.a).await?,
        AuditVerdict::Intact { entries: 2, unlinked: 0 },
    )?;
    let after = Snapshot::take(&w.stores, &w.a, &footprint).await?;
    let w = reopened(w).await?;
    Snapshot::take(&w.stores, &w.a, &footprint).await?.ensure_same_as(&after)
}

async fn replay(w: World) -> Outcome {
    let set = |cx: &CallContext| {
        let draft = AuditDraft::done("a:b", "c", "d", serde_json::json!({ "at": cx.now() }));
        ChangeSet::repeatable(ChangeSetId::from_uuid(id(1)))
            .with(Change::Put {
                spec: GADGETS,
                id: id(1),
                document: serde_json::json!({}),
                expect: Expect::Absent,
            })
            .with(Change::Audit(draft))
    };
    let first = w.stores.records.apply(&w.a, set(&w.a)).await?;
    let w = reopened(w).await?;
    let again = w.stores.records.apply(&w.a, set(&w.a)).await?;
    ensure(again.replayed, "a repetition was applied again")?;
    same("the receipt", again.applied, first.applied)
}

async fn cursors(w: World) -> Outcome {
    for number in 1..=3 {
        w.put(&w.a, GADGETS, id(number), serde_json::json!({}), Expect::Absent).await?;
    }
    let query = Query::new(Filter::True).limit(2);
    let next = present("the cursor", w.query(&w.a, GADGETS, &query).await?.next)?;
    let w = reopened(w).await?;
    let page = w.query(&w.a, GADGETS, &query.after(next)).await?;
    same("the second page", page.records.iter().map(|record| record.id).collect(), vec![id(3)])
}

async fn work(w: World) -> Outcome {
    let enqueue = |number, due| Change::Enqueue { kind: DispatchKind::RUN, id: id(number), due };
    let now = w.a.now();
    w.apply(&w.a, [enqueue(1, now), enqueue(2, now.after(HOUR))]).await?;
    let w = reopened(w).await?;
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("what is due", claims.iter().map(|claim| claim.id).collect(), vec![id(1)])?;
    let w = reopened(w).await?;
    let during_hold = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("what is due while the hold of the closed process lasts", during_hold, vec![])?;
    w.clock.advance(HOUR + SECOND);
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("the number of claims in the end", claims.len(), 2)
}

async fn earlier_claim(w: World) -> Outcome {
    let enqueue = |due| Change::Enqueue { kind: DispatchKind::RUN, id: id(1), due };
    let dequeue = |epoch| Change::Dequeue { kind: DispatchKind::RUN, id: id(1), epoch };
    w.apply(&w.a, [enqueue(w.clock.now())]).await?;
    let first = w.stores.dispatch.claim(&w.system, &claim_runs(1)).await?;
    let first = present("the first claim", first.first())?.epoch;
    w.apply(&w.a, [dequeue(first)]).await?;
    let w = reopened(w).await?;
    w.apply(&w.a, [enqueue(w.clock.now())]).await?;
    let second = w.stores.dispatch.claim(&w.system, &claim_runs(1)).await?;
    same("the number of claims", second.len(), 1)?;
    w.apply(&w.a, [dequeue(first)]).await?;
    w.clock.advance(HOUR);
    let third = w.stores.dispatch.claim(&w.system, &claim_runs(1)).await?;
    same("what is due after a dequeue of the earlier claim", third.len(), 1)
}
