//! Dispatch: due work goes to one worker at a time, and none of it is lost.

use std::collections::BTreeSet;

use futures::future::join_all;
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::{ErrorKind, Result},
    store::{Change, Claim, ClaimRequest, DispatchKind},
    testkit::{
        check::{Outcome, ensure, present, refused, same},
        world::{HOUR, MINUTE, SECOND, World, claim_runs, id},
    },
    time::{Clock, Timestamp},
};

super::cases! {
    "dispatch.only_the_platform_looks_across_tenants" => only_platform,
    "dispatch.what_is_due_comes_earliest_first" => earliest_first,
    "dispatch.kinds_do_not_mix" => kinds,
    "dispatch.the_earlier_instant_wins" => earlier_wins,
    "dispatch.a_claim_is_exclusive_until_its_hold_ends" => exclusive,
    "dispatch.claims_at_once_never_share" => at_once,
    "dispatch.dequeuing_ends_the_work" => dequeuing,
    "dispatch.every_enqueue_and_claim_gives_a_greater_epoch" => epochs_grow,
    "dispatch.an_enqueue_can_be_taken_back" => taken_back,
    "dispatch.a_stale_claim_removes_nothing" => stale,
    "dispatch.a_claim_of_an_earlier_life_removes_nothing" => earlier_life,
    "dispatch.work_that_comes_during_a_claim_is_kept" => kept,
    "dispatch.work_that_comes_during_a_claim_does_not_break_its_hold" => hold_stands,
    "dispatch.a_worker_puts_its_own_work_off" => put_off,
    "dispatch.a_claim_takes_everything_enqueued_before_it" => takes_everything,
    "dispatch.tenants_have_their_own_rows" => own_rows,
}

fn enqueue(number: u128, due: Timestamp) -> Change {
    Change::Enqueue { kind: DispatchKind::RUN, id: id(number), due }
}

fn dequeue(number: u128, epoch: u64) -> Change {
    Change::Dequeue { kind: DispatchKind::RUN, id: id(number), epoch }
}

async fn claim(w: &World) -> Result<Vec<Claim>> {
    w.stores.dispatch.claim(&w.system, &claim_runs(100)).await
}

async fn claimed_ids(w: &World) -> Outcome<Vec<Uuid>> {
    Ok(claim(w).await?.iter().map(|claim| claim.id).collect())
}

/// The epoch of the only claim there is to have.
async fn claim_one(w: &World) -> Outcome<u64> {
    let claims = claim(w).await?;
    same("the number of claims", claims.len(), 1)?;
    Ok(present("the claim", claims.first())?.epoch)
}

async fn only_platform(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    let inside: CallContext = w.system.enter_tenant(w.a.tenant())?;
    for (who, cx) in [("a person", &w.a), ("the system inside a tenant", &inside)] {
        let refusal = w.stores.dispatch.claim(cx, &claim_runs(1)).await;
        refused(&format!("a claim of {who}"), refusal, ErrorKind::Denied)?;
        let refusal = w.stores.dispatch.wait(cx, &[DispatchKind::RUN]).await;
        refused(&format!("a wait of {who}"), refusal, ErrorKind::Denied)?;
    }
    claim_one(&w).await?;
    Ok(())
}

async fn earliest_first(w: World) -> Outcome {
    same("what is due in an empty store", claim(&w).await?, vec![])?;
    let now = w.clock.now();
    let changes = [
        enqueue(3, now.after(MINUTE)),
        enqueue(1, now.after(2 * MINUTE)),
        enqueue(2, now),
        enqueue(4, now.after(HOUR)),
    ];
    w.apply(&w.a, changes).await?;
    w.clock.advance(2 * MINUTE);
    let none = w.stores.dispatch.claim(&w.system, &claim_runs(0)).await?;
    same("a claim of nothing", none, vec![])?;
    let first = w.stores.dispatch.claim(&w.system, &claim_runs(2)).await?;
    same("the earliest two", first.iter().map(|claim| claim.id).collect(), vec![id(2), id(3)])?;
    let found = present("the first claim", first.first())?;
    same("its tenant", found.tenant, w.a.tenant())?;
    same("its kind", found.kind.clone(), DispatchKind::RUN)?;
    same("the rest that is due", claimed_ids(&w).await?, vec![id(1)])
}

