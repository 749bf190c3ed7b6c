//! Every record type in its written form, and what declarations promise.
//!
//! One golden file holds a document of each collection. `AGENTFORGE_BLESS=1` writes it when it does not exist.

use std::{path::PathBuf, time::Duration};

use agentforge_core::{
    context::CallContext,
    id::{
        AgentId, AgentVersionId, BudgetId, ConversationId, DocumentId, EnabledModelId, KnowledgeBaseId,
        MemoryId, ModelProviderId, ProcessId, ProjectId, RoleId, RunId, ShareId, TeamId, TemplateId,
        TenantId, ToolExecutionId, ToolId, ToolVersionId, TriggerId, UsageId, UserId,
    },
    json::Digest,
    memory::MemorySubject,
    message::{Message, Outcome, ToolResult},
    model::{Cost, Price, Usage},
    money::{Currency, Money},
    record::{
        AccessRecord, AccessSubject, AgentRecord, AgentVersionRecord, BeyondBudget, BudgetPeriod,
        BudgetRecord, COLLECTIONS, ConversationRecord, DocumentRecord, Editable, EnabledModelRecord,
        KeptResult, KnowledgeBaseRecord, MembershipRecord, MemoryRecord, MessageRecord, ModelProviderRecord,
        Ownership, Position, ProcessRecord, ProjectRecord, RoleRecord, SettingRecord, ShareRecord, Tags,
        TeamRecord, TemplateKind, TemplateRecord, TenantLimits, TenantRecord, ToolExecutionRecord,
        ToolRecord, ToolVersionRecord, TriggerRecord, UsageRecord, UserRecord,
    },
    security::{Permission, Role},
    store::{FieldValue, Record},
    testing::fixed_context,
    time::Timestamp,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

fn id<T>(make: fn(Uuid) -> T, n: u128) -> T {
    make(Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 + n))
}

fn at() -> Timestamp {
    "2026-03-01T09:30:00.000001Z".parse().unwrap()
}

fn ownership() -> Ownership {
    Ownership {
        owner: Some(id(UserId::from_uuid, 1)),
        team: Some(id(TeamId::from_uuid, 2)),
        project: Some(id(ProjectId::from_uuid, 3)),
        tags: Tags::new(["hr", "policy-2026"]).unwrap(),
    }
}

/// Adds a record's document, and reads it back as the record.
fn add<T: Record + PartialEq + std::fmt::Debug>(all: &mut Map<String, Value>, record: &T) {
    let document = serde_json::to_value(record).unwrap();
    let read: T = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(&read, record, "{} is not read back whole", T::SPEC.name);
    for field in T::SPEC.fields {
        FieldValue::extract(T::SPEC, field, &document).unwrap();
        assert!(document.get(field.name).is_some(), "{} has no `{}`", T::SPEC.name, field.name);
    }
    assert_eq!(document["id"], json!(record.id()), "{} does not hold its id", T::SPEC.name);
    assert!(all.insert(T::SPEC.name.to_owned(), document).is_none());
}

fn people(cx: &CallContext, all: &mut Map<String, Value>) {
    let (user, team) = (id(UserId::from_uuid, 1), id(TeamId::from_uuid, 2));
    let mut tenant = TenantRecord::new(id(TenantId::from_uuid, 4), "Acme", "acme", user);
    tenant.domain = Some("acme.example".to_owned());
    tenant.contact.email = Some("office@acme.example".to_owned());
    tenant.branding.colour = Some("#336699".to_owned());
    tenant.limits = TenantLimits { users: Some(50) };
    tenant.retain_until = Some(at());
    add(all, &tenant);
    let mut person = UserRecord::new(user, "dana", ["manager"]);
    person.display_name = Some("Dana".to_owned());
    person.email = Some("dana@acme.example".to_owned());
    add(all, &person);
    let tags = ownership().tags;
    add(all, &TeamRecord { id: team, name: "Finance".to_owned(), description: String::new(), tags });
    add(all, &MembershipRecord::new(team, user, Position::Lead));
    let project = ProjectRecord::new(id(ProjectId::from_uuid, 3), "Payroll");
    add(all, &ProjectRecord { owner: Some(user), team: Some(team), ..project });
    let role = Role {
        name: "clerk".to_owned(),
        title: "Clerk".to_owned(),
        level: 15,
        inherits: vec!["viewer".to_owned()],
        permissions: vec![Permission::KbWrite],
    };
    add(all, &RoleRecord::new(id(RoleId::from_uuid, 5), role));
    let thing = id(|id| id, 6);
    let subject = AccessSubject::Team(team);
    let mut access = AccessRecord::new(cx, AgentRecord::SPEC, thing, subject, [Permission::AgentsRead]);
    access.granted_by = Some(user);
    add(all, &access);
    add(all, &SettingRecord::new("approvals.days", json!(7)));
}

