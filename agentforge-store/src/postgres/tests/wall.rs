//! The wall in the database itself: a statement that forgot its tenant finds nothing, whoever the user is; and a wall that
//! was torn down is noticed when the store is opened.

use agentforge_core::{error::ErrorKind, store::AuditQuery, testkit::furnish_tenant};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::house::House;
use crate::{
    postgres::PostgresOptions,
    sql::{Statements, ddl, dialect::POSTGRES, wall},
};

/// The tables that stand behind the wall.
fn walled() -> Vec<String> {
    let host = agentforge_core::testkit::COLLECTIONS;
    let sql = Statements::new(POSTGRES, host).unwrap();
    wall::walled(&ddl::tables(POSTGRES, &sql.catalog, host))
}

/// A connection as the pool's are, inside a tenant.
async fn inside(house: &House, url: &str, tenant: Option<Uuid>) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let schema = &house.schema;
    let mut enter = format!("SET search_path = \"{schema}\"; SET ROLE \"{schema}_tenant\"");
    if let Some(tenant) = tenant {
        enter.push_str(&format!("; SET agentforge.tenant = '{tenant}'"));
    }
    connection.execute(sqlx::raw_sql(AssertSqlSafe(enter))).await.unwrap();
    connection
}

async fn count(connection: &mut PgConnection, table: &str, only: &str) -> i64 {
    let text = format!("SELECT count(*) FROM \"{table}\" {only}");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await.unwrap()
}

/// Two tenants with something in every table.
async fn furnished(house: &House, url: &str) -> (Uuid, Uuid) {
    let options = PostgresOptions { collections: agentforge_core::testkit::COLLECTIONS, ..house.options() };
    let store = house.open_with(url, options).await.unwrap();
    let (one, two) = (house.cx.clone(), house.stranger());
    for cx in [&one, &two] {
        furnish_tenant(&store.stores(), cx, "one").await.unwrap();
        // A reader links what waits, so that the trail has rows whatever the linker did until now.
        store.stores().audit.entries(cx, &AuditQuery::default()).await.unwrap();
    }
    store.close().await.unwrap();
    (one.tenant().as_uuid(), two.tenant().as_uuid())
}

/// The tables whose rows a tenant does not see exactly its own of, when a statement forgets the tenant.
async fn leaks(house: &House, url: &str, tenant: Uuid) -> Vec<String> {
    let mut own = inside(house, url, Some(tenant)).await;
    let mut all = house.connect().await;
    let mut leaking = Vec::new();
    for table in walled() {
        let expected = count(&mut all, &table, &format!("WHERE tenant = '{tenant}'")).await;
        if count(&mut own, &table, "").await != expected {
            leaking.push(table);
        }
    }
    leaking
}

#[tokio::test]
async fn a_statement_that_forgets_the_tenant_sees_one_tenant_whoever_connects() {
    let Some(house) = House::new() else { return };
    let owner = format!("{}_owner", house.schema);
    house
        .tamper(&format!(
            "CREATE ROLE {owner} LOGIN CREATEROLE; GRANT CREATE ON DATABASE postgres TO {owner}"
        ))
        .await;
    let owner_url = house.server.url_of(&owner);
    let (one, two) = furnished(&house, &owner_url).await;
    for url in [owner_url, house.server.url()] {
        for tenant in [one, two] {
            assert_eq!(leaks(&house, &url, tenant).await, Vec::<String>::new());
        }
        let mut nobody = inside(&house, &url, None).await;
        let mut seen = 0;
        for table in walled() {
            seen += count(&mut nobody, &table, "").await;
        }
        assert_eq!(seen, 0, "outside of a tenant there is nothing");
        let forged = format!("INSERT INTO counters (tenant, key, value) VALUES ('{two}', 'x', 1)");
        let mut inside_one = inside(&house, &url, Some(one)).await;
        let error = inside_one.execute(AssertSqlSafe(forged)).await.unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{error}");
        let secrets = inside_one.execute("SELECT * FROM store_meta").await.unwrap_err();
        assert!(secrets.to_string().contains("permission denied"), "{secrets}");
    }
    assert!(house.number(&format!("SELECT count(*) FROM users WHERE tenant = '{two}'")).await >= 0);
    house.tamper(&format!("DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}; DROP SCHEMA IF EXISTS {} CASCADE; DROP ROLE {}_tenant", house.schema, house.schema)).await;
}

