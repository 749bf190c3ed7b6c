//! The audit trail: an unbroken chain per tenant, written with the change or not at all.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    context::CallContext,
    error::{ErrorKind, Result},
    event::EventScope,
    id::{AgentId, ChangeSetId},
    json::Digest,
    store::{
        AuditDraft, AuditEntry, AuditQuery, AuditVerdict, Change, ChangeSet, MAX_PAGE, Receipt,
        verify_audit_chain,
    },
    testkit::{
        Failure,
        check::{Outcome, ensure, present, refused, same},
        world::{SECOND, World, id},
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
    "audit.a_detail_is_erased_in_its_tenant_alone" => erased_alone,
    "audit.equal_details_have_different_digests" => salted,
    "audit.the_trail_is_searched_by_every_field" => searched,
    "audit.pages_follow_each_other_in_both_directions" => paged,
    "audit.a_query_that_no_entry_can_answer_is_refused" => unanswerable,
}

fn audit(number: u64) -> Change {
    Change::Audit(AuditDraft::done("things:do", "thing", number, json!({ "number": number })))
}

async fn entries(w: &World) -> Result<Vec<AuditEntry>> {
    w.stores.audit.entries(&w.a, &AuditQuery { limit: 100, ..AuditQuery::default() }).await
}

async fn who_what_when(w: World) -> Outcome {
    w.clock.advance(SECOND);
    let cx = w.a.on_behalf(AgentId::new(&w.a)).with_project(crate::id::ProjectId::new(&w.a));
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
    same("the actor", &entry.actor, &cx.scope().principal().to_string())?;
    ensure(entry.salt.is_some(), "the entry is not salted")
}

async fn chain(w: World) -> Outcome {
    same(
        "the verdict on nothing",
        w.stores.audit.verify(&w.a).await?,
        AuditVerdict::Intact { entries: 0, unlinked: 0 },
    )?;
    w.apply(&w.a, [audit(0), audit(1)]).await?;
    w.apply(&w.b, [audit(0)]).await?;
    w.clock.advance(SECOND);
    w.apply(&w.a, [audit(2)]).await?;
    let found = entries(&w).await?;
    same("the places", found.iter().map(|entry| entry.seq).collect(), vec![0, 1, 2])?;
    let last = verify_audit_chain(w.a.tenant(), None, &found).map_err(|v| Failure::new(format!("{v:?}")))?;
    same("the end of the chain", last, found.last().map(|entry| (entry.seq, entry.hash)))?;
    same(
        "the verdict",
        w.stores.audit.verify(&w.a).await?,
        AuditVerdict::Intact { entries: 3, unlinked: 0 },
    )?;
    same(
        "the other verdict",
        w.stores.audit.verify(&w.b).await?,
        AuditVerdict::Intact { entries: 1, unlinked: 0 },
    )
}

async fn from_any_place(w: World) -> Outcome {
    w.apply(&w.a, [0, 1, 2, 3].map(audit)).await?;
    for (from, limit, expected) in
        [(0, 2, vec![0, 1]), (1, 2, vec![1, 2]), (2, 0, vec![2, 3]), (4, 9, vec![])]
    {
        let found = w
            .stores
            .audit
            .entries(&w.a, &AuditQuery { from: Some(from), limit, ..AuditQuery::default() })
            .await?;
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
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 1, unlinked: 0 })
}

async fn concurrent(w: World) -> Outcome {
    let writes = (0..30).map(|number| w.apply(&w.a, [audit(number)]));
    join_all(writes).await.into_iter().collect::<Result<Vec<Receipt>>>()?;
    same("the verdict", w.stores.audit.verify(&w.a).await?, AuditVerdict::Intact { entries: 30, unlinked: 0 })
}

