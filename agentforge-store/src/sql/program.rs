//! Several statements in one text, for a database that runs them in one round trip.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    template::{MERGED, Statement},
    value::SqlValue,
};

/// How many statements one program holds at most; each program that was run stays prepared for a while.
pub(crate) const PROGRAM_LIMIT: usize = 64;

/// Statements that run one after the other and stop at the first error.
#[derive(Default)]
pub(crate) struct Program {
    text: String,
    values: Vec<SqlValue>,
}

impl Program {
    /// Adds a statement.
    pub(crate) fn push(&mut self, statement: &Statement) {
        self.push_text(statement.text());
        self.values.extend_from_slice(statement.values());
    }

    /// Adds a piece that [`pieces`] found: one statement, or several as one that writes all of their rows.
    pub(crate) fn push_piece(&mut self, piece: &[&Statement]) {
        let text = piece.first().and_then(|first| first.text_of(piece.len()));
        self.push_text(text.unwrap_or_default());
        for statement in piece {
            self.values.extend_from_slice(statement.values());
        }
    }

    /// Adds a statement that controls the transaction.
    pub(crate) fn control(&mut self, statement: &'static str) {
        self.push_text(statement);
    }

    /// Adds what the DDL generator wrote.
    pub(crate) fn ddl(&mut self, text: String) {
        self.push_text(&text);
    }

    fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push(';');
    }

    /// The same program behind a statement that controls the transaction.
    pub(crate) fn behind(mut self, statement: &'static str) -> Self {
        self.text.insert(0, ';');
        self.text.insert_str(0, statement);
        self
    }

    /// The text as the driver takes it, and the values. Safe: it is made of statements, which are.
    pub(crate) fn into_parts(self) -> (SqlStr, Vec<SqlValue>) {
        let text: Arc<str> = self.text.into();
        (AssertSqlSafe(text).into_sql_str(), self.values)
    }
}

/// Cuts statements into pieces that each become one statement: those that follow each other and insert rows of one
/// kind go together, in few sizes.
pub(crate) fn pieces<'a, 'b>(statements: &'a [&'b Statement]) -> Vec<&'a [&'b Statement]> {
    let mut pieces = Vec::new();
    let mut rest = statements;
    while let Some(first) = rest.first() {
        let alike = rest.iter().take_while(|next| first.joins(next)).count();
        let length = MERGED.into_iter().find(|merged| *merged <= alike).unwrap_or(1);
        let (piece, later) = rest.split_at(length);
        pieces.push(piece);
        rest = later;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use agentforge_core::id::TenantId;

    use super::*;
    use crate::sql::{dialect::SQLITE, template::Template};

    #[test]
    fn rows_of_one_kind_go_together_in_few_sizes() {
        let row =
            Template::row(SQLITE, "INSERT INTO timers (tenant, run) VALUES", "(:tenant, ?)", "").unwrap();
        let other = Template::tenant(SQLITE, "DELETE FROM timers WHERE tenant = :tenant").unwrap();
        let row = row.bind(TenantId::PLATFORM, [SqlValue::Int(1)]).unwrap();
        let other = other.bind(TenantId::PLATFORM, Vec::new()).unwrap();
        let mut statements = vec![&row; 21];
        statements.extend([&other, &other, &row]);
        let pieces = pieces(&statements);
        assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [16, 4, 1, 1, 1, 1]);

        let mut program = Program::default();
        program.push_piece(pieces[1]);
        program.push_piece(pieces[3]);
        assert_eq!(program.values.len(), 4 * 2 + 1);
        assert_eq!(
            program.text,
            "INSERT INTO timers (tenant, run) VALUES (?, ?), (?, ?), (?, ?), (?, ?);\
             DELETE FROM timers WHERE tenant = ?;"
        );
    }
}