#[tokio::test]
async fn every_policy_is_needed_and_its_loss_is_noticed() {
    let Some(house) = House::new() else { return };
    let url = house.server.url();
    let (one, _) = furnished(&house, &url).await;
    let options = PostgresOptions { collections: agentforge_core::testkit::COLLECTIONS, ..house.options() };
    let mut filled = 0;
    for table in walled() {
        let rows = house.number(&format!("SELECT count(*) FROM \"{table}\"")).await;
        filled += i64::from(rows > 0);
        let forced = format!("ALTER TABLE \"{table}\" FORCE ROW LEVEL SECURITY");
        let policy = format!(
            "CREATE POLICY tenant_wall ON \"{table}\" \
             USING (tenant = (SELECT NULLIF(current_setting('agentforge.tenant', true), '')::uuid AS entered)) \
             WITH CHECK (tenant = (SELECT NULLIF(current_setting('agentforge.tenant', true), '')::uuid AS entered))"
        );
        let all = format!("CREATE POLICY open_door ON \"{table}\" USING (true)");
        for (tear, mend, leaks_now) in [
            (
                format!("ALTER TABLE \"{table}\" DISABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE \"{table}\" ENABLE ROW LEVEL SECURITY"),
                true,
            ),
            (format!("ALTER TABLE \"{table}\" NO FORCE ROW LEVEL SECURITY"), forced, false),
            (format!("DROP POLICY tenant_wall ON \"{table}\""), policy, true),
            (all, format!("DROP POLICY open_door ON \"{table}\""), true),
        ] {
            house.tamper(&tear).await;
            if leaks_now && rows > 0 {
                assert_eq!(leaks(&house, &url, one).await, std::slice::from_ref(&table), "{tear}");
            }
            let error = house.open_with(&url, options.clone()).await.err().expect(&tear);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
            assert_eq!(error.get("table"), Some(&table.as_str().into()), "{error:?}");
            house.tamper(&mend).await;
        }
    }
    assert!(filled > 20, "only {filled} tables had rows to leak");
    house.open_with(&url, options).await.unwrap().close().await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_role_that_sees_through_the_wall_is_refused() {
    let Some(house) = House::new() else { return };
    house.built().await;
    let role = format!("{}_tenant", house.schema);
    for (tear, mend) in [
        (format!("ALTER ROLE {role} BYPASSRLS"), format!("ALTER ROLE {role} NOBYPASSRLS")),
        (format!("ALTER ROLE {role} SUPERUSER"), format!("ALTER ROLE {role} NOSUPERUSER")),
        (format!("GRANT postgres TO {role}"), format!("REVOKE postgres FROM {role}")),
        (format!("ALTER ROLE {role} LOGIN"), format!("ALTER ROLE {role} NOLOGIN")),
        (
            format!("ALTER TABLE {}.users OWNER TO {role}", house.schema),
            format!("ALTER TABLE {}.users OWNER TO postgres", house.schema),
        ),
    ] {
        house.tamper(&tear).await;
        let error = house.open().await.err().expect(&tear);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{tear}: {error:?}");
        house.tamper(&mend).await;
    }
    house.built().await;
    house.end().await;
}

#[tokio::test]
async fn a_report_shows_one_tenant_even_to_a_superuser() {
    let Some(house) = House::new() else { return };
    let (one, _) = furnished(&house, &house.server.url()).await;
    let mut connection = house.connect().await;
    assert_eq!(count(&mut connection, "report_suite_gadgets", "").await, 0);
    connection.execute(AssertSqlSafe(format!("SET agentforge.tenant = '{one}'"))).await.unwrap();
    let expected = count(&mut connection, "suite_gadgets", &format!("WHERE tenant = '{one}'")).await;
    assert!(expected > 0 && count(&mut connection, "report_suite_gadgets", "").await == expected);
    let typed = "WHERE created_at > timestamptz '1970-01-02' AND (flag OR NOT coalesce(flag, false)) AND id IS NOT NULL";
    assert!(count(&mut connection, "report_suite_gadgets", typed).await > 0);
    connection.close().await.unwrap();
    house.end().await;
}