async fn long(w: World) -> Outcome {
    for batch in 0..5 {
        let mut set = ChangeSet { id: ChangeSetId::new(&w.a), changes: Vec::new() };
        for number in 0..500 {
            set.push(audit(batch * 500 + number));
        }
        w.stores.records.apply(&w.a, set).await?;
    }
    same(
        "the verdict",
        w.stores.audit.verify(&w.a).await?,
        AuditVerdict::Intact { entries: 2_500, unlinked: 0 },
    )?;
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
    let forgeries: [Forgery; 9] = [
        ("another action", |entry| entry.draft.action = "things:undo".to_owned()),
        ("another outcome", |entry| entry.draft.success = false),
        ("another detail", |entry| entry.draft.detail = json!({ "number": 9 })),
        ("no detail", |entry| entry.draft.detail = Value::Null),
        ("another actor to be found by", |entry| entry.actor = "system".to_owned()),
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
    let before = entries(&w).await?;
    w.apply(&w.a, [Change::EraseAuditDetail { seq: 1 }, audit(3)]).await?;
    let found = entries(&w).await?;
    let erased = present("the erased entry", found.get(1))?;
    same("its detail", &erased.draft.detail, &Value::Null)?;
    same("its salt", erased.salt, None)?;
    for (now, before) in found.iter().zip(&before).filter(|(now, _)| now.seq != 1) {
        same("an entry beside it", now, before)?;
    }
    let untouched = before.get(1).map(|entry| (entry.hash, entry.detail_digest, entry.draft.action.clone()));
    let now = (erased.hash, erased.detail_digest, erased.draft.action.clone());
    same("the rest of the erased entry", Some(now), untouched)?;
    same(
        "the verdict",
        w.stores.audit.verify(&w.a).await?,
        AuditVerdict::Intact { entries: 4, unlinked: 0 },
    )?;
    w.apply(&w.a, [Change::EraseAuditDetail { seq: 1 }]).await?;
    let mut put_in = found;
    for entry in put_in.iter_mut().filter(|entry| entry.seq == 1) {
        entry.draft.detail = json!({ "number": 1 });
    }
    ensure_broken(&w, "a detail that was put in after it was erased", &put_in, 1)
}

async fn erased_alone(w: World) -> Outcome {
    w.apply(&w.a, [audit(0)]).await?;
    w.apply(&w.b, [audit(0), audit(1)]).await?;
    let missing = w.apply(&w.a, [audit(1), Change::EraseAuditDetail { seq: 2 }]).await;
    refused("erasing an entry that there is not", missing, ErrorKind::NotFound)?;
    same("the entries after it was refused", entries(&w).await?.len(), 1)?;
    let before = w.stores.audit.entries(&w.b, &AuditQuery::default()).await?;
    w.apply(&w.a, [Change::EraseAuditDetail { seq: 0 }]).await?;
    same("the other tenant's entries", w.stores.audit.entries(&w.b, &AuditQuery::default()).await?, before)?;
    let missing = w.apply(&w.a, [Change::EraseAuditDetail { seq: 1 }]).await;
    refused("erasing an entry that only another tenant has", missing, ErrorKind::NotFound).map(drop)
}

async fn salted(w: World) -> Outcome {
    w.apply(&w.a, [audit(0), audit(0)]).await?;
    let found = entries(&w).await?;
    let digests: Vec<_> = found.iter().map(|entry| entry.detail_digest).collect();
    ensure(digests.first() != digests.last(), "two equal details have one digest; a guess would find both")
}

/// Furnishes a tenant with entries of three actors, in which every field that is searched differs.
async fn furnish(w: &World, cx: &CallContext) -> Outcome<Vec<AuditEntry>> {
    let system = w.system.enter_tenant(cx.tenant())?;
    let actors = [cx.clone(), cx.on_behalf(AgentId::from_uuid(id(7))), system];
    for number in 0..36_u64 {
        let of = |count: u64| (number / count).is_multiple_of(2);
        let draft = AuditDraft {
            action: if of(2) { "things:do" } else { "things:undo" }.to_owned(),
            resource: if of(3) { "thing" } else { "no thing" }.to_owned(),
            resource_id: (!number.is_multiple_of(4)).then(|| (number % 4).to_string()),
            success: of(5),
            detail: json!({ "number": number }),
        };
        let actor = actors.iter().cycle().nth(usize::try_from(number).unwrap_or_default());
        w.apply(present("an actor", actor)?, [Change::Audit(draft)]).await?;
        w.clock.advance(SECOND);
    }
    Ok(w.stores.audit.entries(cx, &AuditQuery::default()).await?)
}

async fn searched(w: World) -> Outcome {
    furnish(&w, &w.b).await?;
    let all = furnish(&w, &w.a).await?;
    same("the number of entries", all.len(), 36)?;
    let any = AuditQuery::default;
    let text = |text: &str| Some(text.to_owned());
    let at = |place: usize| all.get(place).map(|entry| entry.at);
    let queries = [
        AuditQuery { actor: text(&w.a.scope().principal().to_string()), ..any() },
        AuditQuery { actor: text(&format!("agent:{}", id(7))), ..any() },
        AuditQuery { actor: text("system"), ..any() },
        AuditQuery { action: text("things:undo"), ..any() },
        AuditQuery { resource: text("no thing"), ..any() },
        AuditQuery { resource: text("thing"), resource_id: text("2"), ..any() },
        AuditQuery { resource_id: text("3"), ..any() },
        AuditQuery { success: Some(true), ..any() },
        AuditQuery { success: Some(false), ..any() },
        AuditQuery { since: at(9), ..any() },
        AuditQuery { until: at(9), ..any() },
        AuditQuery { since: at(9), until: at(20), ..any() },
        AuditQuery { from: Some(10), actor: text("system"), since: at(7), until: at(30), ..any() },
        AuditQuery { actor: text("system"), action: text("things:do"), success: Some(false), ..any() },
        AuditQuery { from: Some(30), ..any() },
    ];
    for query in queries {
        for newest_first in [false, true] {
            for limit in [0, 3] {
                let query = AuditQuery { limit, newest_first, ..query.clone() };
                let mut expected: Vec<_> = all.iter().filter(|entry| query.matches(entry)).cloned().collect();
                if newest_first {
                    expected.reverse();
                }
                let (found, matching) = (w.stores.audit.entries(&w.a, &query).await?, expected.len());
                ensure((1..36).contains(&matching), format!("{query:?} finds all or nothing"))?;
                expected.truncate(query.page() as usize);
                same(&format!("{query:?}"), found, expected)?;
            }
        }
    }
    let nothing = [
        AuditQuery { actor: text("user:nobody"), ..any() },
        AuditQuery { action: text("things"), ..any() },
        AuditQuery { resource: text("thin"), ..any() },
        AuditQuery { resource_id: text(""), ..any() },
        AuditQuery { since: at(9), until: at(9), ..any() },
        AuditQuery { from: Some(u64::MAX), ..any() },
    ];
    for query in nothing {
        same(&format!("{query:?}"), w.stores.audit.entries(&w.a, &query).await?, vec![])?;
    }
    Ok(())
}

async fn paged(w: World) -> Outcome {
    let all = furnish(&w, &w.a).await?;
    for newest_first in [false, true] {
        let first = AuditQuery { limit: 5, success: Some(true), newest_first, ..AuditQuery::default() };
        let mut expected: Vec<_> = all.iter().filter(|entry| first.matches(entry)).cloned().collect();
        if newest_first {
            expected.reverse();
        }
        let (mut found, mut next) = (Vec::new(), Some(first));
        while let Some(query) = next {
            let page = w.stores.audit.entries(&w.a, &query).await?;
            ensure(page.len() <= 5, "a page holds more than its limit")?;
            next = query.behind(&page);
            found.extend(page);
        }
        same("the pages together", found, expected)?;
    }
    Ok(())
}

async fn unanswerable(w: World) -> Outcome {
    for query in [
        AuditQuery { limit: MAX_PAGE + 1, ..AuditQuery::default() },
        AuditQuery { actor: Some("a\0b".to_owned()), ..AuditQuery::default() },
    ] {
        let found = w.stores.audit.entries(&w.a, &query).await;
        refused(&format!("{query:?}"), found, ErrorKind::InvalidInput)?;
    }
    Ok(())
}
