//! The demo organisation is made once, whole, and can be used.

use agentforge::{Forge, context::Principal, record::RunState, seed, serde_json::json};

use crate::folder::Folder;

#[tokio::test]
async fn the_organisation_is_made_once_and_found_again() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = Forge::open(location).await.unwrap();
        let made = seed::demo(&forge).await.unwrap();
        assert!(made.created);
        assert_eq!((made.teams.len(), made.people.len(), made.processes.len()), (3, 4, 2));
        let roles: std::collections::BTreeSet<_> = made.people.iter().map(|person| &person.role).collect();
        assert_eq!(roles.len(), 4, "everybody has another role");
        let found = seed::demo(&forge).await.unwrap();
        assert_eq!(found, seed::Seeded { created: false, ..made.clone() });
        assert_ne!(made.tenant, forge.workspace().context().tenant());
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn its_member_claims_and_its_manager_decides() {
    let forge = Forge::open("memory:").await.unwrap();
    let made = seed::demo(&forge).await.unwrap();
    let enter = async |name: &str| {
        let person = made.people.iter().find(|person| person.name == name).unwrap();
        forge.enter(made.tenant, Principal::user(person.id)).await.unwrap()
    };
    let (tomas, jonas, priya) = (enter("tomas").await, enter("jonas").await, enter("priya").await);
    let input = json!({"employee": "Tom\u{e1}s", "purpose": "train", "amount": 42});
    let run = tomas.processes().start("expense-claim", input, None).await.unwrap().run;
    let approval = jonas.approvals().open().await.unwrap().remove(0);
    assert!(approval.subject.title.contains("42"));
    assert!(priya.approvals().approve(approval.id).await.is_err(), "a builder decides nothing");
    jonas.approvals().approve(approval.id).await.unwrap();
    let ended = tomas.runs().wait(run, std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.state, RunState::Completed);
    forge.close().await.unwrap();
}
