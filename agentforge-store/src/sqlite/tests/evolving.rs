//! Migrations one after the other come to the same tables as all of it at once.

use std::collections::BTreeSet;

use agentforge_core::store::{
    CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, ReferenceSpec, UniqueSpec,
};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

use crate::sql::{Statements, ddl, dialect::SQLITE, evolve::difference};

const FIRST: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("name", FieldKind::Text), FieldSpec::new("size", FieldKind::Int)],
    unique: &[UniqueSpec { fields: &["name"] }],
    indexes: &[IndexSpec { fields: &["size"] }],
    ..CollectionSpec::new("evolving")
};

/// One more field, another index, a search, and no unique key.
const SECOND: &CollectionSpec = &CollectionSpec {
    fields: &[
        FieldSpec::new("name", FieldKind::Text),
        FieldSpec::new("due", FieldKind::Time),
        FieldSpec::new("size", FieldKind::Int),
    ],
    indexes: &[IndexSpec { fields: &["due", "size"] }],
    search: &["name"],
    ..CollectionSpec::new("evolving")
};

const THIRD: &CollectionSpec = &CollectionSpec {
    fields: &[FieldSpec::new("owner", FieldKind::Id)],
    references: &[ReferenceSpec { field: "owner", collection: "evolving", on_delete: OnDelete::Cascade }],
    soft_delete: false,
    ..CollectionSpec::new("evolving_parts")
};

fn schema(host: &'static [&'static CollectionSpec]) -> String {
    let sql = Statements::new(SQLITE, host).unwrap();
    let mut text = ddl::foundation(SQLITE, &sql.catalog);
    for spec in host {
        text.push_str(&ddl::collection(SQLITE, &sql.catalog, spec));
    }
    text
}

/// What a file holds, whatever order its columns were added in.
async fn shape(texts: &[String]) -> BTreeSet<String> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for text in texts {
        connection.execute(AssertSqlSafe(text.clone())).await.unwrap();
    }
    let rows = connection
        .fetch_all(
            "SELECT m.name || ' column ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk \
             FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
             UNION ALL SELECT m.name || ' index ' || i.name || ' ' || i.\"unique\" || ' ' || i.partial || ' ' || \
             (SELECT group_concat(x.name) FROM pragma_index_xinfo(i.name) x WHERE x.key) \
             FROM sqlite_schema m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' \
             UNION ALL SELECT m.name || ' refers ' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.on_delete \
             FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' \
             UNION ALL SELECT m.name || ' table ' || t.wr || ' ' || t.strict \
             FROM sqlite_schema m JOIN pragma_table_list(m.name) t WHERE m.type = 'table'",
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

#[tokio::test]
async fn every_chain_of_migrations_comes_to_what_the_declarations_say() {
    let steps: [&'static [&'static CollectionSpec]; 4] = [&[], &[FIRST], &[SECOND], &[SECOND, THIRD]];
    let mut chain = vec![schema(steps[0])];
    for pair in steps.windows(2) {
        chain.push(difference(&schema(pair[0]), &schema(pair[1])).unwrap());
        let (found, expected) = (shape(&chain).await, shape(&[schema(pair[1])]).await);
        assert!(expected.len() > 100);
        let differing: Vec<_> = found.symmetric_difference(&expected).collect();
        assert!(differing.is_empty(), "{differing:?}\n{}", chain.last().unwrap());
    }
    // In one step as well.
    let leap = [schema(steps[1]), difference(&schema(steps[1]), &schema(steps[3])).unwrap()];
    assert_eq!(shape(&leap).await, shape(&[schema(steps[3])]).await);
}
