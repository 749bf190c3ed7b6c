//! Records of a workspace: authorised, audited and announced, the same for the platform's types and the host's own.

use agentforge::{
    ErrorKind, Forge, Workspace,
    context::Principal,
    id::{AgentId, ConversationId, ProjectId, TeamId, UserId},
    message::Message,
    record::{
        AccessSubject, AgentRecord, AgentVersionRecord, ConversationRecord, Editable, Governed,
        KnowledgeBaseRecord, MembershipRecord, MessageRecord, Position, ProcessRecord, ProjectRecord, Tags,
        TeamRecord, ToolRecord,
    },
    security::Permission,
    serde_json::json,
    store::{
        AuditQuery, CollectionSpec, FieldKind, FieldSpec, Filter, OnDelete, Query, Record, ReferenceSpec,
        UniqueSpec,
    },
    uuid::Uuid,
};
use serde::{Deserialize, Serialize};

use crate::folder::Folder;

/// A host's own records: an invoice with lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Invoice {
    id: Uuid,
    number: String,
    owner: Option<UserId>,
}

impl Record for Invoice {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("number", FieldKind::Text), FieldSpec::new("owner", FieldKind::Id)],
        unique: &[UniqueSpec { fields: &["number"] }],
        soft_delete: true,
        ..CollectionSpec::new("invoices")
    };

    fn id(&self) -> Uuid {
        self.id
    }
}

impl Governed for Invoice {
    const NOUN: &'static str = "invoice";
    const READ: Permission = Permission::IntegrationsRead;
}

impl Editable for Invoice {
    const CREATE: Permission = Permission::IntegrationsWrite;
    const WRITE: Permission = Permission::IntegrationsWrite;
    const DELETE: Permission = Permission::IntegrationsDelete;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    id: Uuid,
    invoice: Uuid,
    text: String,
}

impl Record for Line {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("invoice", FieldKind::Id)],
        references: &[ReferenceSpec {
            field: "invoice",
            collection: "invoices",
            on_delete: OnDelete::Cascade,
        }],
        soft_delete: true,
        ..CollectionSpec::new("invoice_lines")
    };

    fn id(&self) -> Uuid {
        self.id
    }
}

impl Governed for Line {
    const NOUN: &'static str = "invoice_line";
    const READ: Permission = Permission::IntegrationsRead;
}

impl Editable for Line {
    const CREATE: Permission = Permission::IntegrationsWrite;
    const WRITE: Permission = Permission::IntegrationsWrite;
    const DELETE: Permission = Permission::IntegrationsDelete;
}

const OWN: &[&CollectionSpec] = &[Invoice::SPEC, Line::SPEC];

/// Both stores, each with a forge that nobody else uses.
async fn forges(folder: &Folder) -> Vec<Forge> {
    let mut forges = Vec::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        forges.push(Forge::builder(location).collections(OWN).without_worker().open().await.unwrap());
    }
    forges
}

async fn joined(forge: &Forge, name: &str, roles: &[&str]) -> (UserId, Workspace) {
    let owner = forge.workspace();
    let user = owner.identity().add_user(name, roles).await.unwrap();
    (user, forge.enter(owner.context().tenant(), Principal::user(user)).await.unwrap())
}

fn nap() -> agentforge::serde_json::Value {
    json!({"v": 1, "name": "nap", "nodes": [{"id": "sleep", "type": "wait", "config": {"for": "PT1H"}}]})
}

fn all() -> Query {
    Query::new(Filter::True)
}

