//! The wall inside the database: a role that cannot log in and that every connection takes, its rights, and the look at
//! the catalog that tells whether the wall is whole.

use super::{
    control::Name,
    ddl,
    dialect::is_walled,
    schema::{BELLS_TABLE, DISPATCH_TABLE, PLATFORM_TABLES},
};

/// What the server makes of the policy's predicate.
pub(crate) const DEPARSED: &str = "(tenant = ( SELECT (NULLIF(current_setting('agentforge.tenant'::text, true), ''::text))::uuid AS entered))";

/// Every table of a schema with a tenant: its name, whether row-level security is on and forced, how many policies it
/// has, whether they are all the wall's, and whether the role is its owner. Takes schema, predicate and role.
pub(crate) const TABLES: &str = "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity, \
     (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid), \
     coalesce((SELECT bool_and(p.polcmd = '*' AND p.polpermissive AND p.polroles = '{0}' \
     AND pg_get_expr(p.polqual, p.polrelid) = $2 AND pg_get_expr(p.polwithcheck, p.polrelid) = $2) \
     FROM pg_policy p WHERE p.polrelid = c.oid), false), \
     pg_has_role((SELECT oid FROM pg_roles WHERE rolname = $3), c.relowner, 'MEMBER') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND EXISTS (SELECT 1 FROM pg_attribute a \
     WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped)";

/// The role: whether it is a superuser, or sees through row-level security, itself or as a member of another one; whether
/// it can log in; and whether the present user may take it. Takes the role.
pub(crate) const ROLE: &str = "SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (SELECT 1 FROM pg_roles o \
     WHERE (o.rolsuper OR o.rolbypassrls) AND pg_has_role(r.oid, o.oid, 'MEMBER')), r.rolcanlogin, \
     pg_has_role(current_user, r.oid, 'MEMBER') FROM pg_roles r WHERE r.rolname = $1";

/// Tables with a tenant that the platform looks through across tenants, and that hold nothing else.
pub(crate) fn is_looked_through(table: &str) -> bool {
    table == DISPATCH_TABLE || table == BELLS_TABLE
}

/// The names of the tables that stand behind the wall.
pub(crate) fn walled(tables: &[ddl::Made]) -> Vec<String> {
    tables.iter().filter(|made| is_walled(&made.table)).map(|made| made.table.name.to_string()).collect()
}

/// Makes the role, unless it is there.
pub(crate) fn make_role(role: &Name) -> String {
    format!("CREATE ROLE \"{}\" NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE", role.as_str())
}

/// Lets a user take the role.
pub(crate) fn lend_role(role: &Name, user: &str) -> String {
    format!("GRANT \"{}\" TO {}", role.as_str(), quoted_user(user))
}

/// Gives the role what it needs in the schema: rows of tenants, never tables, and nothing of the platform's own. The
/// user who connects may read how the store was made.
pub(crate) fn rights(schema: &Name, role: &Name, user: &str, tables: &[ddl::Made]) -> String {
    let (schema, role, user) = (schema.as_str(), role.as_str(), quoted_user(user));
    let mut text = format!(
        "GRANT USAGE ON SCHEMA \"{schema}\" TO \"{role}\"; GRANT USAGE ON SCHEMA \"{schema}\" TO {user};\n\
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA \"{schema}\" TO \"{role}\";\n\
         REVOKE ALL ON FUNCTION start(text, text, jsonb, uuid) FROM PUBLIC;\n\
         GRANT EXECUTE ON FUNCTION start(text, text, jsonb, uuid) TO {user};\n"
    );
    for made in tables {
        let table = &made.table.name;
        if PLATFORM_TABLES.contains(&&**table) && **table != *BELLS_TABLE {
            text.push_str(&format!("GRANT SELECT ON \"{table}\" TO {user};\n"));
        } else {
            text.push_str(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON \"{table}\" TO \"{role}\";\n"));
        }
        if made.has_view {
            text.push_str(&format!("GRANT SELECT ON \"report_{table}\" TO \"{role}\";\n"));
        }
    }
    text
}

/// Users are called as their administrators like.
fn quoted_user(user: &str) -> String {
    format!("\"{}\"", user.replace('"', "\"\""))
}
