//! From a filter tree to a predicate.
//!
//! A filter is two-valued and SQL is not. Negations are pushed down to the comparisons, so that what remains is made
//! of AND and OR alone, under which an unknown counts as false; a negated comparison says itself what null means.

use agentforge_core::{
    error::{Error, Result},
    store::{CollectionSpec, FieldKind, FieldValue, Filter, Ordering, words},
};

use super::{ddl::quoted, dialect::Dialect, value::SqlValue, words::begins};

/// A piece of a source with the values of its marks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) text: String,
    pub(crate) values: Vec<SqlValue>,
}

impl Fragment {
    pub(super) fn new(text: impl Into<String>, values: impl Into<Vec<SqlValue>>) -> Self {
        Self { text: text.into(), values: values.into() }
    }

    /// Adds another piece behind a joining text.
    pub(super) fn join(&mut self, joint: &str, other: Self) {
        self.text.push_str(joint);
        self.text.push_str(&other.text);
        self.values.extend(other.values);
    }
}

/// The predicate of a filter that was checked against the collection.
pub(crate) fn predicate(dialect: &dyn Dialect, spec: &CollectionSpec, filter: &Filter) -> Result<Fragment> {
    Compiler { dialect, spec }.compile(filter, Sense::Holds)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Holds,
    Fails,
}

struct Compiler<'a> {
    dialect: &'a dyn Dialect,
    spec: &'a CollectionSpec,
}

impl Compiler<'_> {
    fn compile(&self, filter: &Filter, sense: Sense) -> Result<Fragment> {
        let negated = sense == Sense::Fails;
        match filter {
            Filter::True => Ok(constant(!negated)),
            Filter::False => Ok(constant(negated)),
            Filter::Eq(_, FieldValue::Null) | Filter::Compare(_, _, FieldValue::Null) => {
                Ok(constant(negated))
            }
            Filter::Eq(field, value) => {
                let (column, _) = self.column(field)?;
                let operator = if negated { "IS DISTINCT FROM" } else { "=" };
                Ok(Fragment::new(format!("{column} {operator} ?"), [value.clone().into()]))
            }
            Filter::Compare(field, order, value) => {
                let (column, _) = self.column(field)?;
                let operator = operator(*order);
                let text = if negated {
                    format!("({column} IS NULL OR NOT {column} {operator} ?)")
                } else {
                    format!("{column} {operator} ?")
                };
                Ok(Fragment::new(text, [value.clone().into()]))
            }
            Filter::In(field, values) => self.among(field, values, sense),
            Filter::StartsWith(field, prefix) => self.starts_with(field, prefix, sense),
            Filter::Words(field, text) => self.words(field, text, sense),
            Filter::IsNull(field) => {
                let (column, _) = self.column(field)?;
                let operator = if negated { "IS NOT NULL" } else { "IS NULL" };
                Ok(Fragment::new(format!("{column} {operator}"), []))
            }
            Filter::All(filters) => self.junction(filters, sense, negated),
            Filter::Any(filters) => self.junction(filters, sense, !negated),
            Filter::Not(filter) if negated => self.compile(filter, Sense::Holds),
            Filter::Not(filter) => self.compile(filter, Sense::Fails),
        }
    }

    /// Several filters, of which one is enough or all are needed.
    fn junction(&self, filters: &[Filter], sense: Sense, one_is_enough: bool) -> Result<Fragment> {
        let pieces = filters.iter().map(|filter| self.compile(filter, sense)).collect::<Result<Vec<_>>>()?;
        let joint = if one_is_enough { " OR " } else { " AND " };
        Ok(balanced(pieces, joint).unwrap_or_else(|| constant(!one_is_enough)))
    }

    fn among(&self, field: &str, values: &[FieldValue], sense: Sense) -> Result<Fragment> {
        let (column, kind) = self.column(field)?;
        let values: Vec<SqlValue> =
            values.iter().filter(|value| **value != FieldValue::Null).cloned().map(Into::into).collect();
        let negated = sense == Sense::Fails;
        if values.is_empty() {
            return Ok(constant(negated));
        }
        let among = self.dialect.among(&column, kind);
        let text = if negated { format!("({column} IS NULL OR NOT {among})") } else { among };
        Ok(Fragment::new(text, [self.dialect.list(&values)]))
    }

    fn starts_with(&self, field: &str, prefix: &str, sense: Sense) -> Result<Fragment> {
        let (column, _) = self.column(field)?;
        let negated = sense == Sense::Fails;
        if prefix.is_empty() {
            let operator = if negated { "IS NULL" } else { "IS NOT NULL" };
            return Ok(Fragment::new(format!("{column} {operator}"), []));
        }
        let mut range = Fragment::new(format!("{column} >= ?"), [prefix.into()]);
        if let Some(end) = end_of_prefix(prefix) {
            range.join(&format!(" AND {column} < "), Fragment::new("?", [end.into()]));
        }
        let text = if negated {
            format!("({column} IS NULL OR NOT ({}))", range.text)
        } else {
            format!("({})", range.text)
        };
        Ok(Fragment::new(text, range.values))
    }

    fn words(&self, field: &str, text: &str, sense: Sense) -> Result<Fragment> {
        let known = self.spec.search.iter().copied().find(|known| *known == field);
        let field = known.ok_or_else(|| {
            Error::internal(format!(
                "the words of `{field}` of `{}` reached the compiler unchecked",
                self.spec.name
            ))
        })?;
        let ranges = words(text).iter().map(|word| begins(self.spec, field, word)).collect();
        let Some(all) = balanced(ranges, " AND ") else { return Ok(constant(sense == Sense::Holds)) };
        // The id is never null, so a negation needs no more words than this.
        let text = if sense == Sense::Fails { format!("NOT ({})", all.text) } else { all.text };
        Ok(Fragment::new(text, all.values))
    }

    /// The column of a field. Its name comes from the declaration and never from the filter.
    fn column(&self, field: &str) -> Result<(String, FieldKind)> {
        let declared = self.spec.field(field).ok_or_else(|| {
            Error::internal(format!("`{field}` of `{}` reached the compiler unchecked", self.spec.name))
        })?;
        Ok((quoted(declared.name), declared.kind))
    }
}

