//! Looks at the database's own catalog whether the wall between tenants is whole.

use std::collections::HashMap;

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    store::CollectionSpec,
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{error::translate, migrate::Schema};
use crate::sql::{Statements, ddl, wall};

/// Fails when a tenant could see another one's rows through a statement that forgot the tenant.
pub(super) async fn check_wall(
    connection: &mut PgConnection,
    sql: &Statements,
    schema: &Schema,
    host: &[&'static CollectionSpec],
) -> Result<()> {
    check_role(connection, schema).await?;
    let rows = sqlx::query(wall::TABLES)
        .bind(schema.name.as_str())
        .bind(wall::DEPARSED)
        .bind(schema.role.as_str())
        .fetch_all(connection)
        .await
        .map_err(translate)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        found.insert(row.try_get::<String, _>(0).map_err(translate)?, Table::read(row).map_err(translate)?);
    }
    let expected = wall::walled(&ddl::tables(sql.dialect, &sql.catalog, host));
    if let Some(missing) = expected.iter().find(|name| !found.contains_key(*name)) {
        let mend = "is gone, or has lost its tenants; restore the database from a backup";
        return Err(torn(schema, missing, mend));
    }
    for (name, table) in &found {
        if wall::is_looked_through(name) {
            continue;
        }
        if let Some(mend) = table.fault(schema, name) {
            return Err(torn(schema, name, &mend));
        }
    }
    Ok(())
}

/// A table with a tenant, as the catalog shows it.
struct Table {
    enabled: bool,
    forced: bool,
    policies: i64,
    whole: bool,
    owned: bool,
}

impl Table {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            enabled: row.try_get(1)?,
            forced: row.try_get(2)?,
            policies: row.try_get(3)?,
            whole: row.try_get(4)?,
            owned: row.try_get(5)?,
        })
    }

    fn fault(&self, schema: &Schema, name: &str) -> Option<String> {
        let (of, role) = (schema.name.as_str(), schema.role.as_str());
        let alter = format!("ALTER TABLE \"{of}\".\"{name}\"");
        if !self.enabled {
            return Some(format!("has no row-level security; run `{alter} ENABLE ROW LEVEL SECURITY`"));
        }
        if !self.forced {
            return Some(format!(
                "does not force row-level security; run `{alter} FORCE ROW LEVEL SECURITY`"
            ));
        }
        if self.owned {
            return Some(format!("belongs to the role `{role}`; run `{alter} OWNER TO` another user"));
        }
        if self.policies != 1 || !self.whole {
            return Some(
                "has other policies than `tenant_wall` as the migration made it; drop them and make that one anew"
                    .to_owned(),
            );
        }
        None
    }
}

async fn check_role(connection: &mut PgConnection, schema: &Schema) -> Result<()> {
    let role = schema.role.as_str();
    let found = sqlx::query(wall::ROLE).bind(role).fetch_optional(connection).await.map_err(translate)?;
    let torn = |why: &str| {
        Error::new(ErrorKind::Corrupt, format!("the role `{role}` {why}")).with("role", role.to_owned())
    };
    let Some(found) = found else {
        return Err(torn("is gone; open the store with a user who may create roles"));
    };
    let flag = |place: usize| found.try_get::<bool, _>(place).map_err(translate);
    if flag(0)? {
        return Err(torn(
            "sees the rows of every tenant; run `ALTER ROLE .. NOSUPERUSER NOBYPASSRLS`, and take it out of roles \
             that do",
        ));
    }
    if flag(1)? {
        return Err(torn("can log in; run `ALTER ROLE .. NOLOGIN`"));
    }
    if !flag(2)? {
        let user = &schema.user;
        return Err(torn(&format!(
            "cannot be taken by the user `{user}`; run `GRANT \"{role}\" TO \"{user}\"`"
        )));
    }
    Ok(())
}

fn torn(schema: &Schema, table: &str, why: &str) -> Error {
    let message = format!("the table `{}.{table}` {why}", schema.name.as_str());
    Error::new(ErrorKind::Corrupt, message).with("table", table.to_owned())
}
