//! People, teams, roles, access lists and tenants; and that a list shows exactly what a check allows.

use std::{collections::BTreeSet, sync::Arc};

use agentforge::{
    CallContext, ErrorKind, Forge, Workspace,
    context::Principal,
    id::{AgentId, AgentVersionId, RoleId, TeamId, TenantId, UserId},
    identity::{NewUser, StoreDirectory, TenantProfile, UserProfile},
    record::{
        AccessRecord, AccessSubject, AgentRecord, AgentVersionRecord, COLLECTIONS, Governed,
        KnowledgeBaseRecord, MembershipRecord, Position, Records, RoleRecord, TeamRecord, TenantLimits,
        UserRecord, UserStatus,
    },
    security::{Authorizer, Decision, NativeAuthorizer, Permission, Resource, Role, RoleCatalogue},
    serde_json::json,
    store::{AuditQuery, Expect, Filter, MAX_PAGE, Query, RecordStore, RecordStoreExt},
    stores::memory::MemoryStore,
    testing::{FixedClock, SeededRandom, fixed_authority},
    uuid::Uuid,
};
use proptest::prelude::*;

use crate::{folder::Folder, knowledge::query};

async fn forges(folder: &Folder) -> Vec<Forge> {
    let mut forges = Vec::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        forges.push(Forge::builder(location).without_worker().open().await.unwrap());
    }
    forges
}

