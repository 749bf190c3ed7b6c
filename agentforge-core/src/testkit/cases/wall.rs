//! The tenant wall: two tenants with the same ids, keys and hashes. Every method of every port and every kind of change
//! is used in one of them; the other sees nothing of it and loses nothing by it.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    context::CallContext,
    error::ErrorKind,
    id::TenantId,
    store::{Change, DispatchKind, Retention, Stores},
    testkit::{
        Failure,
        check::{Outcome, ensure, present, refused, same},
        life,
        observe::Observed,
        snapshot::{Footprint, Snapshot},
        variants::{VARIANTS, variant_of},
        world::{MINUTE, World, claim_runs, id, person},
    },
};

super::cases! {
    "wall.a_strangers_reads_show_nothing" => strangers_reads,
    "wall.twins_with_identical_ids_never_meet" => twins,
}

/// The tenant that must notice nothing.
const ALPHA: &str = "alpha";
/// The tenant that does everything.
const BETA: &str = "beta";
/// The sections of a furnished tenant's snapshot that show its name; fewer means that a reader does not see its own.
const SECTIONS: usize = 23;

async fn strangers_reads(w: World) -> Outcome {
    let footprint = life::footprint(&[ALPHA, BETA]);
    let empty = Snapshot::take(&w.stores, &w.b, &footprint).await?;
    life::furnish(&w.stores, &w.a, ALPHA).await?;
    let alpha = Snapshot::take(&w.stores, &w.a, &footprint).await?;
    alpha.ensure_shows(ALPHA, SECTIONS)?;
    let seen = Snapshot::take(&w.stores, &w.b, &footprint).await?;
    seen.ensure_hides(ALPHA).and_then(|()| seen.ensure_same_as(&empty))
}

async fn twins(w: World) -> Outcome {
    let observed = Observed::new(w.stores.clone());
    let stores = observed.stores();
    let footprint = life::footprint(&[ALPHA, BETA]);

    life::furnish(&stores, &w.a, ALPHA).await?;
    let alpha = Snapshot::take(&stores, &w.a, &footprint).await?;
    let guard = Guard { stores: &stores, a: &w.a, footprint: &footprint, alpha };

    let receipts = life::furnish(&stores, &w.b, BETA).await?;
    let replayed = receipts.iter().filter(|receipt| receipt.replayed).count();
    same("the sets of one tenant that passed for repetitions of the other's", replayed, 0)?;
    guard.unchanged("furnishing the other tenant").await?;
    let beta = Snapshot::take(&stores, &w.b, &footprint).await?;
    beta.ensure_hides(ALPHA)?;
    beta.ensure_shows(BETA, SECTIONS)?;

    let (claim_a, claim_b) = claim_both(&w, &stores).await?;
    let outbox = life::first_event(&stores, &w.b).await?;
    let upheaval = life::upheaval(&w.b, BETA, claim_b, outbox);
    ensure_complete(&w.b, &upheaval)?;
    for change in upheaval {
        let kind = variant_of(&change);
        let set = crate::store::ChangeSet::new(&w.b).with(change);
        stores.records.apply(&w.b, set).await.map_err(|error| Failure::from(error).during(kind))?;
        guard.unchanged(kind).await?;
    }
    let beta = Snapshot::take(&stores, &w.b, &footprint).await?;
    beta.ensure_hides(ALPHA)?;

    // What the other tenant moved forward is due in that tenant only, and what it ended is still held here.
    ensure_due(&w, &stores, vec![(w.b.tenant(), id(life::LATER))]).await?;
    w.apply(&w.b, [Change::Dequeue { kind: DispatchKind::RUN, id: life::due_work(), epoch: claim_a }])
        .await?;
    w.clock.advance(MINUTE);
    ensure_due(&w, &stores, vec![(w.a.tenant(), life::due_work()), (w.b.tenant(), id(life::LATER))]).await?;

    w.clock.advance(MINUTE * 60 * 24 * 365);
    stores.upkeep.sweep(&w.b, &Retention::default()).await?;
    guard.unchanged("sweeping the other tenant").await?;
    let mover = w.system.enter_tenant(w.b.tenant())?;
    let pulled = super::portable::pull(&stores, &mover, 2).await?;
    stores.upkeep.purge(&mover, w.b.tenant()).await?;
    guard.unchanged("purging the other tenant").await?;
    super::portable::push(&stores, &mover, &pulled).await?;
    guard.unchanged("bringing the other tenant back").await?;

    let never = person(&w.clock, 3)?;
    let nobody = Snapshot::take(&stores, &never, &footprint).await?;
    nobody.ensure_hides(ALPHA).and_then(|()| nobody.ensure_hides(BETA))?;
    same("the methods that this case never called", observed.uncalled(w.b.tenant()), vec![])
}

/// Watches one tenant.
struct Guard<'a> {
    stores: &'a Stores,
    a: &'a CallContext,
    footprint: &'a Footprint,
    alpha: Snapshot,
}

impl Guard<'_> {
    async fn unchanged(&self, what: &str) -> Outcome {
        let now = Snapshot::take(self.stores, self.a, self.footprint).await?;
        now.ensure_same_as(&self.alpha).map_err(|failure| failure.during(format!("{what} in another tenant")))
    }
}

/// The epochs of the claims of both tenants' work; a person claims nothing.
async fn claim_both(w: &World, stores: &Stores) -> Outcome<(u64, u64)> {
    let request = claim_runs(10);
    refused("a claim of a person", stores.dispatch.claim(&w.b, &request).await, ErrorKind::Denied)?;
    let wait = stores.dispatch.wait(&w.b, &request.kinds).await;
    refused("a wait of a person", wait, ErrorKind::Denied)?;
    let claims = stores.dispatch.claim(&w.system, &request).await?;
    same("the number of claims", claims.len(), 2)?;
    let of = |cx: &CallContext| {
        let found = claims.iter().find(|claim| claim.tenant == cx.tenant() && claim.id == life::due_work());
        present("a tenant's claim", found).map(|claim| claim.epoch)
    };
    Ok((of(&w.a)?, of(&w.b)?))
}

/// Claims what is due and fails unless it is this.
async fn ensure_due(w: &World, stores: &Stores, expected: Vec<(TenantId, Uuid)>) -> Outcome {
    let due = stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("what is due", due.into_iter().map(|claim| (claim.tenant, claim.id)).collect(), expected)
}

/// Fails unless the life and the upheaval of a tenant hold every kind of change.
fn ensure_complete(cx: &CallContext, upheaval: &[Change]) -> Outcome {
    let furnishing = life::furnishing(cx, BETA);
    let all = furnishing.iter().flat_map(|set| &set.changes).chain(upheaval);
    let kinds: BTreeSet<_> = all.map(variant_of).collect();
    let missing: Vec<_> = VARIANTS.iter().filter(|kind| !kinds.contains(*kind)).collect();
    ensure(missing.is_empty(), format!("no sample of {missing:?}"))
}