fn work(cx: &CallContext, all: &mut Map<String, Value>) {
    let (name, text) = ("Onboarding".to_owned(), "Welcome.".to_owned());
    let definition = json!({"v": 1});
    let hash = Digest::of_json(&definition);
    let agent = AgentRecord {
        id: id(AgentId::from_uuid, 6),
        current: Some(1),
        ownership: ownership(),
        ..AgentRecord::new(cx, "helper")
    };
    add(all, &agent);
    let version = AgentVersionRecord::new(cx, &agent, 1, definition.clone());
    add(all, &AgentVersionRecord { id: id(AgentVersionId::from_uuid, 7), ..version });
    let (kind, description) = (TemplateKind::Prompt, String::new());
    let (body, template) = (json!("Hello {{ name }}"), id(TemplateId::from_uuid, 8));
    add(
        all,
        &TemplateRecord { id: template, kind, name: name.clone(), description, body, ownership: ownership() },
    );
    let process = id(ProcessId::from_uuid, 9);
    let number = 1;
    add(
        all,
        &ProcessRecord { id: process, name: name.clone(), number, hash, definition, ownership: ownership() },
    );
    let conversation = ConversationRecord {
        id: id(ConversationId::from_uuid, 10),
        agent: Some("helper".to_owned()),
        ownership: ownership(),
        ..ConversationRecord::new(cx, "About leave")
    };
    add(all, &conversation);
    add(all, &MessageRecord::new(&conversation, 0, Message::user("How many days?")));
    let (share, token) = (id(ShareId::from_uuid, 11), Digest::of_bytes(b"token"));
    let (owner, expires_at) = (ownership().owner, Some(at()));
    add(all, &ShareRecord { id: share, conversation: conversation.id, token, expires_at, owner });
    let subject = MemorySubject { agent: Some("helper".to_owned()), user: owner };
    let memory = MemoryRecord::new(cx, &subject, "Prefers mornings.");
    add(all, &MemoryRecord { id: id(MemoryId::from_uuid, 12), ..memory });
    let base = id(KnowledgeBaseId::from_uuid, 13);
    let fingerprint = "words".to_owned();
    add(all, &KnowledgeBaseRecord { id: base, name: name.clone(), ownership: ownership(), fingerprint });
    let (document, sha256) = (id(DocumentId::from_uuid, 14), Digest::of_bytes(text.as_bytes()));
    let source = "welcome.md".to_owned();
    let (knowledge_base, ownership) = (base, ownership());
    add(all, &DocumentRecord { id: document, knowledge_base, source, sha256, text, chunks: 1, ownership });
}

fn operation(all: &mut Map<String, Value>) {
    let (owner, project) = (ownership().owner, ownership().project);
    let run = Some(id(RunId::from_uuid, 15));
    let (name, kind, enabled) = ("balance".to_owned(), "rest".to_owned(), true);
    let (tool, description) = (id(ToolId::from_uuid, 16), None);
    let tool = ToolRecord { id: tool, name, kind, description, enabled, current: 1, ownership: ownership() };
    add(all, &tool);
    let settings = json!({"days": 28});
    add(
        all,
        &ToolVersionRecord {
            id: id(ToolVersionId::from_uuid, 27),
            tool: tool.id,
            number: 1,
            hash: ToolVersionRecord::hash_of(&tool.kind, &settings, &json!(null)),
            settings,
            prepared: json!(null),
            note: "First.".to_owned(),
            owner,
        },
    );
    add(
        all,
        &ToolExecutionRecord {
            id: id(ToolExecutionId::from_uuid, 17),
            tool: tool.name,
            key: "balance-2026-03".to_owned(),
            digest: Digest::of_bytes(b"called"),
            run,
            outcome: Some(Outcome::Ok),
            started_at: at(),
            took: Some(Duration::from_millis(12)),
            cost: None,
            arguments: None,
            result: Some(KeptResult::Plain(ToolResult::notice("c1", Outcome::Ok, "28 days"))),
            owner,
        },
    );
    add(
        all,
        &TriggerRecord {
            id: id(TriggerId::from_uuid, 18),
            name: "Monthly".to_owned(),
            process: "payroll".to_owned(),
            kind: "schedule".to_owned(),
            settings: json!({"cron": "0 9 1 * *", "zone": "Europe/Berlin"}),
            input: json!({}),
            enabled,
            next_at: Some(at()),
            ownership: ownership(),
        },
    );
    let provider = ModelProviderRecord {
        id: id(ModelProviderId::from_uuid, 19),
        name: "Main".to_owned(),
        host: "openai".to_owned(),
        base_url: None,
        wire: None,
        secret: Some("openai/key".to_owned()),
        active: true,
    };
    add(all, &provider);
    let money = Money::new(Currency::USD, 1_500_000_000);
    let price = Some(Price::new(money, money));
    let (model, id_of_model) = ("gpt-5".to_owned(), id(EnabledModelId::from_uuid, 20));
    add(all, &EnabledModelRecord { id: id_of_model, provider: provider.id, model, enabled, price });
    add(
        all,
        &UsageRecord {
            id: id(UsageId::from_uuid, 21),
            at: at(),
            provider: "openai".to_owned(),
            model: "gpt-5".to_owned(),
            run,
            name: Some("helper".to_owned()),
            owner,
            project,
            labels: [("feature".to_owned(), "chat".to_owned())].into(),
            usage: Usage { input: Some(10), output: Some(2), ..Usage::default() },
            cost: Cost::Known(money),
        },
    );
    let budget = BudgetRecord {
        id: id(BudgetId::from_uuid, 22),
        name: "Month".to_owned(),
        project,
        owner: None,
        period: BudgetPeriod::Month,
        limit: money,
        beyond: BeyondBudget::Refuse,
        active: true,
    };
    add(all, &budget);
}

