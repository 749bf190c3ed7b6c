//! Golden files: what was written once must be read for ever, and is written the same today.
//!
//! `AGENTFORGE_BLESS=1` writes a file that does not exist yet. A changed form is a migration and a changelog line, not
//! an edit of its file.

use std::{path::PathBuf, time::Duration};

use agentforge_core::{
    approval::{Approval, ApprovalDecision, ApprovalState, ApprovalVerb, Assignee, Resolution, Subject},
    audit::{Checkpoint, EXPORT_VERSION, ExportEnd, ExportHead},
    context::Principal,
    error::{Error, ErrorKind, ErrorReport, Phase},
    event::{Event, EventScope, kind},
    id::{
        AgentId, ApprovalId, ChunkId, CorrelationId, DataKeyId, DocumentId, EventId, ProjectId, RunId,
        SecretId, TenantId, UserId,
    },
    json::Digest,
    message::{
        Citation, Media, MediaKind, MediaSource, Message, Native, Outcome, Part, PartContent, Reasoning,
        Role, ToolCall, ToolResult, Trust,
    },
    model::{Cost, Usage},
    money::{Currency, Money},
    record::{DataKeyRecord, DataKeyState, RunKind, RunRecord, RunState, Sealed, SecretRecord, WrappedBytes},
    store::{
        Applied, AuditDraft, AuditEntry, AuditQuery, AuditVerdict, BlobRef, FieldValue, Filter, JournalEntry,
        JournalRow, Payload, Receipt, Signal, Timer,
    },
    testing::fixed_context,
    time::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

fn id<T>(make: fn(Uuid) -> T, n: u128) -> T {
    make(Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 + n))
}

fn at() -> Timestamp {
    "2026-03-01T09:30:00.000001Z".parse().unwrap()
}

fn blob() -> BlobRef {
    BlobRef {
        sha256: Digest::of_bytes(b"blob"),
        size: 4,
        media_type: "text/plain".to_owned(),
        name: Some("note.txt".to_owned()),
    }
}

/// The value is written as its file says, and the file is read as the value.
fn check<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("json");
    let written = serde_json::to_value(value).unwrap();
    if !path.exists() && std::env::var_os("AGENTFORGE_BLESS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&written).unwrap() + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let golden: Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(written, golden, "{name} is written differently");
    let read: T = serde_json::from_value(golden.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), golden, "{name} is not read back whole");
}

#[test]
fn messages() {
    let citation = Citation {
        quote: "14 days".to_owned(),
        source: "leave.md".to_owned(),
        label: Some("leave.md#3".to_owned()),
        document: Some(id(DocumentId::from_uuid, 1)),
        chunk: Some(id(ChunkId::from_uuid, 2)),
        start: Some(10),
        end: Some(17),
        location: Some("Leave > Annual".to_owned()),
    };
    let media = |source| {
        Part::new(PartContent::Media(Media {
            kind: MediaKind::Image,
            media_type: "image/png".to_owned(),
            name: None,
            source,
        }))
    };
    let call =
        ToolCall { call_id: "c1".to_owned(), name: "balance".to_owned(), arguments: json!({"days": 3}) };
    let result = ToolResult {
        call_id: "c1".to_owned(),
        outcome: Outcome::Ok,
        parts: vec![Part::text("14")],
        structured: Some(json!(14)),
        trust: Trust::Untrusted,
        spilled: Some(blob()),
    };
    let native = Native {
        provider: "anthropic".to_owned(),
        api: "messages".to_owned(),
        item: json!({"type": "thinking", "signature": "sig"}),
    };
    let opaque = json!({"type": "hologram", "depth": 3}).as_object().cloned().unwrap();
    let message = Message::new(
        Role::Assistant,
        vec![
            Part::text("Fourteen days."),
            Part::citation(citation),
            media(MediaSource::Bytes { data: bytes::Bytes::from_static(b"png") }),
            media(MediaSource::Url { url: "https://example.com/a.png".to_owned() }),
            media(MediaSource::FileId { id: "file-1".to_owned() }),
            media(MediaSource::Blob { blob: blob() }),
            Part::tool_call(call),
            Part::tool_result(result),
            Part::new(PartContent::Reasoning(Reasoning { text: "Hm.".to_owned() }))
                .with_native(native.clone()),
            Part { content: PartContent::Opaque(opaque), native: Some(native) },
        ],
    );
    check("message", &message);
}

