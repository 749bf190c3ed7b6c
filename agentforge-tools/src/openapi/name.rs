//! Names that models accept, each once.

use std::collections::{BTreeMap, BTreeSet};

/// The longest name.
const MAX_NAME: usize = 64;

/// Text as a name of `[a-zA-Z0-9_-]{1,64}`: what does not fit becomes one `_`.
pub(super) fn fitting(text: &str, otherwise: &str) -> String {
    let mut name = String::with_capacity(text.len().min(MAX_NAME));
    for letter in text.chars() {
        if name.len() >= MAX_NAME {
            break;
        }
        if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' {
            name.push(letter);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

/// The name of an operation without an id: `GET /orders/{id}` is `get_orders_id`.
pub(super) fn of_route(method: &str, path: &str) -> String {
    fitting(&format!("{}_{path}", method.to_ascii_lowercase()), "operation")
}

/// Names that were given away, and to whom.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    given: BTreeMap<String, String>,
}

impl Names {
    /// The name of someone: the wanted one, or with the next free number; always the same for the same one.
    pub(super) fn of(&mut self, whom: &str, wanted: &str) -> String {
        if let Some(name) = self.given.get(whom) {
            return name.clone();
        }
        let name = self.free(wanted);
        self.given.insert(whom.to_owned(), name.clone());
        name
    }

    /// The wanted name, or with the next free number.
    pub(super) fn free(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2_usize;
        while !self.taken.insert(name.clone()) {
            let suffix = format!("_{number}");
            let head: String = wanted.chars().take(MAX_NAME.saturating_sub(suffix.len())).collect();
            name = format!("{head}{suffix}");
            number += 1;
        }
        name
    }
}

/// Text on as few letters as a model needs: its beginning.
pub(super) fn brief(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut head: String = text.chars().take(most).collect();
    head.push_str(" …");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_becomes_a_name() {
        let check = |text: &str, expected: &str| assert_eq!(fitting(text, "x"), expected, "{text}");
        check("listOrders", "listOrders");
        check("orders.list / all", "orders_list_all");
        check("/a/{b}/", "a_b");
        check("知識", "x");
        check(&"y".repeat(100), &"y".repeat(64));
        assert_eq!(of_route("GET", "/orders/{id}"), "get_orders_id");
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        assert_eq!(names.free("a"), "a");
        assert_eq!(names.free("a"), "a_2");
        assert_eq!(names.free("a_2"), "a_2_2");
        assert_eq!(names.free(&"b".repeat(64)), "b".repeat(64));
        assert_eq!(names.free(&"b".repeat(64)), format!("{}_2", "b".repeat(62)));
        assert_eq!(names.of("x", "c"), names.of("x", "c"));
    }
}