async fn kinds(w: World) -> Outcome {
    let now = w.clock.now();
    let own = DispatchKind::new("host.mail".to_owned());
    let all = [DispatchKind::RUN, DispatchKind::APPROVAL, own.clone()];
    for kind in &all {
        w.apply(&w.a, [Change::Enqueue { kind: kind.clone(), id: id(1), due: now }]).await?;
    }
    let request = |kinds: &[DispatchKind]| ClaimRequest { kinds: kinds.into(), hold: MINUTE, limit: 10 };
    let none = w.stores.dispatch.claim(&w.system, &request(&[])).await?;
    same("the claims of no kind", none, vec![])?;
    let one = w.stores.dispatch.claim(&w.system, &request(std::slice::from_ref(&own))).await?;
    same("the kinds of one kind's claims", one.iter().map(|c| c.kind.clone()).collect(), vec![own.clone()])?;
    let epoch = present("the claim", one.first())?.epoch;
    let rest = w.stores.dispatch.claim(&w.system, &request(&all)).await?;
    same("the number of the rest", rest.len(), 2)?;
    w.apply(&w.a, [Change::Dequeue { kind: own, id: id(1), epoch }]).await?;
    Ok(())
}

async fn earlier_wins(w: World) -> Outcome {
    let now = w.clock.now();
    w.apply(&w.a, [enqueue(1, now.after(HOUR)), enqueue(2, now)]).await?;
    w.apply(&w.a, [enqueue(1, now), enqueue(2, now.after(HOUR))]).await?;
    same("what is due", claimed_ids(&w).await?, vec![id(1), id(2)])
}

async fn exclusive(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    let first = claim_one(&w).await?;
    same("a second claim", claim(&w).await?, vec![])?;
    w.clock.advance(MINUTE.saturating_sub(SECOND));
    same("a claim just before the hold ends", claim(&w).await?, vec![])?;
    w.clock.advance(SECOND);
    let second = claim_one(&w).await?;
    ensure(second > first, format!("the epoch went from {first} to {second}"))
}

async fn at_once(w: World) -> Outcome {
    let now = w.clock.now();
    for number in 1..=30 {
        let cx = if number % 2 == 0 { &w.a } else { &w.b };
        w.apply(cx, [enqueue(number, now)]).await?;
    }
    let request = claim_runs(4);
    let claims = (0..16).map(|_| w.stores.dispatch.claim(&w.system, &request));
    let claims: Vec<Vec<Claim>> = join_all(claims).await.into_iter().collect::<Result<_>>()?;
    ensure(claims.iter().all(|claims| claims.len() <= 4), "a claim took more than its limit")?;
    let ids: Vec<Uuid> = claims.iter().flatten().map(|claim| claim.id).collect();
    same("the number of claims", ids.len(), 30)?;
    same("the number of claimed rows", ids.iter().collect::<BTreeSet<_>>().len(), 30)
}

async fn dequeuing(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    let epoch = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, epoch)]).await?;
    w.clock.advance(HOUR);
    same("what is due after the work was done", claim(&w).await?, vec![])
}

async fn epochs_grow(w: World) -> Outcome {
    let now = w.clock.now();
    let mut epochs = Vec::new();
    for _ in 0..2 {
        for due in [now.after(HOUR), now, now.after(HOUR)] {
            epochs.push(present("an epoch", w.apply(&w.a, [enqueue(1, due)]).await?.epoch(0))?);
        }
        epochs.push(claim_one(&w).await?);
        epochs.push(present("an epoch", w.apply(&w.a, [enqueue(1, now)]).await?.epoch(0))?);
        w.clock.advance(MINUTE);
        epochs.push(claim_one(&w).await?);
        w.apply(&w.a, [dequeue(1, epochs.last().copied().unwrap_or_default())]).await?;
    }
    ensure(epochs.is_sorted_by(|a, b| a < b), format!("the epochs do not grow: {epochs:?}"))
}

async fn taken_back(w: World) -> Outcome {
    let now = w.clock.now();
    let receipt = w.apply(&w.a, [enqueue(1, now), enqueue(2, now), enqueue(3, now)]).await?;
    let epoch = |place| present("the epoch of an enqueue", receipt.epoch(place));
    w.apply(&w.a, [enqueue(2, now.after(HOUR))]).await?;
    w.apply(&w.a, [dequeue(1, epoch(0)?), dequeue(2, epoch(1)?)]).await?;
    same("what is due but what was taken back", claimed_ids(&w).await?, vec![id(2), id(3)])?;
    w.apply(&w.a, [dequeue(3, epoch(2)?)]).await?;
    same("a claim during the hold", claim(&w).await?, vec![])?;
    w.clock.advance(MINUTE);
    same("what is due after the hold", claimed_ids(&w).await?, vec![id(2), id(3)])
}

async fn stale(w: World) -> Outcome {
    w.apply(&w.a, [dequeue(1, 1)]).await?;
    let receipt = w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    let enqueued = present("the epoch of the enqueue", receipt.epoch(0))?;
    for epoch in [0, enqueued + 1, u64::MAX] {
        w.apply(&w.a, [dequeue(1, epoch)]).await?;
    }
    let first = claim_one(&w).await?;
    w.clock.advance(MINUTE);
    let second = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, first), dequeue(1, enqueued)]).await?;
    same("a claim while the second worker holds the row", claim(&w).await?, vec![])?;
    w.clock.advance(MINUTE);
    let third = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, second)]).await?;
    w.clock.advance(MINUTE);
    let fourth = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, fourth), dequeue(1, fourth), dequeue(1, third)]).await?;
    w.clock.advance(HOUR);
    same("what is due in the end", claim(&w).await?, vec![])
}

