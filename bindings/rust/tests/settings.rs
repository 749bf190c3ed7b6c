//! Settings: typed, per tenant over system over default, and nothing unknown is taken.

use agentforge::{
    ErrorKind, Forge,
    context::Principal,
    serde_json::json,
    settings::{Flag, Setting, Source},
    store::AuditQuery,
};

use crate::folder::Folder;

const DAYS: Setting<u32> = Setting::new("approvals.days", 7, "How many days people have to decide.");
const GREETING: Setting<Option<String>> =
    Setting::new("chat.greeting", None, "What people are greeted with.");
const EDITOR: Flag = Flag::new("flags.editor", "The new editor.");

async fn forges(folder: &Folder) -> Vec<Forge> {
    let mut forges = Vec::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let builder = Forge::builder(location).setting(DAYS).setting(GREETING).setting(EDITOR);
        forges.push(builder.without_worker().open().await.unwrap());
    }
    forges
}

#[tokio::test]
async fn a_tenants_value_overrides_the_systems_which_overrides_the_default() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let (beta, owner) = forge.create_tenant("Beta", "beta").await.unwrap();
        let beta = forge.enter(beta, Principal::user(owner)).await.unwrap().settings();
        let (system, acme) = (forge.settings(), forge.workspace().settings());
        let days = async || {
            let (system, acme) = (system.get(&DAYS).await.unwrap(), acme.get(&DAYS).await.unwrap());
            (system, acme, beta.get(&DAYS).await.unwrap())
        };
        assert_eq!(days().await, (7, 7, 7));
        system.set(&DAYS, 14).await.unwrap();
        assert_eq!(days().await, (14, 14, 14));
        acme.set(&DAYS, 3).await.unwrap();
        assert_eq!(days().await, (14, 3, 14));
        let shown = acme.value("approvals.days").await.unwrap();
        assert_eq!((shown.value, shown.source, shown.version), (json!(3), Source::Tenant, Some(1)));
        let shown = beta.value("approvals.days").await.unwrap();
        assert_eq!((shown.value, shown.source, shown.version), (json!(14), Source::System, None));
        acme.reset("approvals.days").await.unwrap();
        acme.reset("approvals.days").await.unwrap();
        system.reset("approvals.days").await.unwrap();
        assert_eq!(days().await, (7, 7, 7));

        assert!(!acme.enabled(&EDITOR).await.unwrap());
        acme.turn(&EDITOR, true).await.unwrap();
        assert!(acme.enabled(&EDITOR).await.unwrap() && !beta.enabled(&EDITOR).await.unwrap());
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_one_process_sets_another_reads_at_once() {
    let folder = Folder::new();
    let file = folder.file("shared.db");
    let open = async || Forge::builder(&file).setting(DAYS).without_worker().open().await.unwrap();
    let (a, b) = (open().await, open().await);
    assert_eq!(b.workspace().settings().get(&DAYS).await.unwrap(), 7);
    a.workspace().settings().set(&DAYS, 9).await.unwrap();
    assert_eq!(b.workspace().settings().get(&DAYS).await.unwrap(), 9);
    a.close().await.unwrap();
    b.close().await.unwrap();
}

#[tokio::test]
async fn unknown_keys_wrong_types_and_old_versions_are_refused() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let settings = forge.workspace().settings();
        let error = settings.set_value("aprovals.days", json!(3), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("did you mean `approvals.days`?"), "{error}");
        let other: Setting<u32> = Setting::new("never.declared", 1, "Nobody knows it.");
        assert!(settings.get(&other).await.is_err());
        for wrong in [json!("three"), json!(-1), json!(null)] {
            let error = settings.set_value("approvals.days", wrong, None).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.get("field")),
                (ErrorKind::InvalidInput, Some(&json!("approvals.days")))
            );
        }
        assert_eq!(settings.set_value("approvals.days", json!(3), Some(0)).await.unwrap(), 1);
        for version in [0, 2] {
            let error = settings.set_value("approvals.days", json!(4), Some(version)).await.unwrap_err();
            assert_eq!((error.kind(), error.get("current_version")), (ErrorKind::Conflict, Some(&json!(1))));
        }
        assert_eq!(settings.set_value("approvals.days", json!(4), Some(1)).await.unwrap(), 2);
        assert_eq!(settings.list().await.unwrap().len(), 3);
        forge.close().await.unwrap();
    }
    let doubled = Forge::builder("memory:").setting(DAYS).setting(DAYS).open().await;
    assert!(doubled.err().unwrap().message().contains("approvals.days"));
}

#[tokio::test]
async fn writing_needs_a_permission_and_stands_in_the_trail() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let owner = forge.workspace();
        let user = owner.identity().add_user("Vera", &["viewer"]).await.unwrap();
        let viewer = forge.enter(owner.context().tenant(), Principal::user(user)).await.unwrap();
        let denied = [
            viewer.settings().set(&DAYS, 3).await.map(drop),
            viewer.settings().reset("approvals.days").await,
            viewer.settings().list().await.map(drop),
        ];
        for denied in denied {
            assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
        }
        assert_eq!(viewer.settings().get(&DAYS).await.unwrap(), 7, "the host's own code reads for anybody");
        owner.settings().set(&DAYS, 3).await.unwrap();
        let trail = owner.audit().entries(&AuditQuery::default()).await.unwrap();
        let entry = trail.iter().find(|entry| entry.draft.action == "setting.set").unwrap();
        assert_eq!(entry.draft.detail, json!({"key": "approvals.days", "value": 3}));
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn variables_are_taken_only_when_all_of_them_mean_a_setting() {
    let folder = Folder::new();
    for forge in forges(&folder).await {
        let settings = forge.settings();
        let variables = |given: &[(&str, &str)]| {
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            given.collect::<Vec<_>>()
        };
        let given =
            variables(&[("APP_APPROVALS_DAYS", "21"), ("APP_CHAT_GREETING", "Hello"), ("HOME", "/root")]);
        let taken = settings.from_variables("APP_", given).await.unwrap();
        let taken: Vec<_> = taken.iter().map(|taken| (taken.variable.as_str(), taken.key.as_str())).collect();
        assert_eq!(taken, [("APP_APPROVALS_DAYS", "approvals.days"), ("APP_CHAT_GREETING", "chat.greeting")]);
        assert_eq!(settings.get(&DAYS).await.unwrap(), 21);
        assert_eq!(settings.get(&GREETING).await.unwrap().as_deref(), Some("Hello"));

        let given = variables(&[("APP_APPROVALS_DAYS", "28"), ("APP_APROVALS_DAYS", "9")]);
        let error = settings.from_variables("APP_", given).await.unwrap_err();
        assert!(error.message().contains("did you mean `APP_APPROVALS_DAYS`?"), "{error}");
        let given = variables(&[("APP_APPROVALS_DAYS", "soon")]);
        assert!(settings.from_variables("APP_", given).await.is_err());
        assert_eq!(settings.get(&DAYS).await.unwrap(), 21, "nothing was set");
        forge.close().await.unwrap();
    }
}
