//! The rule: every mention of a tenant's table is bound to the tenant of the call where it is mentioned.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::{
    ast::{
        Assignment, AssignmentTarget, BinaryOperator, ConflictTarget, Delete, Expr, FromTable, Insert,
        JoinConstraint, JoinOperator, ObjectName, OnConflictAction, OnInsert, Query, Select, SelectItem,
        SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Value,
        Visit, Visitor,
    },
    dialect::{Dialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
};

use crate::sql::schema::DISPATCH_TABLE;

/// What stands for the tenant of the call, and for any other value.
const TENANT: &str = "$7";
const VALUE: &str = "$1";

/// What is wrong with a source, one line for every offence.
pub(super) fn offences(dialect: &str, source: &str, tables: &BTreeSet<String>) -> Vec<String> {
    if source.starts_with("PRAGMA ") {
        return Vec::new();
    }
    let text = without_hints(source).replace(":tenant", TENANT).replace('?', VALUE);
    let parser: &dyn Dialect = if dialect == "sqlite" { &SQLiteDialect {} } else { &PostgreSqlDialect {} };
    let statements = match Parser::parse_sql(parser, &text) {
        Ok(statements) => statements,
        Err(error) => return vec![format!("is not understood ({error}): {source}")],
    };
    let mut found = Vec::new();
    for statement in &statements {
        let across = !source.contains(":tenant");
        let mut walk = Walk { tables, across, bound: 0, mentioned: 0, offences: Vec::new() };
        let _ = statement.visit(&mut walk);
        if walk.bound != walk.mentioned && walk.offences.is_empty() {
            walk.offences
                .push("mentions a tenant's table in a place that this rule does not know".to_owned());
        }
        found.extend(walk.offences.into_iter().map(|why| format!("{why}: {source}")));
    }
    found
}

/// The source without what the parser does not know and no rule needs: which index to use, and how strong a lock is.
fn without_hints(source: &str) -> String {
    const HINT: &str = " INDEXED BY ";
    let source = source.replace(" FOR KEY SHARE", " FOR SHARE").replace(" FOR NO KEY UPDATE", " FOR UPDATE");
    let mut parts = source.split(HINT);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.find(' ').map_or("", |end| &part[end..]));
    }
    text
}

struct Walk<'a> {
    tables: &'a BTreeSet<String>,
    /// Whether it is the platform's, which looks across tenants at what is due and at nothing else.
    across: bool,
    bound: usize,
    mentioned: usize,
    offences: Vec<String>,
}

/// A mention of a tenant's table, and what its columns are qualified with.
struct Mention {
    table: String,
    called: String,
}