async fn enter(forge: &Forge, user: UserId) -> Workspace {
    forge.enter(forge.workspace().context().tenant(), Principal::user(user)).await.unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, agentforge::Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn role(name: &str, level: u16, inherits: &[&str], permissions: &[Permission]) -> Role {
    Role {
        name: name.to_owned(),
        title: name.to_owned(),
        level,
        inherits: inherits.iter().map(|name| (*name).to_owned()).collect(),
        permissions: permissions.to_vec(),
    }
}

#[tokio::test]
async fn a_deactivated_person_does_nothing_from_the_next_decision_on() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let identity = forge.workspace().identity();
        forge.workspace().knowledge("handbook").await.unwrap();
        let user = identity.add_user("Bea", &["builder"]).await.unwrap();
        let space = enter(&forge, user).await;
        assert!(space.knowledge("handbook").await.is_ok());
        for (closed, opened) in [(true, false), (false, true)] {
            if closed {
                identity.deactivate(user).await.unwrap();
            } else {
                identity.activate(user).await.unwrap();
            }
            assert_eq!(space.knowledge("handbook").await.is_ok(), opened);
        }
        identity.set_roles(user, &[]).await.unwrap();
        assert_eq!(kind(space.knowledge("handbook").await), ErrorKind::Denied);
        identity.delete_user(user).await.unwrap();
        assert!(forge.workspace().records::<UserRecord>().find(user).await.unwrap().is_none());
        assert_eq!(kind(identity.set_roles(user, &["builder"]).await), ErrorKind::NotFound);
        identity.restore_user(user).await.unwrap();
        assert!(identity.set_roles(user, &["builder"]).await.is_ok());
        let trail = forge.workspace().audit().entries(&AuditQuery::default()).await.unwrap();
        let of_user = trail.iter().filter(|entry| entry.draft.resource_id == Some(user.to_string()));
        let actions: Vec<_> = of_user.map(|entry| entry.draft.action.trim_start_matches("user.")).collect();
        let expected =
            ["created", "deactivated", "activated", "roles_changed", "deleted", "restored", "roles_changed"];
        assert_eq!(actions, expected);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn nobody_manages_a_peer_or_somebody_above() {
    let forge = Forge::open("memory:").await.unwrap();
    let owner = forge.workspace().identity();
    let ada = owner.add_user("Ada", &["admin"]).await.unwrap();
    let amy = owner.add_user("Amy", &["admin"]).await.unwrap();
    let mia = owner.add_user("Mia", &["manager"]).await.unwrap();
    let admin = enter(&forge, ada).await.identity();
    let the_owner = forge.workspace().context().scope().person().unwrap();
    for above in [amy, the_owner, ada] {
        assert_eq!(kind(admin.deactivate(above).await), ErrorKind::Denied);
        assert_eq!(kind(admin.set_roles(above, &["viewer"]).await), ErrorKind::Denied);
        assert_eq!(kind(admin.delete_user(above).await), ErrorKind::Denied);
    }
    assert!(admin.set_roles(mia, &["viewer"]).await.is_ok());
    assert_eq!(kind(admin.set_roles(mia, &["owner"]).await), ErrorKind::Denied);
    assert!(owner.deactivate(amy).await.is_ok());
    // A person changes the own profile without a permission, and nobody else's.
    let mia_space = enter(&forge, mia).await.identity();
    let profile = UserProfile { email: Some(" Mia@Acme.Example ".to_owned()), ..UserProfile::default() };
    mia_space.set_profile(mia, profile.clone()).await.unwrap();
    let stored = forge.workspace().records::<UserRecord>().get(mia).await.unwrap().value;
    assert_eq!(stored.email.as_deref(), Some("mia@acme.example"));
    assert_eq!(kind(mia_space.set_profile(ada, profile.clone()).await), ErrorKind::Denied);
    let taken = owner.create_user(NewUser { name: "Mo".to_owned(), profile, ..NewUser::default() }).await;
    assert_eq!(kind(taken), ErrorKind::Conflict, "one address each");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_role_of_the_tenants_own_grants_what_it_says_and_no_more_than_its_maker_has() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let owner = forge.workspace().identity();
        let clerk = role("clerk", 15, &["viewer"], &[Permission::KbWrite]);
        owner.create_role(clerk.clone()).await.unwrap();
        let cleo = owner.add_user("Cleo", &["clerk"]).await.unwrap();
        let space = enter(&forge, cleo).await;
        let base = space.knowledge("notes").await.unwrap();
        base.add(space.context(), "a.md", "Notes.").await.unwrap();
        owner.update_role(role("clerk", 15, &["viewer"], &[])).await.unwrap();
        let other = forge.workspace().knowledge("others").await.unwrap();
        assert!(other.add(space.context(), "b.md", "No.").await.is_err(), "taken away at once");
        assert_eq!(
            other.search(space.context(), &query("notes")).await.unwrap().len(),
            0,
            "and still a viewer"
        );

        assert_eq!(kind(owner.create_role(clerk).await), ErrorKind::Conflict);
        assert_eq!(kind(owner.create_role(role("viewer", 1, &[], &[])).await), ErrorKind::InvalidInput);
        assert_eq!(kind(owner.create_role(role("x", 1, &["nobody"], &[])).await), ErrorKind::InvalidInput);
        assert_eq!(kind(owner.create_role(role("x", 100, &[], &[])).await), ErrorKind::Denied);
        owner.create_role(role("head", 16, &["clerk"], &[])).await.unwrap();
        assert_eq!(kind(owner.update_role(role("clerk", 15, &["head"], &[])).await), ErrorKind::InvalidInput);
        assert_eq!(kind(owner.delete_role("clerk").await), ErrorKind::Conflict, "somebody holds it");
        owner.set_roles(cleo, &[]).await.unwrap();
        assert_eq!(kind(owner.delete_role("clerk").await), ErrorKind::Conflict, "another inherits it");
        owner.delete_role("head").await.unwrap();
        owner.delete_role("clerk").await.unwrap();
        assert_eq!(kind(owner.delete_role("viewer").await), ErrorKind::NotFound);
        let admin = owner.add_user("Ada", &["admin"]).await.unwrap();
        let admin = enter(&forge, admin).await.identity();
        let beyond = role("spy", 5, &[], &[Permission::SecurityOauthManage]);
        assert_eq!(kind(admin.create_role(beyond).await), ErrorKind::Denied);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_access_list_opens_one_knowledge_base_to_a_person_a_team_or_a_role() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let workspace = forge.workspace();
        let identity = workspace.identity();
        let (ledger, other) =
            (workspace.knowledge("ledger").await.unwrap(), workspace.knowledge("other").await.unwrap());
        ledger.add(workspace.context(), "a.md", "The balance is 42.").await.unwrap();
        let dana = identity.add_user("Dana", &[]).await.unwrap();
        let team = identity.create_team("Finance").await.unwrap();
        identity.create_role(role("clerk", 5, &[], &[])).await.unwrap();
        identity.create_role(role("head", 6, &["clerk"], &[])).await.unwrap();
        let space = enter(&forge, dana).await;
        let sees = async || ledger.search(space.context(), &query("balance")).await.is_ok();
        let read = [Permission::KbRead];
        let subjects =
            [AccessSubject::User(dana), AccessSubject::Team(team), AccessSubject::Role("clerk".to_owned())];
        for subject in subjects {
            assert!(!sees().await);
            identity.grant::<KnowledgeBaseRecord>(ledger.id(), subject.clone(), &read, None).await.unwrap();
            match &subject {
                AccessSubject::User(_) => {}
                AccessSubject::Team(_) => {
                    assert!(!sees().await, "not a member yet");
                    identity.add_member(team, dana, Position::Member).await.unwrap();
                }
                AccessSubject::Role(_) => {
                    assert!(!sees().await, "without the role yet");
                    identity.set_roles(dana, &["head"]).await.unwrap();
                }
            }
            assert!(sees().await, "{subject}");
            assert!(ledger.add(space.context(), "b.md", "No.").await.is_err(), "reading is not writing");
            assert!(other.search(space.context(), &query("balance")).await.is_err());
            let listed =
                space.records::<KnowledgeBaseRecord>().list(&Query::new(Filter::True)).await.unwrap();
            assert_eq!(listed.records.len(), 1);
            assert_eq!(identity.access_list::<KnowledgeBaseRecord>(ledger.id()).await.unwrap().len(), 1);
            identity.revoke::<KnowledgeBaseRecord>(ledger.id(), &subject).await.unwrap();
        }
        let nobody = AccessSubject::Team(TeamId::from_uuid(Uuid::from_u128(404)));
        let granted = identity.grant::<KnowledgeBaseRecord>(ledger.id(), nobody, &read, None).await;
        assert_eq!(kind(granted), ErrorKind::InvalidInput);
        let past = workspace.context().now();
        let dana = AccessSubject::User(dana);
        identity.grant::<KnowledgeBaseRecord>(ledger.id(), dana, &read, Some(past)).await.unwrap();
        assert!(!sees().await, "its time is over");
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_tenant_is_entered_by_nobody_until_it_is_opened_again() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let (tenant, owner) = forge.create_tenant("Beta", "beta").await.unwrap();
        let enter = async || forge.enter(tenant, Principal::user(owner)).await;
        assert!(enter().await.is_ok());
        forge.tenants().suspend(tenant, "unpaid").await.unwrap();
        let error = enter().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("suspended"), "{error}");
        forge.tenants().resume(tenant).await.unwrap();
        assert!(enter().await.is_ok());

        let until = forge.workspace().context().now().after(std::time::Duration::from_hours(1));
        enter().await.unwrap().identity().archive_tenant(Some(until)).await.unwrap();
        let error = enter().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("archived"), "{error}");
        let record = forge.tenants().get(tenant).await.unwrap().value;
        assert_eq!((record.retain_until, record.archived_at.is_some()), (Some(until), true));
        assert_eq!(kind(forge.tenants().resume(tenant).await), ErrorKind::Conflict);
        forge.tenants().unarchive(tenant).await.unwrap();
        let space = enter().await.unwrap();
        let trail = space.audit().entries(&AuditQuery::default()).await.unwrap();
        assert!(trail.iter().any(|entry| entry.draft.action == "tenant.archive_requested"));

        let unknown = TenantId::from_uuid(Uuid::from_u128(404));
        assert_eq!(kind(forge.enter(unknown, Principal::user(owner)).await), ErrorKind::NotFound);
        let default = forge.workspace().context().tenant();
        assert_eq!(kind(forge.tenants().archive(default, None).await), ErrorKind::InvalidInput);
        assert_eq!(
            kind(forge.tenants().archive(tenant, Some(record.archived_at.unwrap())).await),
            ErrorKind::InvalidInput
        );
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_has_one_slug_one_domain_a_profile_and_limits() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let describe = |tenant: &mut agentforge::record::TenantRecord| {
            tenant.domain = Some("beta.example".to_owned());
            tenant.limits = TenantLimits { users: Some(2) };
        };
        let (tenant, owner) = forge.tenants().create_with("Beta", "beta", describe).await.unwrap();
        assert_eq!(kind(forge.create_tenant("Other", "beta").await), ErrorKind::Conflict);
        assert_eq!(kind(forge.tenants().create_with("Other", "other", describe).await), ErrorKind::Conflict);
        assert_eq!(kind(forge.create_tenant("Other", "Not a slug").await), ErrorKind::InvalidInput);
        let found = forge.tenants().by_domain("BETA.example").await.unwrap().unwrap();
        assert_eq!(found.value.id, tenant);

        let space = forge.enter(tenant, Principal::user(owner)).await.unwrap();
        let identity = space.identity();
        let vera = identity.add_user("Vera", &["viewer"]).await.unwrap();
        assert_eq!(kind(identity.add_user("Otto", &[]).await), ErrorKind::QuotaExceeded);
        identity.delete_user(vera).await.unwrap();
        assert!(identity.add_user("Otto", &[]).await.is_ok());
        assert_eq!(kind(identity.restore_user(vera).await), ErrorKind::QuotaExceeded);

        let stored = identity.tenant().await.unwrap();
        let mut profile = TenantProfile {
            name: "Beta Ltd".to_owned(),
            contact: stored.value.contact.clone(),
            branding: stored.value.branding.clone(),
        };
        profile.branding.colour = Some("#336699".to_owned());
        identity.set_tenant_profile(stored.version, profile.clone()).await.unwrap();
        assert_eq!(identity.tenant().await.unwrap().value.name, "Beta Ltd");
        assert_eq!(kind(identity.set_tenant_profile(stored.version, profile).await), ErrorKind::Conflict);
        let reach = forge.tenants().update(tenant, stored.version + 1, |tenant| tenant.owner = vera).await;
        assert_eq!(kind(reach), ErrorKind::InvalidInput);
        forge.close().await.unwrap();
    }
}