fn constant(value: bool) -> Fragment {
    Fragment::new(if value { "TRUE" } else { "FALSE" }, [])
}

const fn operator(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::LessOrEqual => "<=",
        Ordering::Greater => ">",
        Ordering::GreaterOrEqual => ">=",
    }
}

/// Joins pieces as a balanced tree: databases limit the depth of an expression, not its width.
fn balanced(mut pieces: Vec<Fragment>, joint: &str) -> Option<Fragment> {
    if pieces.len() < 2 {
        return pieces.pop();
    }
    let right = balanced(pieces.split_off(pieces.len() / 2), joint)?;
    let mut whole = Fragment::new("(", []);
    whole.join("", balanced(pieces, joint)?);
    whole.join(joint, right);
    whole.text.push(')');
    Some(whole)
}

/// The least text, by bytes, that is greater than every text with the prefix; none when there is no such text.
pub(super) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // The order of UTF-8 bytes is the order of code points, and stepping skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use agentforge_core::store::FieldSpec;

    use super::*;
    use crate::sql::dialect::SQLITE;

    const SPEC: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("state", FieldKind::Text), FieldSpec::new("size", FieldKind::Int)],
        search: &["state"],
        ..CollectionSpec::new("things")
    };

    fn check(filter: Filter, text: &str, values: &[SqlValue]) {
        filter.check(SPEC).unwrap();
        let compiled = predicate(SQLITE, SPEC, &filter).unwrap();
        assert_eq!((compiled.text.as_str(), compiled.values.as_slice()), (text, values), "{filter:?}");
    }

    fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }

    #[test]
    fn comparisons() {
        let (a, one) = (SqlValue::from("a"), SqlValue::Int(1));
        check(Filter::eq("state", "a"), "\"state\" = ?", std::slice::from_ref(&a));
        check(not(Filter::eq("state", "a")), "\"state\" IS DISTINCT FROM ?", &[a]);
        let less = Filter::Compare("size".to_owned(), Ordering::Less, FieldValue::Int(1));
        check(less.clone(), "\"size\" < ?", std::slice::from_ref(&one));
        check(not(less), "(\"size\" IS NULL OR NOT \"size\" < ?)", &[one]);
        check(Filter::IsNull("size".to_owned()), "\"size\" IS NULL", &[]);
        check(not(not(Filter::IsNull("size".to_owned()))), "\"size\" IS NULL", &[]);
    }

    #[test]
    fn null_never_compares() {
        let null = Filter::Eq("state".to_owned(), FieldValue::Null);
        check(null.clone(), "FALSE", &[]);
        check(not(null), "TRUE", &[]);
        check(Filter::In("state".to_owned(), vec![FieldValue::Null]), "FALSE", &[]);
    }

    #[test]
    fn lists_and_prefixes() {
        check(
            Filter::is_in("size", [1_i64, 2]),
            "\"size\" IN (SELECT value FROM json_each(?))",
            &["[1,2]".into()],
        );
        check(
            Filter::StartsWith("state".to_owned(), "ab".to_owned()),
            "(\"state\" >= ? AND \"state\" < ?)",
            &["ab".into(), "ac".into()],
        );
        check(Filter::StartsWith("state".to_owned(), String::new()), "\"state\" IS NOT NULL", &[]);
    }

    #[test]
    fn every_word_is_one_range_of_its_own() {
        let range = "id IN (SELECT record FROM \"things_words\" WHERE tenant = :tenant AND field = ? \
                     AND word >= ? AND word < ?)";
        let values = ["state", "ab", "ac", "state", "c", "d"].map(SqlValue::from);
        check(Filter::words("state", "Ab"), range, &values[..3]);
        check(Filter::words("state", "Ab, c AB"), &format!("({range} AND {range})"), &values);
        check(not(Filter::words("state", "ab")), &format!("NOT ({range})"), &values[..3]);
        check(Filter::words("state", " - "), "TRUE", &[]);
        check(not(Filter::words("state", "")), "FALSE", &[]);
    }

    #[test]
    fn a_prefix_ends_before_the_next_letter() {
        assert_eq!(end_of_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end_of_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of_prefix("\u{10ffff}"), None);
    }

    #[test]
    fn junctions_are_balanced_and_turn_over_under_a_negation() {
        let is = |value: i64| Filter::eq("size", value);
        let values = [SqlValue::Int(1), SqlValue::Int(2), SqlValue::Int(3)];
        check(
            Filter::all([is(1), is(2), is(3)]),
            "(\"size\" = ? AND (\"size\" = ? AND \"size\" = ?))",
            &values,
        );
        check(
            not(Filter::any([is(1), is(2)])),
            "(\"size\" IS DISTINCT FROM ? AND \"size\" IS DISTINCT FROM ?)",
            &values[..2],
        );
        check(Filter::all([]), "TRUE", &[]);
        check(not(Filter::all([])), "FALSE", &[]);
        check(Filter::any([]), "FALSE", &[]);
    }
}
