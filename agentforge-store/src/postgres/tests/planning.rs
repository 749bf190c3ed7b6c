//! What opening would do to a schema, told without doing it.

use agentforge_core::{
    error::{ErrorKind, Result},
    store::{CollectionSpec, FieldKind, FieldSpec},
};

use super::{
    super::{PostgresOptions, PostgresStore},
    house::{House, THINGS},
};
use crate::migration::MigrationPlan;

/// A collection of the host's own that comes later.
const NOTES: &CollectionSpec =
    &CollectionSpec { fields: &[FieldSpec::new("text", FieldKind::Text)], ..CollectionSpec::new("notes") };

async fn plan(house: &House, options: &PostgresOptions) -> Result<MigrationPlan> {
    PostgresStore::plan(&house.server.url(), options, &house.system).await
}

/// The steps, with `S` for the schema's name.
fn named(house: &House, plan: &MigrationPlan) -> Vec<(Option<u32>, String)> {
    plan.steps.iter().map(|step| (step.number, step.name.replace(&house.schema, "S"))).collect()
}

fn other(name: &str) -> (Option<u32>, String) {
    (None, name.to_owned())
}

/// Whether the server has the schema, and whether it has its role.
async fn traces(house: &House) -> (i64, i64) {
    let schemas = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", house.schema);
    let roles = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}_tenant'", house.schema);
    (house.number(&schemas).await, house.number(&roles).await)
}

/// A number for everything in the schema and everybody's rights to it.
async fn likeness(house: &House) -> i64 {
    let query = "SELECT hashtextextended(coalesce(string_agg(made, ' ' ORDER BY made COLLATE \"C\"), ''), 0) FROM ( \
         SELECT concat(relkind, relname, replace(relacl::text, current_schema(), 'S')) \
         FROM pg_class WHERE relnamespace = current_schema()::regnamespace UNION ALL \
         SELECT concat(polname, c.relname) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid \
         WHERE c.relnamespace = current_schema()::regnamespace UNION ALL \
         SELECT concat(proname, replace(proacl::text, current_schema(), 'S')) \
         FROM pg_proc WHERE pronamespace = current_schema()::regnamespace UNION ALL \
         SELECT replace(nspacl::text, current_schema(), 'S') \
         FROM pg_namespace WHERE nspname = current_schema()) AS all_made (made)";
    house.number(query).await
}

#[tokio::test]
async fn a_plan_of_nothing_is_everything_and_makes_no_schema() {
    let Some(house) = House::new() else { return };
    let plan = plan(&house, &house.options()).await.unwrap();
    let steps = [
        other("role S_tenant"),
        other("schema S"),
        (Some(1), "foundation".to_owned()),
        other("things"),
        other("rights of S_tenant"),
    ];
    assert_eq!(named(&house, &plan), steps);
    assert!(plan.to_string().contains("-- migration 0001 foundation\n"));
    assert_eq!(traces(&house).await, (0, 0));
}

#[tokio::test]
async fn the_sql_of_a_plan_makes_what_opening_makes() {
    let Some(opened) = House::new() else { return };
    let by_hand = House::on(opened.server.clone());
    opened.built().await;
    let plan = plan(&by_hand, &by_hand.options()).await.unwrap();
    by_hand.tamper(&plan.to_string()).await;
    assert_eq!(likeness(&by_hand).await, likeness(&opened).await);
    // Nothing says which migrations made the tables.
    assert_eq!(by_hand.open().await.err().unwrap().kind(), ErrorKind::Corrupt);
    by_hand.end().await;
    opened.end().await;
}

#[tokio::test]
async fn a_schema_that_is_there_but_empty_is_not_made_again() {
    let Some(house) = House::new() else { return };
    house.tamper(&format!("CREATE SCHEMA {}", house.schema)).await;
    let plan = plan(&house, &house.options()).await.unwrap();
    assert!(plan.to_string().contains("CREATE TABLE \"things\""));
    assert!(!plan.to_string().contains("CREATE SCHEMA"));
    house.tamper(&plan.to_string()).await;
    house.end().await;
}

#[tokio::test]
async fn a_plan_of_a_schema_of_this_version_is_empty_and_changes_nothing() {
    let Some(house) = House::new() else { return };
    house.built().await;
    let before = likeness(&house).await;
    let plan = plan(&house, &house.options()).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(likeness(&house).await, before);
    house.end().await;
}

