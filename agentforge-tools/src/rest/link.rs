//! The `link` header of RFC 8288, as far as paging needs it.

/// The target of the first link of a relation.
pub(super) fn target<'a>(header: &'a str, relation: &str) -> Option<&'a str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        // The parameters end where the next link begins; a comma inside quotes is none.
        let end = end_of_parameters(after);
        let (parameters, next) = after.split_at(end);
        if relations(parameters).any(|word| word.eq_ignore_ascii_case(relation)) {
            return Some(target.trim());
        }
        rest = next;
    }
    None
}

fn end_of_parameters(text: &str) -> usize {
    outside_quotes(text, ',').next().map_or(text.len(), str::len)
}

fn relations(parameters: &str) -> impl Iterator<Item = &str> {
    let named = outside_quotes(parameters, ';').filter_map(|parameter| parameter.split_once('='));
    let values = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
    values.flat_map(|(_, value)| value.trim().trim_matches('"').split_whitespace())
}

/// The pieces of a text between a mark that stands outside of quotes.
fn outside_quotes(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        letter == mark && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn the_target_of_a_relation_is_found() {
        let check =
            |header: &str, expected: Option<&str>| assert_eq!(target(header, "next"), expected, "{header}");
        check("<https://a/2>; rel=\"next\", <https://a/9>; rel=\"last\"", Some("https://a/2"));
        check("<https://a/1>; rel=prev, </x?p=2,3>; REL=next", Some("/x?p=2,3"));
        check("<a>; title=\"x, <b>; rel=next\"; rel=\"first\", <c>; rel=\"up next\"", Some("c"));
        check("<a>; rel=last", None);
        check("<a; rel=next", None);
        check("", None);
    }
}
