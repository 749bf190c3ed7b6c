//! Secrets: sealed at rest, revealed to those who may, through crashes, rotations and lost keys.

mod audit;
#[cfg(feature = "testkit")]
mod contract;
mod faults;
mod keys;
mod world;

use agentforge::{ErrorKind, Forge, Workspace, context::Principal, store::AuditQuery, vault::SecretRef};

use crate::folder::Folder;

async fn reveal(workspace: &Workspace, name: &str) -> String {
    workspace.secrets().reveal(name).await.unwrap().expose_text().unwrap().to_owned()
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_secret_is_put_replaced_listed_without_its_value_revealed_and_deleted() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = Forge::open(location).await.unwrap();
        let workspace = forge.workspace();
        let secrets = workspace.secrets();
        assert_eq!(secrets.put("mail/password", "first").await.unwrap(), 1);
        assert_eq!(secrets.put("mail/password", String::from("second")).await.unwrap(), 2);
        secrets.put("binary", vec![0, 159, 146, 150]).await.unwrap();
        secrets.describe("mail/password", "Sends reports").await.unwrap();

        let listed = secrets.list().await.unwrap();
        let shown: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.description.as_str())).collect();
        assert_eq!(shown, [("binary", ""), ("mail/password", "Sends reports")]);
        assert!(!format!("{listed:?}{}", agentforge::serde_json::json!(listed)).contains("second"));

        assert_eq!(reveal(&workspace, "mail/password").await, "second");
        assert_eq!(secrets.reveal("binary").await.unwrap().expose(), [0, 159, 146, 150]);
        let reference: SecretRef = "secret://mail/password".parse().unwrap();
        assert_eq!(reveal(&workspace, reference.name()).await, "second");

        secrets.delete("mail/password").await.unwrap();
        for error in [
            secrets.reveal("mail/password").await.err().unwrap(),
            secrets.delete("mail/password").await.unwrap_err(),
            secrets.describe("mail/password", "").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.message().contains("`mail/password`"), "{error}");
        }
        assert_eq!(secrets.put("a b", "x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let long = secrets.put("long", "x".repeat(64 * 1024 + 1)).await.unwrap_err();
        assert_eq!(long.kind(), ErrorKind::InvalidInput);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn everybody_does_with_secrets_what_their_role_says() {
    let forge = Forge::open("memory:").await.unwrap();
    let owner = forge.workspace();
    owner.secrets().put("key", "value").await.unwrap();
    let allowed = |role: &'static str| {
        let (forge, owner) = (forge.clone(), owner.clone());
        async move {
            let user = owner.identity().add_user(role, &[role]).await.unwrap();
            let person = forge.enter(owner.context().tenant(), Principal::user(user)).await.unwrap();
            let secrets = person.secrets();
            let may = |kind: Option<ErrorKind>| match kind {
                None => true,
                Some(ErrorKind::Denied) => false,
                Some(other) => panic!("{role}: {other}"),
            };
            [
                may(secrets.list().await.err().map(|error| error.kind())),
                may(secrets.put("other", "x").await.err().map(|error| error.kind())),
                may(secrets.describe("key", "x").await.err().map(|error| error.kind())),
                may(secrets.reveal("key").await.err().map(|error| error.kind())),
                may(secrets.reseal().await.err().map(|error| error.kind())),
                may(secrets.rotate().await.err().map(|error| error.kind())),
                may(secrets.destroy_keys().await.err().map(|error| error.kind())),
            ]
        }
    };
    assert_eq!(allowed("member").await, [false; 7]);
    assert_eq!(allowed("builder").await, [true, false, false, false, false, false, false]);
    assert_eq!(allowed("manager").await, [true, true, true, false, false, false, false]);
    assert_eq!(allowed("admin").await, [true, true, true, true, true, true, false]);
    let user = owner.identity().add_user("Mia", &["builder"]).await.unwrap();
    let builder = forge.enter(owner.context().tenant(), Principal::user(user)).await.unwrap();
    assert_eq!(builder.secrets().delete("key").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(reveal(&owner, "key").await, "value");
    forge.close().await.unwrap();
}

#[tokio::test]
async fn every_use_of_a_secret_is_audited_and_no_value_is() {
    let forge = Forge::open("memory:").await.unwrap();
    let workspace = forge.workspace();
    let secrets = workspace.secrets();
    secrets.put("key", "tell-nobody").await.unwrap();
    secrets.put("key", "tell-nobody-either").await.unwrap();
    secrets.reveal("key").await.unwrap();
    secrets.rotate().await.unwrap();
    secrets.delete("key").await.unwrap();
    let entries = workspace.audit().entries(&AuditQuery::default()).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.draft.action.as_str()).collect();
    let of_secrets: Vec<_> =
        actions.into_iter().filter(|it| it.starts_with("secret") || it.starts_with("data_key")).collect();
    assert_eq!(
        of_secrets,
        [
            "data_key.created",
            "secret.created",
            "secret.replaced",
            "secret.revealed",
            "data_key.rotated",
            "secret.resealed",
            "secret.deleted"
        ]
    );
    assert!(!format!("{entries:?}").contains("tell-nobody"));
    assert!(workspace.audit().verify().await.unwrap().is_intact());
    forge.close().await.unwrap();
}

#[tokio::test]
async fn no_file_of_the_store_ever_holds_a_plaintext() {
    use agentforge::vault::Secret;
    let folder = Folder::new();
    let forge = Forge::builder(folder.file("forge.db")).seal_audit().open().await.unwrap();
    let workspace = forge.workspace();
    let values = ["PLAINTEXT-ALPHA-7731", "PLAINTEXT-BRAVO-9152"];
    for (number, value) in values.iter().enumerate() {
        workspace.secrets().put(&format!("key-{number}"), *value).await.unwrap();
        workspace.secrets().put("replaced", Secret::from(*value)).await.unwrap();
    }
    let look = |when: &str| {
        let files = names(&folder);
        assert!(files.iter().any(|name| name == "forge.db"), "{files:?}");
        let mut found_name = false;
        for name in files {
            let bytes = std::fs::read(folder.path().join(&name)).unwrap();
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            found_name |= holds("key-1");
            for text in ["PLAINTEXT-ALPHA", "PLAINTEXT-BRAVO", "UExBSU5URVhU"] {
                assert!(!holds(text), "{name} holds `{text}` {when}");
            }
        }
        assert!(found_name, "the search finds what is there");
    };
    look("after putting");
    workspace.secrets().rotate().await.unwrap();
    assert_eq!(reveal(&workspace, "key-0").await, values[0]);
    look("after rotating and revealing");
    workspace.secrets().delete("key-0").await.unwrap();
    forge.close().await.unwrap();
    look("after closing");
}

#[tokio::test]
async fn tenants_have_their_own_secrets_and_keys() {
    let forge = Forge::open("memory:").await.unwrap();
    let mut workspaces = Vec::new();
    for name in ["acme", "beta"] {
        let (tenant, owner) = forge.create_tenant(name, name).await.unwrap();
        workspaces.push(forge.enter(tenant, Principal::user(owner)).await.unwrap());
    }
    let [acme, beta] = workspaces.as_slice() else { panic!("two tenants") };
    acme.secrets().put("key", "of acme").await.unwrap();
    assert_eq!(beta.secrets().reveal("key").await.err().unwrap().kind(), ErrorKind::NotFound);
    beta.secrets().put("key", "of beta").await.unwrap();
    assert_eq!(acme.secrets().destroy_keys().await.unwrap(), 1);
    assert_eq!(reveal(beta, "key").await, "of beta");
    let gone = acme.secrets().reveal("key").await.err().unwrap();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert!(gone.message().contains("destroyed"), "{gone}");

    acme.secrets().put("key", "a new beginning").await.unwrap();
    assert_eq!(reveal(acme, "key").await, "a new beginning");
    assert_eq!(acme.secrets().rotate().await.unwrap().key, 3, "no number is given twice");
    forge.close().await.unwrap();
}