#[tokio::test]
async fn a_plan_names_the_collections_that_a_schema_lacks() {
    let Some(house) = House::new() else { return };
    house.built().await;
    let before = likeness(&house).await;
    let more = PostgresOptions { collections: &[THINGS, NOTES], ..house.options() };
    let lacking = plan(&house, &more).await.unwrap();
    assert_eq!(named(&house, &lacking), [other("schema S"), other("notes"), other("rights of S_tenant")]);
    assert!(lacking.to_string().contains("CREATE TABLE \"notes\""));
    assert_eq!(likeness(&house).await, before);
    house.open_with(&house.server.url(), more.clone()).await.unwrap().close().await.unwrap();
    assert!(plan(&house, &more).await.unwrap().is_empty());
    house.end().await;
}

#[tokio::test]
async fn a_plan_lends_the_role_to_a_user_who_has_it_not() {
    let Some(house) = House::new() else { return };
    let user = format!("{}_app", house.schema);
    house.tamper(&format!("CREATE ROLE {user} LOGIN")).await;
    let url = house.server.url_of(&user);
    let made = PostgresOptions { migration_url: Some(house.server.url()), ..house.options() };
    let plan = async |options: &PostgresOptions| {
        let plan = PostgresStore::plan(&url, options, &house.system).await.unwrap();
        let role = plan.steps.first().map(|step| step.sql.replace(&house.schema, "S"));
        (plan.is_empty(), role.unwrap_or_default())
    };
    let lend = "GRANT \"S_tenant\" TO \"S_app\";\n";
    assert_eq!(
        plan(&house.options()).await.1,
        format!("CREATE ROLE \"S_tenant\" NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;\n{lend}")
    );
    house.built().await;
    assert_eq!(plan(&made).await, (false, lend.to_owned()));
    house.open_with(&url, made.clone()).await.unwrap().close().await.unwrap();
    for options in [made, house.options()] {
        assert!(plan(&options).await.0);
    }
    house.tamper(&format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}")).await;
    house.end().await;
}

#[tokio::test]
async fn what_cannot_be_opened_has_no_plan() {
    let Some(house) = House::new() else { return };
    for (tampering, mend) in [
        (
            "INSERT INTO migrations (number, name, checksum, at) VALUES (999, 'later', '', 0)",
            "newer agentforge",
        ),
        ("UPDATE migrations SET checksum = decode(repeat('00', 32), 'hex')", "another migration 1"),
        ("DELETE FROM migrations", "no migration made them"),
        ("DELETE FROM store_meta WHERE key = 'cursor_key'", "lost its keys"),
        ("UPDATE host_collections SET checksum = decode(repeat('00', 32), 'hex')", "declare it as before"),
        ("ALTER TABLE things NO FORCE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"),
        ("DROP TABLE things CASCADE", "is gone"),
    ] {
        house.built().await;
        house.tamper(tampering).await;
        let before = likeness(&house).await;
        let unplanned = plan(&house, &house.options()).await.unwrap_err();
        let unopened = house.open().await.err().expect(tampering);
        assert_eq!(unplanned.kind(), ErrorKind::Corrupt, "{tampering}: {unplanned}");
        assert!(unplanned.message().contains(mend), "{tampering}: {unplanned}");
        assert_eq!(unplanned.message(), unopened.message());
        assert_eq!(likeness(&house).await, before, "{tampering}");
        house.server.drop_schema(&house.schema).await.unwrap();
    }
}

#[tokio::test]
async fn a_torn_wall_is_refused_also_while_a_collection_is_lacking() {
    let Some(house) = House::new() else { return };
    house.built().await;
    house.tamper("ALTER TABLE things DISABLE ROW LEVEL SECURITY").await;
    let more = PostgresOptions { collections: &[THINGS, NOTES], ..house.options() };
    let error = plan(&house, &more).await.unwrap_err();
    assert_eq!(error.get("table").and_then(|table| table.as_str()), Some("things"), "{error}");
    house.end().await;
}

#[tokio::test]
async fn a_schema_of_another_program_has_no_plan() {
    let Some(house) = House::new() else { return };
    house.tamper(&format!("CREATE SCHEMA {0}; CREATE TABLE {0}.songs (title text)", house.schema)).await;
    let error = plan(&house, &house.options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("?schema="), "{error}");
    house.tamper(&format!("DROP SCHEMA {} CASCADE", house.schema)).await;
}

#[tokio::test]
async fn only_the_platforms_system_is_told_a_plan() {
    let Some(house) = House::new() else { return };
    let error = PostgresStore::plan(&house.server.url(), &house.options(), &house.cx).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
}
