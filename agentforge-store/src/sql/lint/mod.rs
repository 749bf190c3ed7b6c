//! A second opinion on the wall between tenants, independent of the template's own check: every text is parsed as the
//! database parses it, and every mention of a tenant's table must have its own predicate. Only for tests.
//!
//! [`heard`] listens to the compiler of templates, so that nothing which is prepared is left out; [`mutation`] makes it
//! leave out a predicate, to see whether anybody notices.

mod corpus;
#[cfg(all(feature = "sqlite", feature = "testkit"))]
mod mutation;
mod rule;
mod scan;

use std::{borrow::Cow, cell::RefCell};

thread_local! {
    static EAR: RefCell<Option<Ear>> = const { RefCell::new(None) };
}

/// What is made of a source before it is compiled; nothing when it stays as it is.
type Alteration = Box<dyn Fn(&str) -> Option<String>>;

/// What happens to sources on this thread.
#[derive(Default)]
struct Ear {
    /// What was compiled.
    sources: Vec<String>,
    change: Option<Alteration>,
}

/// Listens to a source that is about to be compiled.
pub(crate) fn heard(source: &str) -> Cow<'_, str> {
    EAR.with_borrow_mut(|ear| {
        let Some(ear) = ear else { return Cow::Borrowed(source) };
        ear.sources.push(source.to_owned());
        match ear.change.as_ref().and_then(|change| change(source)) {
            Some(changed) => Cow::Owned(changed),
            None => Cow::Borrowed(source),
        }
    })
}

/// Listens on this thread while something is done; gives the sources that were compiled, each once.
fn listen<T>(change: Option<Alteration>, work: impl FnOnce() -> T) -> (T, Vec<String>) {
    EAR.set(Some(Ear { sources: Vec::new(), change }));
    let done = work();
    let mut sources = EAR.take().unwrap_or_default().sources;
    sources.sort();
    sources.dedup();
    (done, sources)
}