fn kind<T: std::fmt::Debug>(result: Result<T, agentforge::Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[tokio::test]
async fn a_record_is_made_changed_deleted_and_brought_back_with_a_trail() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let workspace = forge.workspace();
        let agents = workspace.records::<AgentRecord>();
        let agent = AgentRecord::new(workspace.context(), "helper");
        assert_eq!(agents.create(&agent).await.unwrap(), 1);
        assert_eq!(kind(agents.create(&agent).await), ErrorKind::Conflict);
        let namesake = AgentRecord::new(workspace.context(), "helper");
        let error = agents.create(&namesake).await.unwrap_err();
        assert_eq!((error.kind(), error.get("field")), (ErrorKind::Conflict, Some(&json!("name"))));

        let version =
            agents.update(agent.id, 1, |agent| agent.description = "Helps.".to_owned()).await.unwrap();
        let error = agents.update(agent.id, 1, |_| {}).await.unwrap_err();
        assert_eq!((error.kind(), error.get("current_version")), (ErrorKind::Conflict, Some(&json!(2))));
        assert_eq!(
            kind(agents.update(agent.id, 2, |agent| agent.id = namesake.id).await),
            ErrorKind::InvalidInput
        );
        assert_eq!(agents.get(agent.id).await.unwrap().value.description, "Helps.");

        agents.delete(agent.id, version).await.unwrap();
        assert_eq!(kind(agents.get(agent.id).await), ErrorKind::NotFound);
        assert_eq!(kind(agents.delete(agent.id, version).await), ErrorKind::NotFound);
        assert!(agents.list(&all()).await.unwrap().records.is_empty());
        let restored = agents.restore(agent.id).await.unwrap();
        assert!(restored > version, "no version comes twice");
        assert_eq!(kind(agents.restore(agent.id).await), ErrorKind::Conflict);
        assert_eq!(agents.get(agent.id).await.unwrap().value.description, "Helps.");

        let trail = workspace.audit().entries(&AuditQuery::default()).await.unwrap();
        let of_agent = trail.iter().filter(|entry| entry.draft.resource == "agent");
        let actions: Vec<_> = of_agent.map(|entry| entry.draft.action.as_str()).collect();
        assert_eq!(actions, ["agent.created", "agent.updated", "agent.deleted", "agent.restored"]);
        let update = trail.iter().find(|entry| entry.draft.action == "agent.updated").unwrap();
        assert_eq!(update.draft.detail, json!({"version": 2, "fields": ["description"]}));
        assert!(workspace.audit().verify().await.unwrap().is_intact());
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_may_not_be_seen_look_the_same() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let owner = forge.workspace();
        let invoice = Invoice { id: Uuid::from_u128(7), number: "1".to_owned(), owner: None };
        owner.records::<Invoice>().create(&invoice).await.unwrap();
        let (_, stranger) = joined(&forge, "Vera", &["viewer"]).await;
        let invoices = stranger.records::<Invoice>();
        let nowhere = Uuid::from_u128(8);
        for (hidden, missing) in [
            (invoices.get(invoice.id).await.map(drop), invoices.get(nowhere).await.map(drop)),
            (
                invoices.update(invoice.id, 1, |_| {}).await.map(drop),
                invoices.update(nowhere, 1, |_| {}).await.map(drop),
            ),
            (invoices.delete(invoice.id, 1).await, invoices.delete(nowhere, 1).await),
            (invoices.restore(invoice.id).await.map(drop), invoices.restore(nowhere).await.map(drop)),
        ] {
            let (hidden, missing) = (hidden.unwrap_err(), missing.unwrap_err());
            assert_eq!(hidden.kind(), ErrorKind::NotFound);
            let anonymous =
                |text: &str| text.replace(&invoice.id.to_string(), "ID").replace(&nowhere.to_string(), "ID");
            assert_eq!(anonymous(&hidden.to_string()), anonymous(&missing.to_string()));
        }
        let page = invoices.list(&all().counted()).await.unwrap();
        assert_eq!((page.records.len(), page.total), (0, Some(0)), "not even the number shows");
        // Who may see a thing is told that changing it is another matter.
        let (_, auditor) = joined(&forge, "Axel", &["auditor"]).await;
        assert!(auditor.records::<Invoice>().get(invoice.id).await.is_ok());
        assert_eq!(kind(auditor.records::<Invoice>().update(invoice.id, 1, |_| {}).await), ErrorKind::Denied);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_owner_needs_no_role_and_cannot_give_a_thing_away_without_one() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let (ann, ann_space) = joined(&forge, "Ann", &[]).await;
        let (ben, ben_space) = joined(&forge, "Ben", &[]).await;
        let owner = forge.workspace();
        for (n, of) in [(1, ann), (2, ann), (3, ben)] {
            let invoice = Invoice { id: Uuid::from_u128(n), number: n.to_string(), owner: Some(of) };
            owner.records::<Invoice>().create(&invoice).await.unwrap();
        }
        let own = ann_space.records::<Invoice>().list(&all().counted()).await.unwrap();
        assert_eq!((own.records.len(), own.total), (2, Some(2)));
        assert_eq!(ben_space.records::<Invoice>().list(&all()).await.unwrap().records.len(), 1);
        let invoices = ann_space.records::<Invoice>();
        invoices.update(Uuid::from_u128(1), 1, |invoice| invoice.number = "1a".to_owned()).await.unwrap();
        let given = invoices.update(Uuid::from_u128(1), 2, |invoice| invoice.owner = Some(ben)).await;
        assert_eq!(kind(given), ErrorKind::Denied);
        invoices.delete(Uuid::from_u128(1), 2).await.unwrap();
        let made = invoices
            .create(&Invoice { id: Uuid::from_u128(4), number: "4".to_owned(), owner: Some(ann) })
            .await;
        assert_eq!(kind(made), ErrorKind::Denied, "owning what is not there yet permits nothing");
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn parts_go_and_come_back_with_their_whole() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let workspace = forge.workspace();
        let conversation = ConversationRecord::new(workspace.context(), "Leave");
        let (conversations, messages) =
            (workspace.records::<ConversationRecord>(), workspace.records::<MessageRecord>());
        conversations.create(&conversation).await.unwrap();
        for (ordinal, text) in (0..).zip(["How many days?", "28.", "Thanks."]) {
            messages.create(&MessageRecord::new(&conversation, ordinal, Message::user(text))).await.unwrap();
        }
        let again = MessageRecord::new(&conversation, 1, Message::user("29."));
        assert_eq!(kind(messages.create(&again).await), ErrorKind::Conflict, "one message at each place");
        // One was deleted before and stays deleted.
        messages.delete(MessageRecord::id_of(conversation.id, 2), 1).await.unwrap();
        conversations.delete(conversation.id, 1).await.unwrap();
        let of_it = Query::new(Filter::eq("conversation", conversation.id.as_uuid())).ascending("ordinal");
        assert!(messages.list(&of_it).await.unwrap().records.is_empty());
        conversations.restore(conversation.id).await.unwrap();
        let back = messages.list(&of_it).await.unwrap().records;
        assert_eq!(back.iter().map(|stored| stored.value.ordinal).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(back[1].value.message.text(), "28.");

        // A part stays in its whole, and cannot be made in one that is not there.
        let other = ConversationRecord::new(workspace.context(), "Other");
        conversations.create(&other).await.unwrap();
        let id = MessageRecord::id_of(conversation.id, 0);
        let moved = messages.update(id, back[0].version, |message| message.conversation = other.id).await;
        assert_eq!(kind(moved), ErrorKind::InvalidInput);
        let nowhere = ConversationRecord { id: ConversationId::from_uuid(Uuid::from_u128(1)), ..other };
        let made = messages.create(&MessageRecord::new(&nowhere, 0, Message::user("Hello?"))).await;
        assert_eq!(kind(made), ErrorKind::InvalidInput);
        // A host's own parts come back too.
        let invoice = Invoice { id: Uuid::from_u128(1), number: "1".to_owned(), owner: None };
        let line = Line { id: Uuid::from_u128(2), invoice: invoice.id, text: "Bread".to_owned() };
        workspace.records::<Invoice>().create(&invoice).await.unwrap();
        workspace.records::<Line>().create(&line).await.unwrap();
        workspace.records::<Invoice>().delete(invoice.id, 1).await.unwrap();
        assert!(workspace.records::<Line>().find(line.id).await.unwrap().is_none());
        workspace.records::<Invoice>().restore(invoice.id).await.unwrap();
        assert_eq!(workspace.records::<Line>().get(line.id).await.unwrap().value, line);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_team_comes_back_with_those_members_who_are_still_there() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let workspace = forge.workspace();
        let identity = workspace.identity();
        let team = identity.create_team("Finance").await.unwrap();
        let (ann, ben) =
            (identity.add_user("Ann", &[]).await.unwrap(), identity.add_user("Ben", &[]).await.unwrap());
        for user in [ann, ben] {
            identity.add_member(team, user, Position::Member).await.unwrap();
        }
        let teams = workspace.records::<TeamRecord>();
        teams.delete(team, 1).await.unwrap();
        identity.delete_user(ben).await.unwrap();
        teams.restore(team).await.unwrap();
        let members: Vec<_> =
            identity.members(team).await.unwrap().into_iter().map(|m| m.value.user).collect();
        assert_eq!(members, [ann]);
        let membership = MembershipRecord::id_of(team, ben);
        assert!(workspace.records::<MembershipRecord>().find(membership).await.unwrap().is_none());
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_conversation_is_private_until_it_is_shared() {
    let forge = Forge::open("memory:").await.unwrap();
    let (_, ann) = joined(&forge, "Ann", &["member"]).await;
    let (ben_id, ben) = joined(&forge, "Ben", &["member"]).await;
    let conversation = ConversationRecord::new(ann.context(), "Salary");
    ann.records().create(&conversation).await.unwrap();
    ann.records().create(&MessageRecord::new(&conversation, 0, Message::user("More?"))).await.unwrap();

    let message = MessageRecord::new(&conversation, 1, Message::user("Me too"));
    assert_eq!(
        kind(ben.records().create(&message).await),
        ErrorKind::InvalidInput,
        "for Ben there is no such thing"
    );
    assert!(ben.records::<MessageRecord>().list(&all()).await.unwrap().records.is_empty());
    let read = [Permission::ConversationsRead];
    let with_ben = AccessSubject::User(ben_id);
    let shared =
        ann.identity().grant::<ConversationRecord>(conversation.id, with_ben.clone(), &read, None).await;
    shared.unwrap();
    assert_eq!(
        ben.records::<MessageRecord>().list(&all()).await.unwrap().records.len(),
        1,
        "parts are open too"
    );
    assert_eq!(kind(ben.records().create(&message).await), ErrorKind::Denied, "reading is not writing");
    assert_eq!(
        kind(
            ben.identity().grant::<ConversationRecord>(conversation.id, with_ben.clone(), &read, None).await
        ),
        ErrorKind::Denied,
        "who was let in lets nobody else in"
    );
    ann.identity().revoke::<ConversationRecord>(conversation.id, &with_ben).await.unwrap();
    assert!(ben.records::<ConversationRecord>().find(conversation.id).await.unwrap().is_none());
    forge.close().await.unwrap();
}

#[tokio::test]
async fn things_that_keep_their_content_can_be_filed_and_found_by_tags() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let workspace = forge.workspace();
        workspace.processes().publish(&nap()).await.unwrap();
        workspace.knowledge("handbook").await.unwrap();
        let processes = workspace.records::<ProcessRecord>();
        let process = processes.list(&all()).await.unwrap().records.remove(0);
        let hash = process.value.hash;
        let tags = Tags::new(["hr", "yearly"]).unwrap();
        let wanted = tags.clone();
        let version =
            processes.file(process.value.id, process.version, move |filing| filing.tags = wanted).await;
        let found = processes.list(&Query::new(Filter::words("tags", "year"))).await.unwrap().records;
        assert_eq!((found.len(), found[0].version), (1, version.unwrap()));
        assert_eq!((&found[0].value.ownership.tags, found[0].value.hash), (&tags, hash));
        assert!(workspace.processes().start("nap", json!({}), None).await.is_ok(), "it still runs");

        let bases = workspace.records::<KnowledgeBaseRecord>();
        let base = bases.list(&all()).await.unwrap().records.remove(0);
        let project = ProjectId::from_uuid(Uuid::from_u128(5));
        let filed = bases.file(base.value.id, base.version, |filing| filing.project = Some(project)).await;
        assert_eq!(kind(filed), ErrorKind::InvalidInput, "there is no such project");
        workspace.records().create(&ProjectRecord::new(project, "Payroll")).await.unwrap();
        bases.file(base.value.id, base.version, |filing| filing.project = Some(project)).await.unwrap();
        let of_project = Query::new(Filter::eq("project", project.as_uuid()));
        assert_eq!(bases.list(&of_project).await.unwrap().records.len(), 1);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn pages_hold_what_the_principal_may_see_and_are_never_short() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let (ann, space) = joined(&forge, "Ann", &[]).await;
        let owner = forge.workspace();
        for n in 0..40_u128 {
            let of = if n % 4 == 0 { Some(ann) } else { None };
            let invoice = Invoice { id: Uuid::from_u128(n + 1), number: format!("{n:02}"), owner: of };
            owner.records::<Invoice>().create(&invoice).await.unwrap();
        }
        let mut query = all().ascending("number").limit(3).counted();
        let mut seen = Vec::new();
        loop {
            let page = space.records::<Invoice>().list(&query).await.unwrap();
            assert_eq!(page.total, Some(10));
            assert!(page.next.is_none() || page.records.len() == 3, "a page was filtered after it was cut");
            seen.extend(page.records.into_iter().map(|stored| stored.value.number));
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        assert_eq!(seen, (0..40).step_by(4).map(|n| format!("{n:02}")).collect::<Vec<_>>());
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn records_of_one_tenant_are_not_there_for_another_even_under_the_same_id() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let (beta, beta_owner) = forge.create_tenant("Beta", "beta").await.unwrap();
        let (acme, beta) = (forge.workspace(), forge.enter(beta, Principal::user(beta_owner)).await.unwrap());
        let id = AgentId::from_uuid(Uuid::from_u128(9));
        for (space, name) in [(&acme, "of acme"), (&beta, "of beta")] {
            let agent = AgentRecord { id, ..AgentRecord::new(space.context(), name) };
            space.records().create(&agent).await.unwrap();
            let version = AgentVersionRecord::new(space.context(), &agent, 1, json!({"of": name}));
            space.records().create(&version).await.unwrap();
        }
        acme.records::<AgentRecord>().delete(id, 1).await.unwrap();
        assert_eq!(beta.records::<AgentRecord>().get(id).await.unwrap().value.name, "of beta");
        let versions = beta.records::<AgentVersionRecord>().list(&all()).await.unwrap().records;
        assert_eq!((versions.len(), &versions[0].value.definition), (1, &json!({"of": "of beta"})));
        assert!(acme.records::<AgentVersionRecord>().list(&all()).await.unwrap().records.is_empty());
        let team = TeamId::from_uuid(Uuid::from_u128(1));
        let tool = |team| ToolRecord {
            id: agentforge::id::ToolId::from_uuid(Uuid::from_u128(2)),
            name: "mail".to_owned(),
            description: None,
            enabled: true,
            kind: "rest".to_owned(),
            current: 1,
            ownership: agentforge::record::Ownership { team, ..agentforge::record::Ownership::default() },
        };
        let finance =
            TeamRecord { id: team, name: "F".to_owned(), description: String::new(), tags: Tags::default() };
        acme.records().create(&finance).await.unwrap();
        assert_eq!(kind(beta.records().create(&tool(Some(team))).await), ErrorKind::InvalidInput);
        assert!(acme.records().create(&tool(Some(team))).await.is_ok());
        forge.close().await.unwrap();
    }
}