/// A tenant of the property: who is who and what is shared, by small numbers.
#[derive(Debug, Clone)]
struct World {
    /// Which roles each user holds, whether the user is active, and in which teams.
    users: Vec<(u8, bool, u8)>,
    /// What the tenant's own role permits beside what it inherits.
    own: u8,
    /// Who owns each agent.
    owners: Vec<Option<u8>>,
    /// Agent or version, which one, subject's kind, which subject, permissions, expired.
    lists: Vec<(bool, u8, u8, u8, u8, bool)>,
}

const ASKED: [Permission; 4] =
    [Permission::AgentsRead, Permission::AgentsWrite, Permission::AgentsDelete, Permission::AgentsExecute];

fn any_world() -> impl Strategy<Value = World> {
    let users = prop::collection::vec((0_u8..16, prop::bool::weighted(0.8), 0_u8..4), 3);
    let owners = prop::collection::vec(prop::option::of(0_u8..3), 4);
    let list = (any::<bool>(), 0_u8..4, 0_u8..3, 0_u8..4, 0_u8..16, prop::bool::weighted(0.2));
    (users, 0_u8..16, owners, prop::collection::vec(list, 0..8))
        .prop_map(|(users, own, owners, lists)| World { users, own, owners, lists })
}

fn id(space: u128, n: impl Into<u128>) -> Uuid {
    Uuid::from_u128(space << 64 | n.into())
}