async fn earlier_life(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    let first = claim_one(&w).await?;
    w.clock.advance(HOUR);
    let second = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, second)]).await?;
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    w.apply(&w.a, [dequeue(1, first), dequeue(1, second)]).await?;
    let third = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, first), dequeue(1, second)]).await?;
    w.clock.advance(MINUTE);
    let fourth = claim_one(&w).await?;
    ensure(fourth > third, format!("the epoch went from {third} to {fourth}"))
}

async fn kept(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now()), enqueue(2, w.clock.now())]).await?;
    let claims = claim(&w).await?;
    same("the number of claims", claims.len(), 2)?;
    let later = w.clock.now().after(HOUR);
    w.apply(&w.a, [enqueue(1, w.clock.now()), enqueue(2, later)]).await?;
    for claim in &claims {
        w.apply(&w.a, [Change::Dequeue { kind: claim.kind.clone(), id: claim.id, epoch: claim.epoch }])
            .await?;
    }
    same("what is due after the dequeue", claimed_ids(&w).await?, vec![id(1)])?;
    w.clock.advance(MINUTE.saturating_sub(SECOND));
    same("what is due a little later", claim(&w).await?, vec![])?;
    w.clock.advance(HOUR);
    same("what is due in the end", claimed_ids(&w).await?.len(), 2)
}

async fn hold_stands(w: World) -> Outcome {
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    claim_one(&w).await?;
    w.apply(&w.a, [enqueue(1, w.clock.now())]).await?;
    same("a claim during the hold", claim(&w).await?, vec![])?;
    w.clock.advance(MINUTE);
    let epoch = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, epoch)]).await?;
    same("what is due when the second worker saw it all", claim(&w).await?, vec![])
}

async fn put_off(w: World) -> Outcome {
    let later = w.clock.now().after(HOUR);
    w.apply(&w.a, [enqueue(1, w.clock.now()), enqueue(2, w.clock.now())]).await?;
    let claims = claim(&w).await?;
    let epoch = |number| {
        let found = claims.iter().find(|claim| claim.id == id(number)).map(|claim| claim.epoch);
        present("the claim", found)
    };
    w.apply(&w.a, [dequeue(1, epoch(1)?), enqueue(1, later)]).await?;
    w.apply(&w.a, [enqueue(2, later), dequeue(2, epoch(2)?)]).await?;
    w.clock.advance(HOUR.saturating_sub(SECOND));
    same("what is due before the new instant", claim(&w).await?, vec![])?;
    w.clock.advance(SECOND);
    same("what is due at the new instant", claimed_ids(&w).await?, vec![id(1), id(2)])
}

async fn takes_everything(w: World) -> Outcome {
    let later = w.clock.now().after(HOUR);
    w.apply(&w.a, [enqueue(1, later), enqueue(1, w.clock.now())]).await?;
    claim_one(&w).await?;
    w.apply(&w.a, [enqueue(1, later)]).await?;
    w.clock.advance(MINUTE);
    let second = claim_one(&w).await?;
    w.apply(&w.a, [dequeue(1, second)]).await?;
    w.clock.advance(2 * HOUR);
    same("what is due when the second worker has done it all", claim(&w).await?, vec![])
}

async fn own_rows(w: World) -> Outcome {
    let now = w.clock.now();
    w.apply(&w.a, [enqueue(1, now.after(HOUR))]).await?;
    w.apply(&w.b, [enqueue(1, now)]).await?;
    let claims = claim(&w).await?;
    same("the tenants of what is due", claims.iter().map(|c| c.tenant).collect(), vec![w.b.tenant()])?;
    let of_b = present("the claim", claims.first())?.epoch;
    w.clock.advance(HOUR + MINUTE);
    let claims = claim(&w).await?;
    same("the number of claims later", claims.len(), 2)?;
    let newer = |tenant| claims.iter().find(|claim| claim.tenant == tenant).map(|claim| claim.epoch);
    let of_a = present("the claim of the first tenant", newer(w.a.tenant()))?;
    // Whatever the second tenant names, the first one's row stays.
    w.apply(&w.b, [dequeue(1, of_b), dequeue(1, of_a)]).await?;
    w.apply(&w.b, [dequeue(1, present("the claim of the second", newer(w.b.tenant()))?)]).await?;
    w.clock.advance(MINUTE);
    let claims = claim(&w).await?;
    same("the tenants of what is left", claims.iter().map(|c| c.tenant).collect(), vec![w.a.tenant()])
}
