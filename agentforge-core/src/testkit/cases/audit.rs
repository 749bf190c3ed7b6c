//! The audit trail: an unbroken chain per tenant, written with the change or not at all.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    error::{ErrorKind, Result},
    event::EventScope,
    id::ChangeSetId,
    json::Digest,
    store::{
        AuditDraft, AuditEntry, AuditQuery, AuditVerdict, Change, ChangeSet, Receipt, verify_audit_chain,
    },
    testkit::{
        Failure,
        check::{Outcome, ensure, present, refused, same},
        world::{SECOND, World},
    },
    time::Clock,
};

super::cases! {
    "audit.an_entry_says_who_did_what_when" => who_what_when,
    "audit.entries_form_a_chain" => chain,
    "audit.entries_are_read_from_any_place" => from_any_place,
    "audit.a_refused_set_leaves_no_entry" => refused_set,
    "audit.a_chain_holds_under_concurrency" => concurrent,
    "audit.a_long_chain_is_walked_to_its_end" => long,
    "audit.a_change_by_hand_is_found" => tampering,
    "audit.an_erased_detail_leaves_the_chain_whole" => erased,
}

fn audit(number: u64) -> Change {
    Change::Audit(AuditDraft::done("things:do", "thing", number, json!({ "number": number })))
}

async fn entries(w: &World) -> Result<Vec<AuditEntry>> {
    w.stores.audit.entries(&w.a, &AuditQuery { from: 0, limit: 100 }).await
}

async fn who_what_when(w: World) -> Outcome {
    w.clock.advance(SECOND);
    let cx = w.a.on_behalf(crate::id::AgentId::new(&w.a)).with_project(crate::id::ProjectId::new(&w.a));
    let draft = AuditDraft {
        action: "things:refuse".to_owned(),
        resource: "thing".to_owned(),
        resource_id: None,
        success: false,
        detail: json!({ "why": "naïve 😀", "big": u64::MAX, "float": 0.1 }),
    };
    w.apply(&cx, [Change::Audit(draft.clone())]).await?;
    let found = entries(&w).await?;
    let entry = present("the entry", found.first())?;
    same("the draft", &entry.draft, &draft)?;
    same("the place", entry.seq, 0)?;
    same("when", entry.at, w.clock.now())?;
    same("who", &entry.scope, &EventScope::of(&cx))?;
    same("the request", entry.correlation, cx.correlation())?;
    same("the digest of the detail", entry.detail_digest, Digest::of_json(&draft.detail))
}

async fn chain(w: World) -> Outcome {
    same("the verdict on nothing", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 0 })?;
    w.apply(&w.a, [audit(0), audit(1)]).await?;
    w.apply(&w.b, [audit(0)]).await?;
    w.clock.advance(SECOND);
    w.apply(&w.a, [audit(2)]).await?;
    let found = entries(&w).await?;
    same("the places", found.iter().map(|entry| entry.seq).collect(), vec![0, 1, 2])?;
    let last = verify_audit_chain(w.a.tenant(), None, &found).map_err(|v| Failure::new(format!("{v:?}")))?;
    same("the end of the chain", last, found.last().map(|entry| (entry.seq, entry.hash)))?;
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 3 })?;
    same("the other verdict", w.stores.audit.verify(&w.b).await?, AuditVerdict::Intact { entries: 1 })
}

async fn from_any_place(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2, 3].map(audit)).await?;
    for (from, limit, expected) in
        [(0, 2, vec![0, 1]), (1, 2, vec![1, 2]), (2, 0, vec![2, 3]), (4, 9, vec![])]
    {
        let found = w.stores.audit.entries(&w.a, &AuditQuery { from, limit }).await?;
        let places = found.iter().map(|entry| entry.seq).collect();
        same(&format!("at most {limit} entries from {from}"), places, expected)?;
    }
    Ok(())
}

async fn refused_set(w: World) -> Outcome {
    let fenced = Change::ReleaseLease { run: crate::testkit::world::run(1), epoch: 1 };
    refused("a set", w.apply(&w.a, [audit(0), fenced]).await, ErrorKind::Fenced)?;
    same("the entries", entries(&w).await?, vec![])?;
    w.apply(&w.a, [audit(1)]).await?;
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 1 })
}

async fn concurrent(w: World) -> Outcome {
    let writes = (0..30).map(|number| w.apply(&w.a, [audit(number)]));
    join_all(writes).await.into_iter().collect::<Result<Vec<Receipt>>>()?;
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 30 })
}

async fn long(w: World) -> Outcome {
    for batch in 0..5 {
        let mut set = ChangeSet { id: ChangeSetId::new(&w.a), changes: Vec::new() };
        for number in 0..500 {
            set.push(audit(batch * 500 + number));
        }
        w.stores.records.apply(&w.a, set).await?;
    }
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 2_500 })?;
    let all = w.stores.audit.entries(&w.a, &AuditQuery::default()).await?;
    same("the number of entries when no limit is named", all.len(), 1_000)
}

/// What somebody with a database shell does to an entry.
type Forgery = (&'static str, fn(&mut AuditEntry));

/// The entry that it is done to.
const PLACE: u64 = 2;

async fn tampering(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2, 3].map(audit)).await?;
    let whole = entries(&w).await?;
    let forgeries: [Forgery; 7] = [
        ("another action", |entry| entry.draft.action = "things:undo".to_owned()),
        ("another outcome", |entry| entry.draft.success = false),
        ("another detail", |entry| entry.draft.detail = json!({ "number": 9 })),
        ("another instant", |entry| entry.at = entry.at.after(SECOND)),
        ("another digest", |entry| entry.detail_digest = Digest::of_bytes(b"x")),
        ("another hash", |entry| entry.hash = Digest::of_bytes(b"x")),
        ("another predecessor", |entry| entry.prev = Digest::of_bytes(b"x")),
    ];
    for (what, forge) in forgeries {
        let mut entries = whole.clone();
        for entry in entries.iter_mut().filter(|entry| entry.seq == PLACE) {
            forge(entry);
        }
        ensure_broken(&w, what, &entries, PLACE)?;
    }
    let without_second: Vec<_> = whole.iter().filter(|entry| entry.seq != 1).cloned().collect();
    ensure_broken(&w, "a missing entry", &without_second, 1)?;
    let mut swapped = whole.clone();
    swapped.swap(1, 2);
    ensure_broken(&w, "swapped entries", &swapped, 1)?;
    ensure(
        verify_audit_chain(w.b.tenant(), None, &whole).is_err(),
        "another tenant's chain passed for the tenant's own",
    )
}

fn ensure_broken(w: &World, what: &str, entries: &[AuditEntry], place: u64) -> Outcome {
    match verify_audit_chain(w.a.tenant(), None, entries) {
        Err(AuditVerdict::Broken { seq, .. }) if seq == place => Ok(()),
        verdict => Err(Failure::new(format!("{what}: {verdict:?}, expected a break at {place}"))),
    }
}

async fn erased(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2].map(audit)).await?;
    let mut entries = entries(&w).await?;
    for entry in entries.iter_mut().filter(|entry| entry.seq == 1) {
        entry.draft.detail = Value::Null;
    }
    let verdict = verify_audit_chain(w.a.tenant(), None, &entries);
    ensure(verdict.is_ok(), format!("an erased detail breaks the chain: {verdict:?}"))
}