#[test]
fn every_record_is_written_as_its_golden_document_says() {
    let (cx, mut all) = (fixed_context(), Map::new());
    people(&cx, &mut all);
    work(&cx, &mut all);
    operation(&mut all);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/records.json");
    if !path.exists() && std::env::var_os("AGENTFORGE_BLESS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
    }
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (name, document) in &all {
        assert_eq!(document, &golden[name], "`{name}` is written differently");
    }
    assert_eq!(Value::Object(all), golden, "a golden document has no record");
}

#[test]
fn every_collection_stands_behind_those_that_it_refers_to_and_names_only_its_own_fields() {
    for (place, spec) in COLLECTIONS.iter().enumerate() {
        for reference in spec.references {
            let before = &COLLECTIONS[..=place];
            assert!(before.iter().any(|other| other.name == reference.collection), "{}", spec.name);
        }
        for field in spec.search {
            assert!(spec.field(field).is_some(), "`{}` searches `{field}`", spec.name);
        }
        assert_eq!(COLLECTIONS.iter().filter(|other| other.name == spec.name).count(), 1, "{}", spec.name);
    }
}

#[test]
fn tags_are_lower_case_words_in_an_order_of_their_own() {
    let tags = Tags::new(["b", "a", "b"]).unwrap();
    assert_eq!(serde_json::to_value(&tags).unwrap(), json!("a b"));
    assert_eq!(serde_json::from_value::<Tags>(json!("  b  a ")).unwrap(), tags);
    assert_eq!(serde_json::from_value::<Tags>(json!("")).unwrap(), Tags::default());
    for wrong in ["", "A", "a b", "a,b", &"x".repeat(65)] {
        assert!(Tags::new([wrong]).is_err(), "{wrong}");
    }
    assert!(Tags::new((0..33).map(|n| n.to_string())).is_err());
}

#[test]
fn a_tenant_without_a_name_or_with_a_wrong_address_is_refused() {
    let tenant = || TenantRecord::new(id(TenantId::from_uuid, 4), "Acme", "acme", id(UserId::from_uuid, 1));
    assert!(tenant().check().is_ok());
    assert!(TenantRecord { name: " ".to_owned(), ..tenant() }.check().is_err());
    for slug in ["", "Acme", "a b", "-a", &"x".repeat(64)] {
        assert!(TenantRecord { slug: slug.to_owned(), ..tenant() }.check().is_err(), "{slug}");
    }
    for (domain, fine) in [("acme.example", true), ("acme..example", false), ("Acme.example", false)] {
        assert_eq!(
            TenantRecord { domain: Some(domain.to_owned()), ..tenant() }.check().is_ok(),
            fine,
            "{domain}"
        );
    }
}

#[test]
fn a_version_of_an_agent_never_changes() {
    let cx = fixed_context();
    let version = AgentVersionRecord::new(&cx, &AgentRecord::new(&cx, "helper"), 1, json!({"v": 1}));
    let noted = AgentVersionRecord { note: "better".to_owned(), ..version.clone() };
    assert!(noted.check_change(&version).is_ok());
    let other = AgentVersionRecord { definition: json!({"v": 2}), ..version.clone() };
    assert!(other.check().is_err(), "the hash is that of another definition");
    let rehashed = AgentVersionRecord { hash: Digest::of_json(&json!({"v": 2})), ..other };
    assert!(rehashed.check().is_ok() && rehashed.check_change(&version).is_err());
}
