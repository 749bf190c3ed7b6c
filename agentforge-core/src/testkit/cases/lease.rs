//! Leases: one living owner per run, and an epoch that every new owner counts on.

use futures::future::join_all;

use crate::{
    error::{ErrorKind, Result},
    store::{Applied, Change, Lease, Receipt},
    testkit::{
        check::{Outcome, ensure, present, refused, same},
        world::{HOUR, MINUTE, SECOND, World, run},
    },
    time::{Clock, Timestamp},
};

super::cases! {
    "leases.a_living_one_keeps_others_out" => keeps_out,
    "leases.an_expired_one_is_taken_over" => taken_over,
    "leases.the_same_owner_takes_it_anew" => same_owner,
    "leases.renewing_extends_and_needs_the_epoch" => renewing,
    "leases.releasing_frees_and_needs_the_epoch" => releasing,
    "leases.one_of_many_takers_wins" => one_wins,
    "leases.need_an_owner" => need_an_owner,
}

fn acquire(owner: &str, until: Timestamp) -> Change {
    Change::AcquireLease { run: run(1), owner: owner.to_owned(), until }
}

async fn keeps_out(w: World) -> Outcome {
    same("the lease of an unknown run", w.stores.journal.lease(&w.a, run(1)).await?, None)?;
    let until = w.clock.now().after(MINUTE);
    let receipt = w.apply(&w.a, [acquire("one", until)]).await?;
    same("the receipt", receipt.applied, vec![Applied::Epoch(1)])?;
    let expected = Lease { run: run(1), epoch: 1, owner: "one".to_owned(), until };
    same("the lease", w.stores.journal.lease(&w.a, run(1)).await?, Some(expected.clone()))?;
    w.clock.advance(MINUTE.saturating_sub(SECOND));
    let refusal = w.apply(&w.a, [acquire("two", until.after(HOUR))]).await;
    refused("another owner", refusal, ErrorKind::Conflict)?;
    same("the lease after the refusal", w.stores.journal.lease(&w.a, run(1)).await?, Some(expected))
}

async fn taken_over(w: World) -> Outcome {
    let until = w.clock.now().after(MINUTE);
    w.apply(&w.a, [acquire("one", until)]).await?;
    w.clock.advance(MINUTE);
    let lease = present("an expired lease", w.stores.journal.lease(&w.a, run(1)).await?)?;
    same("the owner of an expired lease", lease.owner.as_str(), "one")?;
    let until = w.clock.now().after(MINUTE);
    same("the epoch", w.apply(&w.a, [acquire("two", until)]).await?.epoch(0), Some(2))?;
    for (what, change) in [
        (
            "a renewal by the old owner",
            Change::RenewLease { run: run(1), epoch: 1, until: until.after(HOUR) },
        ),
        ("a release by the old owner", Change::ReleaseLease { run: run(1), epoch: 1 }),
    ] {
        refused(what, w.apply(&w.a, [change]).await, ErrorKind::Fenced)?;
    }
    let expected = Lease { run: run(1), epoch: 2, owner: "two".to_owned(), until };
    same("the lease", w.stores.journal.lease(&w.a, run(1)).await?, Some(expected))
}

async fn same_owner(w: World) -> Outcome {
    let until = w.clock.now().after(MINUTE);
    w.apply(&w.a, [acquire("one", until)]).await?;
    same("the epoch", w.apply(&w.a, [acquire("one", until.after(HOUR))]).await?.epoch(0), Some(2))?;
    let stale = w.apply(&w.a, [Change::RenewLease { run: run(1), epoch: 1, until }]).await;
    refused("a renewal under the first epoch", stale, ErrorKind::Fenced)?;
    Ok(())
}

async fn renewing(w: World) -> Outcome {
    let until = w.clock.now().after(MINUTE);
    let renew = |epoch, until| Change::RenewLease { run: run(1), epoch, until };
    refused("a renewal of no lease", w.apply(&w.a, [renew(1, until)]).await, ErrorKind::Fenced)?;
    w.apply(&w.a, [acquire("one", until)]).await?;
    refused("a renewal under a wrong epoch", w.apply(&w.a, [renew(2, until)]).await, ErrorKind::Fenced)?;
    w.apply(&w.a, [renew(1, until.after(HOUR))]).await?;
    w.clock.advance(HOUR);
    let refusal = w.apply(&w.a, [acquire("two", until.after(HOUR))]).await;
    refused("another owner during the renewed lease", refusal, ErrorKind::Conflict)?;
    w.clock.advance(HOUR);
    same("the epoch", w.apply(&w.a, [acquire("two", w.clock.now().after(HOUR))]).await?.epoch(0), Some(2))
}

async fn releasing(w: World) -> Outcome {
    let until = w.clock.now().after(HOUR);
    let release = |epoch| Change::ReleaseLease { run: run(1), epoch };
    refused("a release of no lease", w.apply(&w.a, [release(1)]).await, ErrorKind::Fenced)?;
    w.apply(&w.a, [acquire("one", until)]).await?;
    refused("a release under a wrong epoch", w.apply(&w.a, [release(2)]).await, ErrorKind::Fenced)?;
    w.apply(&w.a, [release(1)]).await?;
    let lease = present("a released lease", w.stores.journal.lease(&w.a, run(1)).await?)?;
    same("the owner of a released lease", lease.owner.as_str(), "")?;
    let renewal = w.apply(&w.a, [Change::RenewLease { run: run(1), epoch: 1, until }]).await;
    refused("a renewal after the release", renewal, ErrorKind::Fenced)?;
    same("the epoch", w.apply(&w.a, [acquire("two", until)]).await?.epoch(0), Some(2))
}

async fn need_an_owner(w: World) -> Outcome {
    let until = w.clock.now().after(MINUTE);
    refused("a lease of nobody", w.apply(&w.a, [acquire("", until)]).await, ErrorKind::InvalidInput)?;
    Ok(())
}

async fn one_wins(w: World) -> Outcome {
    let until = w.clock.now().after(HOUR);
    let takers: Vec<_> = (0..16).map(|number| format!("owner {number}")).collect();
    let tries = takers.iter().map(|owner| w.apply(&w.a, [acquire(owner, until)]));
    let results: Vec<Result<Receipt>> = join_all(tries).await;
    same("how many won", results.iter().filter(|result| result.is_ok()).count(), 1)?;
    let lease = present("the lease", w.stores.journal.lease(&w.a, run(1)).await?)?;
    same("the epoch", lease.epoch, 1)?;
    let winner =
        takers.iter().zip(&results).find(|(_, result)| result.is_ok()).map(|(owner, _)| owner.as_str());
    ensure(winner == Some(lease.owner.as_str()), format!("{winner:?} won, but `{}` owns", lease.owner))
}