impl Walk<'_> {
    fn is_walled(&self, table: &str) -> bool {
        self.tables.contains(table) && !(self.across && table == DISPATCH_TABLE)
    }

    /// Every mention in a list of tables must be bound by the conditions beside it.
    fn scope<'a>(&mut self, from: impl IntoIterator<Item = &'a TableWithJoins>, selection: Option<&Expr>) {
        let (mut mentions, mut conditions) = (Vec::new(), Vec::new());
        if let Some(selection) = selection {
            conjuncts(selection, &mut conditions);
        }
        for tables in from {
            self.mentions(tables, &mut mentions, &mut conditions);
        }
        let alone = mentions.len() == 1;
        for mention in mentions {
            if conditions.iter().any(|condition| binds(condition, &mention.called, alone)) {
                self.bound += 1;
            } else {
                self.offences.push(format!("`{}` without the tenant", mention.table));
            }
        }
    }

    fn mentions<'a>(
        &self,
        tables: &'a TableWithJoins,
        mentions: &mut Vec<Mention>,
        conditions: &mut Vec<&'a Expr>,
    ) {
        let joins = tables.joins.iter();
        for join in joins.clone() {
            if let JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) =
                &join.join_operator
                && let JoinConstraint::On(on) = on
            {
                conjuncts(on, conditions);
            }
        }
        for factor in std::iter::once(&tables.relation).chain(joins.map(|join| &join.relation)) {
            match factor {
                TableFactor::Table { name, alias, .. } => {
                    let table = last(name);
                    if self.is_walled(&table) {
                        let called =
                            alias.as_ref().map_or_else(|| table.clone(), |alias| alias.name.value.clone());
                        mentions.push(Mention { table, called });
                    }
                }
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    self.mentions(table_with_joins, mentions, conditions);
                }
                // A query in parentheses is a scope of its own.
                _ => {}
            }
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let TableObject::TableName(name) = &insert.table else { return };
        let table = last(name);
        if !self.is_walled(&table) {
            return;
        }
        let tenant_leads = insert.columns.first().is_some_and(|column| last(column) == "tenant");
        let given = insert.source.as_deref().is_some_and(gives_tenant);
        let target_leads = match &insert.on {
            Some(OnInsert::OnConflict(conflict)) => {
                let target = match &conflict.conflict_target {
                    Some(ConflictTarget::Columns(columns)) => {
                        columns.first().is_some_and(|column| column.value == "tenant")
                    }
                    Some(ConflictTarget::OnConstraint(_)) => false,
                    None => matches!(conflict.action, OnConflictAction::DoNothing),
                };
                let keeps = match &conflict.action {
                    OnConflictAction::DoUpdate(update) => !update.assignments.iter().any(sets_tenant),
                    OnConflictAction::DoNothing => true,
                };
                target && keeps
            }
            Some(_) => false,
            None => true,
        };
        if tenant_leads && given && target_leads {
            self.bound += 1;
        } else {
            self.offences
                .push(format!("an insert into `{table}` whose first column is not the tenant of the call"));
        }
    }

    fn update(&mut self, update: &Update) {
        let from = match &update.from {
            Some(UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from)) => {
                from.as_slice()
            }
            None => &[],
        };
        self.scope(std::iter::once(&update.table).chain(from), update.selection.as_ref());
        if update.assignments.iter().any(sets_tenant) {
            self.offences.push("moves a row to another tenant".to_owned());
        }
    }

    fn delete(&mut self, delete: &Delete) {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let using = delete.using.iter().flatten();
        self.scope(from.iter().chain(using), delete.selection.as_ref());
    }
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.mentioned += usize::from(self.is_walled(&last(relation)));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.scope(&select.from, select.selection.as_ref());
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The last part of a name, as it is written.
fn last(name: &ObjectName) -> String {
    let part = name.0.last().and_then(|part| part.as_ident());
    part.map(|ident| ident.value.clone()).unwrap_or_default()
}

/// The conditions that all hold.
fn conjuncts<'a>(condition: &'a Expr, all: &mut Vec<&'a Expr>) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, all);
            conjuncts(right, all);
        }
        Expr::Nested(inner) => conjuncts(inner, all),
        other => all.push(other),
    }
}

/// Whether a condition is `tenant = :tenant` of a mention.
fn binds(condition: &Expr, called: &str, alone: bool) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return false };
    let is_column = match &**left {
        Expr::Identifier(column) => alone && column.value == "tenant",
        Expr::CompoundIdentifier(parts) => {
            parts.iter().map(|part| part.value.as_str()).eq([called, "tenant"])
        }
        _ => false,
    };
    is_column && is_tenant(right)
}

fn is_tenant(value: &Expr) -> bool {
    match value {
        Expr::Value(value) => matches!(&value.value, Value::Placeholder(mark) if mark == TENANT),
        Expr::Cast { expr, .. } => is_tenant(expr),
        _ => false,
    }
}

fn gives_tenant(source: &Query) -> bool {
    fn body_gives(body: &SetExpr) -> bool {
        match body {
            SetExpr::Values(values) => values.rows.iter().all(|row| row.first().is_some_and(is_tenant)),
            SetExpr::Select(select) => match select.projection.first() {
                Some(SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) => {
                    is_tenant(value)
                }
                _ => false,
            },
            SetExpr::Query(query) => body_gives(&query.body),
            _ => false,
        }
    }
    body_gives(&source.body)
}

