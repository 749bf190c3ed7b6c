//! Further pages of a list: what to ask for next, and what was gathered so far. Pure.

use std::collections::BTreeSet;

use agentforge_core::{
    error::{Error, Result},
    http::Headers,
    json::{Digest, encoded_len},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{link, operation::RestOperation, select::Path, style::atom};

/// How further pages of a list are asked for, and how many.
///
/// A model gets `{"items": […], "complete": true}`; when a cap stopped it, `complete` is false and `next` holds the
/// arguments to go on with, where there are any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// How the next page is asked for.
    pub by: Paging,
    /// Where the list is in a page; empty when the page is the list.
    #[serde(default)]
    pub items: String,
    /// How many pages are read at most.
    #[serde(default = "max_pages")]
    pub max_pages: usize,
    /// How many items are gathered at most.
    #[serde(default = "max_items")]
    pub max_items: usize,
    /// How many bytes of JSON are gathered at most.
    #[serde(default = "max_bytes")]
    pub max_bytes: usize,
}

const fn max_pages() -> usize {
    10
}

const fn max_items() -> usize {
    1_000
}

const fn max_bytes() -> usize {
    1024 * 1024
}

/// How the next page is asked for. An `argument` is the name of a parameter, or a path into the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// By the number of the page.
    Page {
        /// The argument with the number.
        argument: String,
        /// The number of the first page.
        #[serde(default = "first_page")]
        first: u64,
        /// The argument with the size of a page: a shorter one is the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<String>,
    },
    /// By the number of items that came before.
    Offset {
        /// The argument with the number.
        argument: String,
        /// The argument with the size of a page: a shorter one is the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<String>,
    },
    /// By a word that each page gives for the next.
    Cursor {
        /// The argument with the word.
        argument: String,
        /// Where a page gives it; absent, null or empty on the last page.
        next: String,
        /// Where a page says whether there is another, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<String>,
    },
    /// By the address in a `link` header with `rel="next"`.
    LinkHeader,
    /// By an address in the page.
    NextUrl {
        /// Where the page gives it; absent, null or empty on the last page.
        next: String,
    },
}

const fn first_page() -> u64 {
    1
}

impl Pagination {
    /// The usual caps: 10 pages, 1,000 items, 1 MiB.
    pub fn new(by: Paging, items: impl Into<String>) -> Self {
        Self {
            by,
            items: items.into(),
            max_pages: max_pages(),
            max_items: max_items(),
            max_bytes: max_bytes(),
        }
    }

    /// With another number of pages at most.
    #[must_use]
    pub const fn max_pages(mut self, pages: usize) -> Self {
        self.max_pages = pages;
        self
    }

    /// With another number of items at most.
    #[must_use]
    pub const fn max_items(mut self, items: usize) -> Self {
        self.max_items = items;
        self
    }

    pub(super) fn check(&self, operation: &RestOperation) -> Result<()> {
        Path::parse(&self.items)?;
        let argument = match &self.by {
            Paging::Page { argument, .. } | Paging::Offset { argument, .. } => Some(argument),
            Paging::Cursor { argument, next, more } => {
                Path::parse(next)?;
                Path::parse(more.as_deref().unwrap_or_default())?;
                Some(argument)
            }
            Paging::NextUrl { next } => {
                Path::parse(next)?;
                None
            }
            Paging::LinkHeader => None,
        };
        let Some(argument) = argument else { return Ok(()) };
        Path::parse(argument)?;
        let first = argument.trim_start_matches('/').split(['.', '/']).next().unwrap_or_default();
        let parameter = operation.parameters.iter().any(|parameter| parameter.argument_name() == first);
        let body = operation.body.as_ref().is_some_and(|body| body.argument_name() == first);
        if parameter || body {
            return Ok(());
        }
        Err(Error::invalid(format!("pages are asked for by `{argument}`, and there is no such argument")))
    }
}

/// What comes after a page.
#[derive(Debug)]
pub(super) enum Next {
    /// The same call with other arguments.
    Arguments(Value),
    /// Another address of the same interface.
    Address(String),
    /// Nothing: that was the last page.
    End,
    /// Another page that must not be asked for, and why.
    Refused(String),
}

/// The pages of one call so far.
pub(super) struct Pages<'a> {
    pagination: &'a Pagination,
    items: Vec<Value>,
    bytes: usize,
    read: usize,
    seen: BTreeSet<Digest>,
    full: bool,
    dropped: bool,
}

impl<'a> Pages<'a> {
    pub(super) const fn new(pagination: &'a Pagination) -> Self {
        Self {
            pagination,
            items: Vec::new(),
            bytes: 0,
            read: 0,
            seen: BTreeSet::new(),
            full: false,
            dropped: false,
        }
    }

    /// Whether a cap is reached.
    pub(super) const fn is_full(&self) -> bool {
        self.full || self.read >= self.pagination.max_pages
    }

