//! A process may die at any write of an agent's run: another goes on, and nothing is done twice unasked.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agentforge::{
    CallContext, Error, ErrorKind, Result,
    agent::{Agent, AgentParts, AgentRun, Driver},
    event::NoEvents,
    message::{Outcome, Part},
    model::{ScriptedModel, ScriptedTurn},
    record::RunState,
    security::{Authorizer, Decision, Permission, Resource},
    serde_json::json,
    store::{
        ChangeSet, CollectionSpec, Filter, Page, Query, RawRecord, Receipt, RecordStore, RecordStoreExt,
        Stores,
    },
    stores::memory::MemoryStore,
    testing::{FixedClock, SeededRandom, fixed_context_with},
    tool::Annotations,
};

use crate::agents::Shredder;

struct Everybody;

#[agentforge::async_trait]
impl Authorizer for Everybody {
    async fn decide(&self, _: &CallContext, _: Permission, _: &Resource) -> Result<Decision> {
        Ok(Decision::Allow)
    }

    async fn filter(&self, _: &CallContext, _: Permission, _: &'static CollectionSpec) -> Result<Filter> {
        Ok(Filter::True)
    }
}

/// Dies at the n-th write: before it, or after it with its answer lost.
struct Dying {
    store: Arc<dyn RecordStore>,
    left: AtomicU32,
    after_commit: bool,
}

#[agentforge::async_trait]
impl RecordStore for Dying {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[agentforge::uuid::Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.store.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.store.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        let dead = || Error::new(ErrorKind::Transport, "the process is dead");
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(1) if self.after_commit => {
                self.store.apply(cx, changes).await?;
                Err(dead())
            }
            Ok(1) | Err(_) => Err(dead()),
            Ok(_) => self.store.apply(cx, changes).await,
        }
    }
}

fn driver(stores: Stores, worker: &str) -> Driver {
    Driver::new(AgentParts {
        stores,
        authorizer: Arc::new(Everybody),
        events: Arc::new(NoEvents),
        worker: worker.to_owned(),
    })
}

fn agent(model: ScriptedModel, shredder: &Shredder, annotations: Annotations) -> Agent {
    Agent::builder("cleaner", Arc::new(model)).tool(shredder.tool(annotations)).build().unwrap()
}

/// One script for both lives: the model answers what the conversation asks for, however often it is asked.
fn script() -> Vec<ScriptedTurn> {
    let call = |file: &str| ("shred".to_owned(), json!({ "file": file }));
    vec![
        ScriptedTurn::ToolCalls(vec![call("a"), call("b")]),
        ScriptedTurn::ToolCalls(vec![call("c")]),
        ScriptedTurn::Text("done".to_owned()),
    ]
}

/// The run after a crash at a write, gone on with by another driver; `None` when the run was never begun.
async fn crashed_at(
    write: u32,
    after_commit: bool,
    annotations: Annotations,
) -> (Option<AgentRun>, Shredder, bool) {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let stores = MemoryStore::new(&SeededRandom::new(1)).stores();
    let shredder = Shredder::default();
    let dying = Dying { store: stores.records.clone(), left: AtomicU32::new(write), after_commit };
    let first = driver(Stores { records: Arc::new(dying), ..stores.clone() }, "first");
    let scripted = script().into_iter().fold(ScriptedModel::new(), ScriptedModel::then);
    let ended = first
        .start(&cx, &agent(scripted, &shredder, annotations), vec![agentforge::message::Message::user("go")])
        .await;
    if let Ok(run) = ended {
        return (Some(run), shredder, false);
    }
    clock.advance(std::time::Duration::from_mins(1));
    let runs =
        stores.records.list::<agentforge::record::RunRecord>(&cx, &Query::new(Filter::True)).await.unwrap();
    let Some(run) = runs.records.first() else { return (None, shredder, true) };
    let second = driver(stores.clone(), "second");
    // The second life's model is asked from where the journal stands.
    let answered = second.state(&cx, run.value.id).await.unwrap().steps as usize;
    let scripted = script().into_iter().skip(answered).fold(ScriptedModel::new(), ScriptedModel::then);
    let run = second.resume(&cx, &agent(scripted, &shredder, annotations), run.value.id, None).await.unwrap();
    (Some(run), shredder, true)
}

#[tokio::test]
async fn a_repeatable_tool_ends_as_if_nothing_had_happened() {
    let mut write = 1;
    loop {
        let mut crashed = false;
        for after_commit in [false, true] {
            let (run, shredder, died) = crashed_at(write, after_commit, Annotations::READ_ONLY).await;
            crashed |= died;
            let Some(run) = run else { continue };
            assert_eq!((run.state, run.text().as_str()), (RunState::Completed, "done"), "write {write}");
            let keys: std::collections::BTreeSet<_> =
                shredder.calls().into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys.len(), 3, "write {write}: each effect has one key, however often it was made");
        }
        if !crashed {
            break;
        }
        write += 1;
    }
    assert!(write >= 8, "only {write} writes were tried");
}

#[tokio::test]
async fn a_tool_that_must_not_be_repeated_is_never_made_twice() {
    let (mut write, mut in_doubt) = (1, 0);
    loop {
        let mut crashed = false;
        for after_commit in [false, true] {
            let (run, shredder, died) = crashed_at(write, after_commit, Annotations::WRITES).await;
            crashed |= died;
            let Some(run) = run else { continue };
            assert_eq!(run.state, RunState::Completed, "write {write}");
            let mut keys: Vec<_> = shredder.calls().into_iter().map(|(key, _)| key).collect();
            let made = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), made, "write {write}: a call was made twice");
            let results =
                run.messages.iter().flat_map(|message| &message.parts).filter_map(Part::as_tool_result);
            let outcomes: Vec<_> = results.map(|result| result.outcome).collect();
            assert_eq!(outcomes.len(), 3);
            let doubtful = outcomes.iter().filter(|outcome| **outcome == Outcome::InDoubt).count();
            let sure = outcomes.iter().filter(|outcome| **outcome == Outcome::Ok).count();
            assert!(sure <= made && made <= sure + doubtful, "write {write}: {outcomes:?} for {made} calls");
            in_doubt += doubtful;
        }
        if !crashed {
            break;
        }
        write += 1;
    }
    assert!(in_doubt > 0, "no crash fell between a call and its answer");
}

#[tokio::test]
async fn a_live_lease_keeps_others_away() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let stores = MemoryStore::new(&SeededRandom::new(1)).stores();
    let dying = Dying { store: stores.records.clone(), left: AtomicU32::new(2), after_commit: true };
    let first = driver(Stores { records: Arc::new(dying), ..stores.clone() }, "first");
    let shredder = Shredder::default();
    let scripted = script().into_iter().fold(ScriptedModel::new(), ScriptedModel::then);
    let cleaner = agent(scripted, &shredder, Annotations::READ_ONLY);
    first.start(&cx, &cleaner, vec![agentforge::message::Message::user("go")]).await.unwrap_err();
    let runs =
        stores.records.list::<agentforge::record::RunRecord>(&cx, &Query::new(Filter::True)).await.unwrap();
    let id = runs.records[0].value.id;
    let error = driver(stores.clone(), "second").resume(&cx, &cleaner, id, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
