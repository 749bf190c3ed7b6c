//! A small organisation to look at: a tenant with teams, people of different roles, and two published processes.

use agentforge_core::{
    context::Principal,
    error::{Error, Result},
    id::{TeamId, TenantId, UserId},
    identity::{NewUser, UserProfile},
    record::{MembershipRecord, Position, TeamRecord, UserRecord},
    store::{Filter, Query},
};
use serde_json::{Value, json};

use crate::{Forge, Workspace};

/// What [`demo`] made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// The tenant.
    pub tenant: TenantId,
    /// Its owner.
    pub owner: UserId,
    /// Its teams, by name.
    pub teams: Vec<(String, TeamId)>,
    /// Its people besides the owner.
    pub people: Vec<Person>,
    /// Its processes, by name, with their newest version.
    pub processes: Vec<(String, i64)>,
    /// Whether anything was made: false when all of it was there.
    pub created: bool,
}

/// A person of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id.
    pub id: UserId,
    /// What the person is called.
    pub name: String,
    /// The role.
    pub role: String,
    /// The team.
    pub team: String,
}

/// Where the organisation is found again.
const SLUG: &str = "northwind";

const TEAMS: [&str; 3] = ["Operations", "Finance", "People"];

/// Name, display name, role, team, position.
const PEOPLE: [(&str, &str, &str, &str, Position); 4] = [
    ("maya", "Maya Okafor", "admin", "Operations", Position::Lead),
    ("jonas", "Jonas Lind", "manager", "Finance", Position::Lead),
    ("priya", "Priya Nair", "builder", "Operations", Position::Member),
    ("tomas", "Tomás Vega", "member", "People", Position::Member),
];

/// Makes the organisation Northwind in a tenant of its own, or finds what of it is there already and makes the rest. Twice
/// is harmless.
///
/// ```
/// # let work = async {
/// use agentforge::{Forge, seed};
/// let forge = Forge::open("memory:").await?;
/// let first = seed::demo(&forge).await?;
/// let again = seed::demo(&forge).await?;
/// assert!(first.created && !again.created);
/// assert_eq!((first.tenant, first.people), (again.tenant, again.people));
/// # forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
pub async fn demo(forge: &Forge) -> Result<Seeded> {
    let found = forge.tenants().list(&Query::new(Filter::eq("slug", SLUG)).limit(1)).await?;
    let mut created = found.records.is_empty();
    let (tenant, owner) = if let Some(stored) = found.records.into_iter().next() {
        (stored.value.id, stored.value.owner)
    } else {
        let describe = |tenant: &mut agentforge_core::record::TenantRecord| {
            tenant.plan = Some("demo".to_owned());
            tenant.contact.email = Some("office@northwind.example".to_owned());
        };
        forge.tenants().create_with("Northwind", SLUG, describe).await?
    };
    let workspace = forge.enter(tenant, Principal::user(owner)).await?;
    let mut teams = Vec::new();
    for name in TEAMS {
        let (team, new) = team(&workspace, name).await?;
        created |= new;
        teams.push((name.to_owned(), team));
    }
    let mut people = Vec::new();
    for (name, display_name, role, team, position) in PEOPLE {
        let (id, new) = person(&workspace, name, display_name, role).await?;
        created |= new;
        let home = teams.iter().find(|(known, _)| known == team).map(|(_, id)| *id);
        let home = home.ok_or_else(|| Error::internal(format!("there is no team `{team}` to belong to")))?;
        let membership = MembershipRecord::id_of(home, id);
        if workspace.records::<MembershipRecord>().find(membership).await?.is_none() {
            workspace.identity().add_member(home, id, position).await?;
            created = true;
        }
        people.push(Person { id, name: name.to_owned(), role: role.to_owned(), team: team.to_owned() });
    }
    let mut processes = Vec::new();
    for definition in [expense(), onboarding()] {
        let published = workspace.processes().publish(&definition).await?.value;
        processes.push((published.name, published.number));
    }
    Ok(Seeded { tenant, owner, teams, people, processes, created })
}

async fn team(workspace: &Workspace, name: &str) -> Result<(TeamId, bool)> {
    let query = Query::new(Filter::eq("name", name)).limit(1);
    match workspace.records::<TeamRecord>().list(&query).await?.records.into_iter().next() {
        Some(stored) => Ok((stored.value.id, false)),
        None => Ok((workspace.identity().create_team(name).await?, true)),
    }
}

async fn person(workspace: &Workspace, name: &str, display_name: &str, role: &str) -> Result<(UserId, bool)> {
    let query = Query::new(Filter::eq("name", name)).limit(1);
    if let Some(stored) = workspace.records::<UserRecord>().list(&query).await?.records.into_iter().next() {
        return Ok((stored.value.id, false));
    }
    let profile = UserProfile {
        display_name: Some(display_name.to_owned()),
        email: Some(format!("{name}@northwind.example")),
        ..UserProfile::default()
    };
    let roles = vec![role.to_owned()];
    let new = NewUser { name: name.to_owned(), roles, profile, ..NewUser::default() };
    Ok((workspace.identity().create_user(new).await?, true))
}

fn expense() -> Value {
    json!({
        "v": 1,
        "name": "expense-claim",
        "title": "Expense claim",
        "description": "A manager approves what somebody spent.",
        "input": {
            "type": "object",
            "properties": {
                "employee": {"type": "string", "title": "Who spent it"},
                "purpose": {"type": "string", "title": "What for"},
                "amount": {"type": "number", "title": "How much"}
            },
            "required": ["employee", "purpose", "amount"]
        },
        "nodes": [{
            "id": "review",
            "type": "approval",
            "config": {
                "title": "{{ input.employee }} spent {{ input.amount }} on {{ input.purpose }}",
                "assignees": {"roles": ["manager"]}
            }
        }]
    })
}

fn onboarding() -> Value {
    json!({
        "v": 1,
        "name": "onboarding",
        "title": "Onboarding",
        "description": "Somebody checks that a newcomer has what they need, and again a week later.",
        "input": {
            "type": "object",
            "properties": {"newcomer": {"type": "string", "title": "Who begins"}},
            "required": ["newcomer"]
        },
        "nodes": [
            {"id": "desk", "type": "approval", "config": {"title": "{{ input.newcomer }} has a desk and a laptop"}},
            {"id": "settle", "type": "wait", "config": {"for": "P7D"}},
            {"id": "look", "type": "approval", "config": {"title": "{{ input.newcomer }} has settled in"}}
        ],
        "edges": [{"from": "desk", "to": "settle", "on": "approved"}, {"from": "settle", "to": "look"}]
    })
}