    /// Takes a page in and says what comes next. A page without its list ends the pages.
    pub(super) fn take(
        &mut self,
        arguments: &Value,
        url: &str,
        headers: &Headers,
        mut page: Value,
    ) -> Result<Next> {
        self.read += 1;
        let next = self.next_of(arguments, url, headers, &page)?;
        let list = Path::parse(&self.pagination.items)?.take(&mut page);
        let Some(Value::Array(list)) = list else {
            return Ok(if self.read == 1 {
                Next::Refused(format!("the reply has no list at `{}`", self.pagination.items))
            } else {
                Next::End
            });
        };
        let count = list.len();
        for item in list {
            self.bytes += encoded_len(&item) + 1;
            if self.items.len() >= self.pagination.max_items || self.bytes > self.pagination.max_bytes {
                self.full = true;
                self.dropped = true;
                break;
            }
            self.items.push(item);
        }
        self.full |= self.items.len() >= self.pagination.max_items;
        Ok(next_unless_last(&self.pagination.by, arguments, count, next))
    }

    fn next_of(&mut self, arguments: &Value, url: &str, headers: &Headers, page: &Value) -> Result<Next> {
        let with = |argument: &str, value: Value| -> Result<Next> {
            let mut arguments = arguments.clone();
            let put = Path::parse(argument)?.put(&mut arguments, value);
            Ok(put.map_or(Next::End, |()| Next::Arguments(arguments)))
        };
        let number = |argument: &str| {
            let value = Path::parse(argument).ok()?.get(arguments)?.clone();
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let next = match &self.pagination.by {
            Paging::Page { argument, first, .. } => {
                with(argument, json!(number(argument).unwrap_or(*first).saturating_add(1)))?
            }
            Paging::Offset { argument, .. } => {
                let list = Path::parse(&self.pagination.items)?;
                let count = list.get(page).and_then(Value::as_array).map_or(0, Vec::len) as u64;
                with(argument, json!(number(argument).unwrap_or(0).saturating_add(count)))?
            }
            Paging::Cursor { argument, next, more } => {
                let ended = match more {
                    Some(more) => Path::parse(more)?.get(page).is_some_and(|more| more == &json!(false)),
                    None => false,
                };
                match Path::parse(next)?.get(page).map(|word| (word, atom(word))) {
                    Some((word, text)) if !ended && !text.is_empty() && word != &json!(false) => {
                        with(argument, word.clone())?
                    }
                    _ => Next::End,
                }
            }
            Paging::LinkHeader => {
                let mut links = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
                let found = links.find_map(|(_, value)| link::target(value, "next"));
                found.map_or(Next::End, |target| address(url, target))
            }
            Paging::NextUrl { next } => match Path::parse(next)?.get(page).and_then(Value::as_str) {
                Some(target) if !target.is_empty() => address(url, target),
                _ => Next::End,
            },
        };
        // A service that names the same page again would be asked for ever.
        let again = match &next {
            Next::Arguments(arguments) => !self.seen.insert(Digest::of_json(arguments)),
            Next::Address(address) => {
                !self.seen.insert(Digest::of_bytes(address.as_bytes())) || address == url
            }
            Next::End | Next::Refused(_) => false,
        };
        Ok(if again { Next::End } else { next })
    }

    /// What was gathered, and how it ended. `stopped` is where it would go on.
    pub(super) fn finish(self, stopped: &Next) -> (Value, Option<Value>, Option<String>) {
        let note = match stopped {
            Next::Refused(why) => Some(why.clone()),
            _ => None,
        };
        let next = match stopped {
            // Going on after a page of which items were dropped would skip them.
            Next::Arguments(arguments) if !self.dropped => self.resume(arguments),
            _ => None,
        };
        (Value::Array(self.items), next, note)
    }

    /// The argument that goes on.
    fn resume(&self, arguments: &Value) -> Option<Value> {
        let argument = match &self.pagination.by {
            Paging::Page { argument, .. }
            | Paging::Offset { argument, .. }
            | Paging::Cursor { argument, .. } => argument,
            Paging::LinkHeader | Paging::NextUrl { .. } => return None,
        };
        let value = Path::parse(argument).ok()?.get(arguments)?.clone();
        Some(json!({ (argument.as_str()): value }))
    }

    /// Whether every item that there is was gathered.
    pub(super) const fn is_complete(&self, next: &Next) -> bool {
        matches!(next, Next::End) && !self.full
    }
}

/// A page that is empty, or shorter than asked for, is the last.
fn next_unless_last(by: &Paging, arguments: &Value, count: usize, next: Next) -> Next {
    let (Paging::Page { size, .. } | Paging::Offset { size, .. }) = by else { return next };
    let asked = size.as_deref().and_then(|size| Path::parse(size).ok()?.get(arguments)?.as_u64());
    let short = asked.is_some_and(|asked| (count as u64) < asked);
    if count == 0 || short { Next::End } else { next }
}

/// A further address, if it lies at the origin of the present one: credentials go with it.
fn address(present: &str, target: &str) -> Next {
    let Ok(present) = Url::parse(present) else { return Next::End };
    match present.join(target) {
        Ok(next)
            if next.origin() == present.origin()
                && next.username().is_empty()
                && next.password().is_none() =>
        {
            Next::Address(next.into())
        }
        Ok(next) => Next::Refused(format!(
            "the next page lies at another host, `{}`, which is not asked",
            next.host_str().unwrap_or_default()
        )),
        Err(_) => Next::Refused("the address of the next page is none".to_owned()),
    }
}