#[test]
fn a_message_of_a_newer_version_says_so() {
    let error = serde_json::from_value::<Message>(json!({"v": 2, "role": "user", "parts": []})).unwrap_err();
    assert!(error.to_string().contains("upgrade"), "{error}");
}

#[test]
fn errors_and_money() {
    let error = Error::new(ErrorKind::Conflict, "version 3 is not 2")
        .with("field", "version")
        .with("current_version", 3)
        .retry_after(Some(Duration::from_millis(1500)))
        .in_phase(Phase::BeforeFirstEvent);
    check::<ErrorReport>("error", &error.to_report());
    check("problem", &error.to_problem());
    check("money", &Money::new(Currency::USD, -1_234_567_890));
    let codes: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| json!({"code": kind.code(), "status": kind.status(), "retryable": kind.retryable()}))
        .collect();
    check("error_kinds", &codes);
}

#[test]
fn events() {
    let event = Event {
        v: 1,
        id: id(EventId::from_uuid, 3),
        at: at(),
        kind: kind::TOOL_CALL_STARTED.to_owned(),
        scope: EventScope {
            tenant: id(TenantId::from_uuid, 4),
            principal: Principal::Agent { id: id(AgentId::from_uuid, 5) },
            on_behalf_of: Some(Principal::user(id(UserId::from_uuid, 6))),
            project: Some(id(ProjectId::from_uuid, 7)),
        },
        run: Some(id(RunId::from_uuid, 8)),
        seq: Some(9),
        data: json!({"tool": "balance"}),
    };
    check("event", &event);
}

#[test]
fn approvals() {
    let decision = ApprovalDecision {
        by: Principal::user(id(UserId::from_uuid, 6)),
        on_behalf_of: None,
        verb: ApprovalVerb::Edit,
        payload: json!({"days": 2}),
        at: at(),
    };
    let approval = Approval {
        id: id(ApprovalId::from_uuid, 10),
        run: id(RunId::from_uuid, 8),
        subject: Subject {
            kind: "tool_call".to_owned(),
            key: "c1".to_owned(),
            title: "Book 3 days".to_owned(),
            detail: json!({"tool": "book", "arguments": {"days": 3}}),
        },
        digest: Digest::of_bytes(b"asked"),
        assignees: vec![
            Assignee::User { id: id(UserId::from_uuid, 6) },
            Assignee::Role { name: "manager".to_owned() },
        ],
        quorum: 1,
        expires_at: Some(at()),
        state: ApprovalState::Approved,
        decisions: vec![decision.clone()],
    };
    check("approval", &approval);
    let resolution = Resolution {
        approval: approval.id,
        digest: approval.digest,
        state: ApprovalState::Approved,
        decision: Some(decision),
    };
    check("resolution", &resolution);
}

#[test]
fn journal() {
    let entry = JournalEntry::new("effect.completed", json!({"ok": true})).at("check").for_effect("key");
    let row = JournalRow { run: id(RunId::from_uuid, 8), seq: 4, epoch: 2, at: at(), entry: entry.clone() };
    check("journal_row", &row);
    let spilled = JournalRow { entry: JournalEntry { payload: Payload::Blob(blob()), ..entry }, ..row };
    check("journal_row_spilled", &spilled);
    let run = id(RunId::from_uuid, 8);
    check("timer", &Timer { run, key: "wait".to_owned(), due: at() });
    let (name, dedup) = ("approval:1".to_owned(), "resolution".to_owned());
    check("signal", &Signal { run, name, dedup, payload: json!({"yes": true}) });
    let applied = vec![
        Applied::Done,
        Applied::Version(2),
        Applied::Epoch(3),
        Applied::NextSeq(4),
        Applied::Counter(-5),
        Applied::Generation(6),
    ];
    check("receipt", &Receipt { applied, replayed: false });
}

#[test]
fn runs() {
    let run = RunRecord {
        id: id(RunId::from_uuid, 8),
        kind: RunKind::Process,
        name: "leave-request".to_owned(),
        process: None,
        definition: Digest::of_bytes(b"definition"),
        state: RunState::Suspended,
        owner: Some(id(UserId::from_uuid, 6)),
        project: None,
        ended_at: None,
        waiting_for: vec![id(ApprovalId::from_uuid, 10)],
        output: Some(json!({"ok": true})),
        error: Some(Error::cancelled().to_report()),
        usage: Usage { input: Some(10), output: Some(2), ..Usage::default() },
        cost: Cost::Known(Money::zero(Currency::USD)),
    };
    check("run", &run);
}

