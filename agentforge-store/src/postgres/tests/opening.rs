//! What must not be opened stays as it is, and the error names the thing and the mend.

use std::{fs, process::Command, sync::Arc, thread, time::Duration};

use agentforge_core::{
    error::{Error, ErrorKind},
    store::{CollectionSpec, Expect, FieldKind, FieldSpec, RecordStore},
};
use futures::future::join_all;

use super::{
    super::{Pem, PostgresOptions, PostgresTls, TlsMode},
    house::{House, THINGS, has_server, id, put},
};
use crate::testkit::PostgresServer;

/// Opening fails and names the mend.
async fn refused(house: &House, kind: ErrorKind, mend: &str) -> Error {
    let error = house.open().await.err().expect("the schema was opened");
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.message().contains(mend), "{error:?}");
    error
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let Some(house) = House::new() else { return };
    house.built().await;
    house.tamper("INSERT INTO migrations (number, name, checksum, at) VALUES (999, 'later', '', 0)").await;
    let error = refused(&house, ErrorKind::Corrupt, "use the newer agentforge").await;
    assert_eq!(error.get("found_version"), Some(&999.into()));
    assert_eq!(error.get("supported_version"), Some(&1.into()));
    assert_eq!(house.number("SELECT count(*) FROM migrations").await, 2);
    house.end().await;
}

#[tokio::test]
async fn another_migration_of_the_same_number_is_refused() {
    let Some(house) = House::new() else { return };
    house.built().await;
    house.tamper("UPDATE migrations SET checksum = decode(repeat('00', 32), 'hex')").await;
    refused(&house, ErrorKind::Corrupt, "restore it from a backup").await;
    house.end().await;
}

#[tokio::test]
async fn a_schema_of_another_program_is_refused_untouched() {
    let Some(house) = House::new() else { return };
    house.tamper(&format!("CREATE SCHEMA {0}; CREATE TABLE {0}.songs (title text)", house.schema)).await;
    refused(&house, ErrorKind::Corrupt, "?schema=").await;
    let tables =
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
    assert_eq!(house.number(tables).await, 1);
    house.tamper(&format!("DROP SCHEMA {} CASCADE", house.schema)).await;
}