fn user(n: u8) -> UserId {
    UserId::from_uuid(id(1, n))
}

fn chosen(bits: u8) -> Vec<Permission> {
    let picked = ASKED.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
    picked.map(|(_, permission)| *permission).collect()
}

const ROLES: [&str; 4] = ["viewer", "clerk", "builder", "head"];

async fn build(store: &dyn RecordStore, cx: &CallContext, world: &World) {
    let put = Expect::Anything;
    for (n, own) in [(0_u8, role("clerk", 5, &[], &chosen(world.own))), (1, role("head", 6, &["clerk"], &[]))]
    {
        store.put(cx, &RoleRecord::new(RoleId::from_uuid(id(2, n)), own), put).await.unwrap();
    }
    for n in 0..2_u8 {
        let team = TeamRecord {
            id: TeamId::from_uuid(id(3, n)),
            name: n.to_string(),
            description: String::new(),
            tags: agentforge::record::Tags::default(),
        };
        store.put(cx, &team, put).await.unwrap();
    }
    for (n, (roles, active, teams)) in (0_u8..).zip(&world.users) {
        let held =
            ROLES.iter().enumerate().filter(|(place, _)| roles & (1 << place) != 0).map(|(_, role)| *role);
        let mut person = UserRecord::new(user(n), n.to_string(), held);
        person.status = if *active { UserStatus::Active } else { UserStatus::Suspended };
        store.put(cx, &person, put).await.unwrap();
        for team in (0..2_u8).filter(|team| teams & (1 << team) != 0) {
            let place = MembershipRecord::new(TeamId::from_uuid(id(3, team)), user(n), Position::Member);
            store.put(cx, &place, put).await.unwrap();
        }
    }
    for (n, owner) in (0_u8..).zip(&world.owners) {
        let mut agent =
            AgentRecord { id: AgentId::from_uuid(id(4, n)), ..AgentRecord::new(cx, n.to_string()) };
        agent.ownership.owner = owner.map(user);
        store.put(cx, &agent, put).await.unwrap();
        let version = AgentVersionRecord::new(cx, &agent, 1, json!({"n": n}));
        store
            .put(cx, &AgentVersionRecord { id: AgentVersionId::from_uuid(id(5, n)), ..version }, put)
            .await
            .unwrap();
    }
    for (of_version, n, kind, subject, permissions, expired) in world.lists.iter().copied() {
        let subject = match kind {
            0 => AccessSubject::User(user(subject)),
            1 => AccessSubject::Team(TeamId::from_uuid(id(3, subject))),
            _ => AccessSubject::Role(ROLES[usize::from(subject)].to_owned()),
        };
        let (spec, space) = if of_version {
            (<AgentVersionRecord as agentforge::store::Record>::SPEC, 5)
        } else {
            (<AgentRecord as agentforge::store::Record>::SPEC, 4)
        };
        let mut entry = AccessRecord::new(cx, spec, id(space, n), subject, chosen(permissions));
        entry.expires_at = expired.then(|| cx.now());
        store.put(cx, &entry, put).await.unwrap();
    }
}