fn sets_tenant(assignment: &Assignment) -> bool {
    match &assignment.target {
        AssignmentTarget::ColumnName(column) => last(column) == "tenant",
        AssignmentTarget::Tuple(columns) => columns.iter().any(|column| last(column) == "tenant"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str) -> Vec<String> {
        let tables = ["journal", "leases", "users", "dispatch"].map(str::to_owned).into();
        let (one, other) = (offences("sqlite", source, &tables), offences("postgres", source, &tables));
        assert_eq!(one.len(), other.len(), "{one:?} {other:?}");
        one
    }

    #[test]
    fn planted_statements_that_forget_the_tenant_are_named_with_their_table() {
        for (source, table) in [
            ("SELECT 1 FROM journal", "journal"),
            ("SELECT 1 FROM journal WHERE run = :tenant", "journal"),
            ("SELECT 1 FROM journal WHERE tenant = ?", "journal"),
            ("SELECT 1 FROM journal WHERE tenant = :tenant OR run = ?", "journal"),
            ("SELECT 1 FROM journal WHERE NOT tenant = :tenant", "journal"),
            ("SELECT 1 FROM users u WHERE tenant = :tenant AND id IN (SELECT run FROM journal)", "journal"),
            ("SELECT 1 FROM users WHERE id IN (SELECT run FROM journal WHERE tenant = :tenant)", "users"),
            ("SELECT 1 FROM journal j JOIN leases l ON l.run = j.run WHERE j.tenant = :tenant", "leases"),
            ("SELECT 1 FROM journal j JOIN leases l ON l.run = j.run WHERE tenant = :tenant", "leases"),
            ("WITH x AS (SELECT run FROM journal) SELECT run FROM x", "journal"),
            ("SELECT 1 FROM users WHERE tenant = :tenant UNION SELECT 1 FROM journal", "journal"),
            ("SELECT (SELECT count(*) FROM leases) FROM users WHERE tenant = :tenant", "leases"),
            ("INSERT INTO journal (run, tenant) VALUES (?, :tenant)", "journal"),
            ("INSERT INTO journal (tenant, run) VALUES (?, ?)", "journal"),
            ("INSERT INTO journal (tenant, run) VALUES (:tenant, ?), (?, ?)", "journal"),
            (
                "INSERT INTO journal (tenant, run) SELECT tenant, run FROM leases WHERE tenant = :tenant",
                "journal",
            ),
            ("INSERT INTO journal (tenant, run) VALUES (:tenant, ?) ON CONFLICT (run) DO NOTHING", "journal"),
            ("DELETE FROM leases WHERE run = ?", "leases"),
            ("DELETE FROM leases", "leases"),
            ("UPDATE leases SET owner = ? WHERE run = ?", "leases"),
            ("UPDATE leases SET owner = ? WHERE run = ? AND (tenant = :tenant OR true)", "leases"),
            ("SELECT 1 FROM dispatch d JOIN journal j ON j.run = d.id", "journal"),
        ] {
            let found = check(source);
            assert!(
                found.iter().any(|why| why.contains(table) && why.contains(source)),
                "{source}: {found:?}"
            );
        }
        assert!(!check("UPDATE leases SET tenant = ? WHERE tenant = :tenant").is_empty());
        assert!(check("SELECT 1 FROM").iter().any(|why| why.contains("is not understood")));
    }

    #[test]
    fn statements_that_keep_to_the_tenant_pass() {
        for source in [
            "SELECT 1 FROM journal WHERE run = ? AND (seq > ? AND tenant = :tenant)",
            "SELECT 1 FROM journal j JOIN leases l ON l.tenant = :tenant AND l.run = j.run WHERE j.tenant = :tenant",
            "INSERT INTO leases (tenant, run) VALUES (:tenant, ?), (:tenant, ?)",
            "INSERT INTO leases (tenant, run) SELECT :tenant, run FROM journal WHERE tenant = :tenant",
            "INSERT INTO leases (tenant, run) VALUES (:tenant, ?) ON CONFLICT (tenant, run) DO UPDATE SET owner = ?",
            "DELETE FROM leases WHERE tenant = :tenant AND run IN (SELECT run FROM journal WHERE tenant = :tenant)",
            "UPDATE leases SET owner = ? WHERE tenant = :tenant",
            "SELECT due FROM dispatch WHERE kind = ?",
            "SELECT value FROM store_meta WHERE key = ?",
        ] {
            assert_eq!(check(source), Vec::<String>::new(), "{source}");
        }
    }
}