#[tokio::test]
async fn a_collection_keeps_the_declaration_that_its_table_was_made_from() {
    const RENAMED: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("title", FieldKind::Text)],
        ..CollectionSpec::new("things")
    };
    let Some(house) = House::new() else { return };
    house.built().await;
    let changed = PostgresOptions { collections: &[RENAMED], ..house.options() };
    let error = house.open_with(&house.server.url(), changed).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("declare it as before"), "{error}");
    let store = house
        .open_with(&house.server.url(), PostgresOptions { collections: &[], ..house.options() })
        .await
        .unwrap();
    let error = store.get_many(&house.cx, THINGS, &[id(1)]).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    store.close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn only_the_platforms_system_opens_a_store() {
    let Some(mut house) = House::new() else { return };
    house.system = house.cx.clone();
    assert_eq!(house.open().await.err().unwrap().kind(), ErrorKind::Denied);
    assert_eq!(
        house.number(&format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", house.schema)).await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_make_the_schema_at_once() {
    let Some(house) = House::new() else { return };
    let stores = join_all((0..6).map(|_| house.open())).await;
    for (number, store) in (0..).zip(&stores) {
        let store = store.as_ref().unwrap();
        store.apply(&house.cx, house.set(put(number, Expect::Absent))).await.unwrap();
    }
    for store in stores {
        store.unwrap().close().await.unwrap();
    }
    house.end().await;
}

#[tokio::test]
async fn two_schemas_of_one_database_do_not_meet() {
    let Some(one) = House::new() else { return };
    let two = House::on(one.server.clone());
    let url = format!("{}?schema={}", two.server.url(), two.schema);
    let (first, second) = (
        one.open().await.unwrap(),
        two.open_with(&url, PostgresOptions { schema: "x".into(), ..two.options() }).await.unwrap(),
    );
    first.apply(&one.cx, one.set(put(1, Expect::Absent))).await.unwrap();
    assert_eq!(second.get_many(&one.cx, THINGS, &[id(1)]).await.unwrap(), [None]);
    second.apply(&one.cx, one.set(put(1, Expect::Absent))).await.unwrap();
    first.close().await.unwrap();
    second.close().await.unwrap();
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn a_user_who_may_make_nothing_is_told_so_and_works_once_it_is_made() {
    let Some(house) = House::new() else { return };
    let user = format!("{}_app", house.schema);
    house.tamper(&format!("CREATE ROLE {user} LOGIN")).await;
    let url = house.server.url_of(&user);
    let error = house.open_with(&url, house.options()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert!(error.message().contains("migration_url"), "{error}");
    let options = PostgresOptions { migration_url: Some(house.server.url()), ..house.options() };
    for options in [options, house.options()] {
        let store = house.open_with(&url, options).await.unwrap();
        store.apply(&house.cx, house.set(put(1, Expect::Anything))).await.unwrap();
        store.close().await.unwrap();
    }
    house.tamper(&format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}")).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_waits_for_a_server_that_is_not_there_yet() {
    if !has_server() {
        return;
    }
    let server = Arc::new(PostgresServer::start().unwrap());
    let house = House::on(server.clone());
    server.stop_immediate().unwrap();
    let error = house.open().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.is_retryable() && error.message().contains("127.0.0.1"), "{error:?}");
    let starting = thread::spawn(move || server.start_again());
    let options = PostgresOptions { wait_until_ready: Duration::from_mins(1), ..house.options() };
    let store = house.open_with(&house.server.url(), options).await.unwrap();
    store.close().await.unwrap();
    starting.join().unwrap().unwrap();
}

/// Runs openssl in a folder.
fn openssl(folder: &std::path::Path, arguments: &str) -> bool {
    let ran = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    ran.is_ok_and(|ran| ran.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_when_that_is_asked_for() {
    if !has_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost").unwrap();
    let made = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other.key -out other.crt",
    ];
    if !made.iter().all(|arguments| openssl(folder.path(), arguments)) {
        eprintln!("skipped: there is no openssl here");
        return;
    }
    let server = Arc::new(PostgresServer::start().unwrap());
    for file in ["server.key", "server.crt"] {
        let to = server.data().join(file);
        fs::copy(folder.path().join(file), &to).unwrap();
        fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        server.give(&to).unwrap();
    }
    let settings = server.data().join("postgresql.auto.conf");
    fs::write(&settings, "ssl = on\n").unwrap();
    server.stop_immediate().unwrap();
    server.start_again().unwrap();
    let house = House::on(server);
    let open = async |host: &str, mode: TlsMode, authority: Option<&str>| {
        let authority = authority.map(|name| Pem::File(folder.path().join(name)));
        let tls = PostgresTls { mode, authority, ..PostgresTls::default() };
        let url = house.server.url().replace("127.0.0.1", host);
        match house.open_with(&url, PostgresOptions { tls, ..house.options() }).await {
            Ok(store) => {
                store.close().await.unwrap();
                true
            }
            Err(error) => {
                assert!(error.message().contains("sslmode"), "{error:?}");
                false
            }
        }
    };
    assert!(open("127.0.0.1", TlsMode::Require, None).await, "any certificate will do");
    assert!(open("127.0.0.1", TlsMode::VerifyCa, Some("ca.crt")).await, "the authority signed it");
    assert!(!open("127.0.0.1", TlsMode::VerifyCa, Some("other.crt")).await, "another authority did not");
    assert!(open("localhost", TlsMode::VerifyFull, Some("ca.crt")).await, "it is the server's name");
    assert!(!open("127.0.0.1", TlsMode::VerifyFull, Some("ca.crt")).await, "it is not the server's name");
}