async fn list_is_check<T: Governed>(
    store: &Arc<dyn RecordStore>,
    authorizer: &Arc<dyn Authorizer>,
    cx: &CallContext,
) -> usize {
    let raws = store.query(cx, T::SPEC, &Query::new(Filter::True).limit(MAX_PAGE)).await.unwrap().records;
    let mut seen = 0;
    for permission in ASKED {
        let mut checked = BTreeSet::new();
        for raw in &raws {
            let resource = Resource::of_record(T::SPEC, raw.id, &raw.document).unwrap();
            if authorizer.decide(cx, permission, &resource).await.unwrap() == Decision::Allow {
                checked.insert(raw.id);
            }
        }
        let filter = authorizer.filter(cx, permission, T::SPEC).await.unwrap();
        let page = store.query(cx, T::SPEC, &Query::new(filter).limit(MAX_PAGE)).await.unwrap();
        let listed: BTreeSet<Uuid> = page.records.iter().map(|raw| raw.id).collect();
        assert_eq!(listed, checked, "{permission} on {} for {}", T::SPEC.name, cx.scope().principal());
        seen += listed.len();
        if permission == T::READ {
            let records =
                Records::<T>::new(cx.clone(), store.clone(), authorizer.clone(), COLLECTIONS.into());
            let page = records.list(&Query::new(Filter::True)).await.unwrap();
            assert_eq!(page.records.iter().map(|stored| stored.value.id()).collect::<BTreeSet<_>>(), listed);
            for raw in &raws {
                assert_eq!(records.find(raw.id).await.unwrap().is_some(), listed.contains(&raw.id));
            }
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_list_shows_exactly_what_a_check_allows_in_two_tenants_with_the_same_ids(
        worlds in (any_world(), any_world()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let records = MemoryStore::new(&SeededRandom::new(1)).stores().records;
            let directory = StoreDirectory::new(records.clone(), RoleCatalogue::built_in().unwrap());
            let authorizer: Arc<dyn Authorizer> = Arc::new(NativeAuthorizer::new(Arc::new(directory)));
            let authority = fixed_authority(&FixedClock::new(), 3);
            let enter = |tenant: u128, n: u8| {
                authority.enter(TenantId::from_uuid(id(9, tenant)), Principal::user(user(n))).unwrap()
            };
            for (tenant, world) in [(1, &worlds.0), (2, &worlds.1)] {
                build(&*records, &enter(tenant, 0), world).await;
            }
            for (tenant, world) in [(1, &worlds.0), (2, &worlds.1)] {
                // The last one is nobody in either tenant.
                for n in 0..4_u8 {
                    let cx = enter(tenant, n);
                    let seen = list_is_check::<AgentRecord>(&records, &authorizer, &cx).await
                        + list_is_check::<AgentVersionRecord>(&records, &authorizer, &cx).await;
                    let known = world.users.get(usize::from(n)).is_some_and(|(_, active, _)| *active);
                    assert!(known || seen == 0, "a stranger sees something");
                }
            }
        });
    }
}
