//! Calls outside of runs, recorded: a key that was used once gives the recorded answer for ever.
//!
//! A run needs none of this: its journal holds the intent before a call and the answer after it, and the record of an
//! execution goes along with the answer in one change set. Here the record itself is the journal. It is written before
//! the call and finished after it, so that a crash leaves it begun: a call that may be repeated is made again under its
//! key, and any other is *in doubt*, which only a person or a program outside can settle.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{ApprovalNeed, Preparation, Prepared, Runtime, runtime::refusal};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{RunId, ToolExecutionId},
    json::{check_storable, replace_nul},
    message::{Outcome, ToolCall, ToolResult, Trust},
    record::{KeptResult, Sealed, ToolExecutionRecord},
    security::{Decision, Permission, Resource},
    store::{Change, ChangeSet, Expect, RecordStore, RecordStoreExt, Stored},
};

/// Seals what calls say, so that a record shows it to nobody who may not open it.
#[async_trait]
pub trait SealCalls: Send + Sync {
    /// Seals a value for one field of one execution.
    async fn seal(
        &self,
        cx: &CallContext,
        execution: ToolExecutionId,
        field: &str,
        value: &Value,
    ) -> Result<Sealed>;

    /// Opens what was sealed for the same field of the same execution.
    async fn open(
        &self,
        cx: &CallContext,
        execution: ToolExecutionId,
        field: &str,
        sealed: &Sealed,
    ) -> Result<Value>;
}

/// Where calls outside of runs are recorded.
#[derive(Clone)]
pub struct Executions {
    records: Arc<dyn RecordStore>,
    seals: Option<Arc<dyn SealCalls>>,
}

impl Executions {
    /// In a store, without the arguments of calls.
    pub fn new(records: Arc<dyn RecordStore>) -> Self {
        Self { records, seals: None }
    }

    /// With arguments and results, sealed.
    #[must_use]
    pub fn sealed(mut self, seals: Arc<dyn SealCalls>) -> Self {
        self.seals = Some(seals);
        self
    }
}

/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// How often a lost race for a key is looked at again.
const TRIES: usize = 8;

impl Prepared {
    /// The record of an execution of this call that begins now.
    pub fn begun(&self, cx: &CallContext, run: Option<RunId>, key: impl Into<String>) -> ToolExecutionRecord {
        let (tool, key) = (self.registered.spec.name.clone(), key.into());
        ToolExecutionRecord {
            id: ToolExecutionRecord::id_of(cx.tenant(), &tool, &key),
            tool,
            key,
            digest: self.digest,
            run,
            outcome: None,
            started_at: cx.now(),
            took: None,
            cost: None,
            arguments: None,
            result: None,
            owner: cx.scope().person(),
        }
    }
}

impl ToolExecutionRecord {
    /// The record of an execution that is over, with what the tool says that a call costs.
    #[must_use]
    pub fn finished(mut self, cx: &CallContext, prepared: &Prepared, outcome: Outcome) -> Self {
        self.took = Some(cx.now().since(self.started_at));
        self.cost = prepared.spec().cost_hint;
        self.outcome = Some(outcome);
        self
    }
}

/// What the record of a key says about making a call now.
enum Begun {
    /// The call is made, and its record has this version.
    Now(u64),
    /// This is the answer.
    Before(ToolResult),
}

impl Runtime {
    /// Makes a call outside of a run, once under its key: repeating the key gives the recorded answer. The caller needs
    /// `tools:read` for a tool that only reads, else `tools:write`, and what the tool itself requires.
    ///
    /// Refusals are results and use no key up. A call that needs a person's approval is refused: prepare it, ask, and
    /// give it to [`Runtime::execute_prepared`]. The conversation counts as trusted, since a program speaks.
    ///
    /// A key of 1 to 255 bytes stands for one call: another call under it is a `conflict` on `key`. Without
    /// [`Runtime::with_executions`] this is `unsupported`. Cancelling leaves the record begun.
    pub async fn execute(
        &self,
        cx: &CallContext,
        call: ToolCall,
        key: impl Into<String> + Send,
    ) -> Result<ToolResult> {
        match self.prepare_direct(cx, call).await? {
            Preparation::Ready(prepared) => self.execute_prepared(cx, prepared, key).await,
            Preparation::NeedsApproval(prepared, need) => {
                let why = match need {
                    ApprovalNeed::Tainted => {
                        "it may destroy something, and content from outside may have asked for it"
                    }
                    ApprovalNeed::Question => "it is a question to one",
                    ApprovalNeed::Policy | ApprovalNeed::None => "the policy asks for it",
                };
                let text = format!("`{}` needs the approval of a person: {why}", prepared.call.name);
                Ok(ToolResult::notice(&prepared.call.call_id, Outcome::Denied, text))
            }
            Preparation::Refused(result) => Ok(result),
        }
    }

    async fn prepare_direct(&self, cx: &CallContext, call: ToolCall) -> Result<Preparation> {
        if let Some(spec) = self.registry().spec(&call.name) {
            let needed =
                if spec.annotations.read_only { Permission::ToolsRead } else { Permission::ToolsWrite };
            if let Decision::Deny(reason) = self.authorizer.decide(cx, needed, &Resource::TENANT).await? {
                let text = format!("calling `{}` needs `{needed}`: {}", call.name, reason.as_str());
                return Ok(refusal(&call, Outcome::Denied, text));
            }
        }
        self.prepare(cx, call, Trust::Trusted).await
    }

