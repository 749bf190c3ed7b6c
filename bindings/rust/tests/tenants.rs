//! Two tenants in one store never meet, and people do what their roles say.

use agentforge::{ErrorKind, Forge, context::Principal, record::RunState, serde_json::json};

use crate::{folder::Folder, knowledge::query, processes::leave};

#[tokio::test]
async fn one_tenant_sees_nothing_of_another() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge =
            Forge::builder(location).tool(crate::processes::balance()).tool(crate::processes::book()).open();
        let forge = forge.await.unwrap();
        let (acme, acme_owner) = forge.create_tenant("Acme", "acme").await.unwrap();
        let (beta, beta_owner) = forge.create_tenant("Beta", "beta").await.unwrap();
        let acme = forge.enter(acme, Principal::user(acme_owner)).await.unwrap();
        let beta_space = forge.enter(beta, Principal::user(beta_owner)).await.unwrap();

        let base = acme.knowledge("handbook").await.unwrap();
        base.add(acme.context(), "secret.md", "The secret number of Acme is 4711.").await.unwrap();
        acme.processes().publish(&leave()).await.unwrap();
        let input = json!({"employee": "Dana", "days": 3});
        let run = acme.processes().start("leave", input.clone(), Some("key")).await.unwrap();
        let approval = acme.approvals().open().await.unwrap().remove(0);

        let other = beta_space.knowledge("handbook").await.unwrap();
        assert!(other.search(beta_space.context(), &query("secret number")).await.unwrap().is_empty());
        assert!(base.search(beta_space.context(), &query("secret number")).await.is_err_or_empty());
        let not_found = |error: agentforge::Error| assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        not_found(beta_space.processes().start("leave", input, Some("key")).await.unwrap_err());
        not_found(beta_space.runs().get(run.run).await.unwrap_err());
        not_found(beta_space.runs().timeline(run.run).await.unwrap_err());
        not_found(beta_space.approvals().get(approval.id).await.unwrap_err());
        not_found(beta_space.approvals().approve(approval.id).await.unwrap_err());
        assert!(beta_space.approvals().open().await.unwrap().is_empty());
        assert!(beta_space.runs().list(10).await.unwrap().records.is_empty());
        assert_eq!(acme.runs().get(run.run).await.unwrap().state, RunState::Suspended);

        // A person of one tenant is nobody in another.
        let stranger = forge.enter(beta, Principal::user(acme_owner)).await.unwrap();
        let error = stranger.knowledge("handbook").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        forge.close().await.unwrap();
    }
}

/// Found nothing, or was not even found: both keep the wall.
trait IsErrOrEmpty {
    fn is_err_or_empty(&self) -> bool;
}

impl<T, E> IsErrOrEmpty for Result<Vec<T>, E> {
    fn is_err_or_empty(&self) -> bool {
        self.as_ref().map_or(true, Vec::is_empty)
    }
}

#[tokio::test]
async fn the_platform_and_the_system_cannot_be_entered_by_a_host() {
    let forge = Forge::open("memory:").await.unwrap();
    let owner = forge.workspace().context().scope().principal().clone();
    let platform = agentforge::id::TenantId::PLATFORM;
    assert_eq!(forge.enter(platform, owner).await.unwrap_err().kind(), ErrorKind::Denied);
    let system = Principal::System { reason: "because".to_owned() };
    let tenant = forge.workspace().context().tenant();
    assert_eq!(forge.enter(tenant, system).await.unwrap_err().kind(), ErrorKind::Denied);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn people_do_what_their_roles_say_and_give_away_no_more() {
    let forge = Forge::open("memory:").await.unwrap();
    let owner = forge.workspace();
    let tenant = owner.context().tenant();
    let viewer = owner.identity().add_user("Vera", &["viewer"]).await.unwrap();
    let admin = owner.identity().add_user("Adam", &["admin"]).await.unwrap();
    assert!(owner.identity().add_user("Nobody", &["emperor"]).await.is_err());
    let enter = async |user| forge.enter(tenant, Principal::user(user)).await.unwrap();

    let base = owner.knowledge("handbook").await.unwrap();
    base.add(owner.context(), "a.md", "Twenty-eight days of leave.").await.unwrap();
    let viewer = enter(viewer).await;
    assert!(base.add(viewer.context(), "b.md", "No.").await.is_err());
    assert_eq!(base.search(viewer.context(), &query("leave")).await.unwrap().len(), 1);
    assert_eq!(viewer.audit().verify().await.unwrap_err().kind(), ErrorKind::Denied);

    let admin = enter(admin).await;
    assert!(admin.identity().add_user("Mona", &["manager"]).await.is_ok());
    let error = admin.identity().add_user("Olga", &["owner"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "an admin has not what an owner has, and cannot give it");
    forge.close().await.unwrap();
}