#[test]
fn filters() {
    let filter = Filter::all([
        Filter::eq("state", "open"),
        Filter::any([Filter::IsNull("owner".to_owned()), Filter::eq("owner", Uuid::nil())]),
        Filter::Not(Box::new(Filter::StartsWith("name".to_owned(), "a".to_owned()))),
        Filter::Compare("at".to_owned(), agentforge_core::store::Ordering::Less, FieldValue::Time(at())),
        Filter::is_in("number", [1_i64, 2]),
        Filter::True,
    ]);
    check("filter", &filter);
}

#[test]
fn audit_entries() {
    let cx = fixed_context();
    let draft = AuditDraft::done("run.started", "run", id(RunId::from_uuid, 8), json!({"name": "leave"}));
    let mut unlinked = AuditEntry::unlinked(&cx, at(), draft);
    unlinked.correlation = CorrelationId::from_uuid(Uuid::nil());
    check("audit_entry_unlinked", &unlinked);
    let mut entry = unlinked.link(None);
    check("audit_entry", &entry);
    entry.erase_detail();
    check("audit_entry_erased", &entry);
}

#[test]
fn audit_checkpoints_and_exports() {
    let checkpoint = Checkpoint {
        v: Checkpoint::VERSION,
        origin: "example.com/audit".to_owned(),
        tenant: id(TenantId::from_uuid, 1),
        size: 3,
        root: Digest::of_bytes(b"root"),
        head: Digest::of_bytes(b"head"),
        at: at(),
        key_id: "key+0a0b0c0d".to_owned(),
        signature: vec![7; 64],
        frontier: vec![Digest::of_bytes(b"pair"), Digest::of_bytes(b"leaf")],
    };
    check("audit_checkpoint", &checkpoint);
    let query = AuditQuery {
        from: Some(7),
        limit: 100,
        actor: Some("system".to_owned()),
        action: Some("run.started".to_owned()),
        resource: Some("run".to_owned()),
        resource_id: Some("1".to_owned()),
        success: Some(true),
        since: Some(at()),
        until: Some(at()),
        newest_first: false,
    };
    let tenant = id(TenantId::from_uuid, 1);
    let head = ExportHead { v: EXPORT_VERSION, tenant, at: at(), query, checkpoint: Some(checkpoint) };
    check("audit_export_head", &head);
    let verdict = AuditVerdict::Broken { seq: 2, reason: "the entry is missing".to_owned() };
    check("audit_export_end", &ExportEnd { entries: 3, root: Digest::of_bytes(b"root"), verdict });
    check("audit_verdict_intact", &AuditVerdict::Intact { entries: 3, unlinked: 1 });
}

/// The sealed value was made by another implementation of the cipher; a test of the vault opens it.
#[test]
fn secrets_at_rest() {
    let ciphertext =
        "dd1d90f819c90d429c7d7a4f0d53658a5e87d2e83941ee95c7fd74398e7c1e4706cad4f415b25294e3c649ba";
    let digits = |at: usize| u8::from_str_radix(&ciphertext[at..at + 2], 16).unwrap();
    let ciphertext = (0..ciphertext.len()).step_by(2).map(digits).collect();
    let sealed = Sealed::new(3, [9; 24], ciphertext);
    check("sealed", &sealed);
    let secret = SecretRecord {
        id: id(SecretId::from_uuid, 11),
        name: "crm/api-key".to_owned(),
        description: "Reads customers".to_owned(),
        data_key: sealed.key(),
        sealed,
    };
    check("secret", &secret);
    let key = DataKeyRecord {
        id: id(DataKeyId::from_uuid, 12),
        number: 3,
        state: DataKeyState::Retired,
        master: "local:0011223344556677".to_owned(),
        wrapped: Some(WrappedBytes(b"wrapped".to_vec())),
    };
    check("data_key", &key);
    check("data_key_destroyed", &DataKeyRecord { state: DataKeyState::Destroyed, wrapped: None, ..key });
}