    /// Makes a prepared call outside of a run, once under its key; see [`Runtime::execute`]. Whoever calls this has asked
    /// people when they had to be asked.
    pub async fn execute_prepared(
        &self,
        cx: &CallContext,
        prepared: Prepared,
        key: impl Into<String> + Send,
    ) -> Result<ToolResult> {
        let Some(executions) = &self.executions else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this runtime records no calls; give it a store with `with_executions`",
            ));
        };
        let key = key.into();
        if key.is_empty() || key.len() > LONGEST_KEY || key.contains(char::is_control) {
            return Err(Error::invalid(format!(
                "an idempotency key is 1 to {LONGEST_KEY} bytes without control characters"
            ))
            .with("field", "key"));
        }
        cx.check_alive()?;
        let mut record = prepared.begun(cx, None, key.clone());
        if let Some(seals) = &executions.seals {
            let sealed = seals.seal(cx, record.id, "arguments", &prepared.call.arguments).await?;
            record.arguments = Some(sealed);
        }
        let version = match executions.begin(cx, &prepared, &record).await? {
            Begun::Now(version) => version,
            Begun::Before(result) => return Ok(result),
        };
        // Cancelled or lost: nobody knows how far it came, and the record says so by being unfinished.
        let result = self.call(cx, prepared.clone(), key).await?;
        let record = record.finished(cx, &prepared, result.outcome);
        executions.finish(&cx.shielded(), record, version, &result).await.map_err(|error| {
            let text =
                format!("`{}` was called and its answer could not be recorded: {error}", prepared.call.name);
            Error::new(error.kind(), text).never_retry().caused_by(error)
        })?;
        Ok(result)
    }
}

impl Executions {
    /// Takes the key for a call, or finds what it stands for.
    async fn begin(
        &self,
        cx: &CallContext,
        prepared: &Prepared,
        record: &ToolExecutionRecord,
    ) -> Result<Begun> {
        for _ in 0..TRIES {
            match self.records.put(cx, record, Expect::Absent).await {
                Ok(version) => return Ok(Begun::Now(version)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
            let Some(before) = self.records.find::<ToolExecutionRecord>(cx, record.id).await? else {
                continue;
            };
            if before.value.digest != record.digest {
                return Err(Error::conflict("key", "the key was used for another call; choose another key")
                    .with("tool", record.tool.clone()));
            }
            if let Some(outcome) = before.value.outcome {
                return self.recorded(cx, prepared, before.value, outcome).await.map(Begun::Before);
            }
            if !prepared.spec().annotations.repeatable() {
                let text = "a call under this key began and did not end: it still runs, or its host stopped, and nobody \
                            knows whether it took effect; find out before you call it again under another key";
                let result = ToolResult::notice(&prepared.call.call_id, Outcome::InDoubt, text);
                return Ok(Begun::Before(result));
            }
            let Stored { version, .. } = before;
            match self.records.put(cx, record, Expect::Version(version)).await {
                Ok(version) => return Ok(Begun::Now(version)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::conflict("key", "the key is being used all the time; try again"))
    }

    /// The answer that a key stands for.
    async fn recorded(
        &self,
        cx: &CallContext,
        prepared: &Prepared,
        record: ToolExecutionRecord,
        outcome: Outcome,
    ) -> Result<ToolResult> {
        let call_id = &prepared.call.call_id;
        let value = match (record.result, &self.seals) {
            (Some(KeptResult::Plain(result)), _) => {
                return Ok(ToolResult { call_id: call_id.clone(), ..result });
            }
            (Some(KeptResult::Sealed(sealed)), Some(seals)) => {
                seals.open(cx, record.id, "result", &sealed).await?
            }
            _ => {
                let text = "the call was made before, and its answer was not kept";
                return Ok(ToolResult::notice(call_id, outcome, text));
            }
        };
        let result: ToolResult = serde_json::from_value(value).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "the recorded answer of a tool has a form that is not read")
                .caused_by(error)
        })?;
        Ok(ToolResult { call_id: call_id.clone(), ..result })
    }

    async fn finish(
        &self,
        cx: &CallContext,
        mut record: ToolExecutionRecord,
        version: u64,
        result: &ToolResult,
    ) -> Result<()> {
        let mut value = serde_json::to_value(result)
            .map_err(|error| Error::internal("a tool's result cannot be written").caused_by(error))?;
        replace_nul(&mut value);
        if check_storable(&value).is_ok() {
            record.result = match &self.seals {
                Some(seals) => Some(KeptResult::Sealed(seals.seal(cx, record.id, "result", &value).await?)),
                None => serde_json::from_value(value).ok().map(KeptResult::Plain),
            };
        }
        let mut changes = ChangeSet::new(cx).with(Change::put(&record, Expect::Version(version))?);
        if let Some(blob) = &result.spilled {
            changes.push(Change::RetainBlob(blob.clone()));
        }
        match self.records.apply(cx, changes).await {
            // Somebody repeated a call that may be repeated, and finishes the record in this one's place.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            applied => applied.map(drop),
        }
    }
}
