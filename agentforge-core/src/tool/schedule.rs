//! Which calls of one turn may run at once: pure, decided by what they read and write.

use super::Access;

/// The calls of a turn that are not over, in the order in which the model wants them.
///
/// A call starts as soon as no call before it that is not over conflicts with it. So calls that write the same resource,
/// and calls that must be alone, go one after the other in the model's order, and calls that only read go together.
///
/// ```
/// use agentforge_core::tool::{Access, Schedule};
/// let mut schedule = Schedule::new();
/// schedule.add("read", Access::Reads(vec!["notes".to_owned()]));
/// schedule.add("write", Access::Writes(vec!["notes".to_owned()]));
/// schedule.add("other", Access::Writes(vec!["orders".to_owned()]));
/// assert_eq!(schedule.start(), ["read", "other"]);
/// schedule.finish("read");
/// assert_eq!(schedule.start(), ["write"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    calls: Vec<Slot>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    call: String,
    access: Access,
    running: bool,
}

impl Schedule {
    /// No calls.
    pub const fn new() -> Self {
        Self { calls: Vec::new() }
    }

    /// One more call, behind all that are there. A call that is there already stays where it is.
    pub fn add(&mut self, call: impl Into<String>, access: Access) {
        let call = call.into();
        if !self.calls.iter().any(|slot| slot.call == call) {
            self.calls.push(Slot { call, access, running: false });
        }
    }

    /// The calls that start now. They run until [`Schedule::finish`].
    pub fn start(&mut self) -> Vec<String> {
        let mut started = Vec::new();
        for index in 0..self.calls.len() {
            let (before, rest) = self.calls.split_at_mut(index);
            let Some(slot) = rest.first_mut().filter(|slot| !slot.running) else { continue };
            if !before.iter().any(|earlier| earlier.access.conflicts(&slot.access)) {
                slot.running = true;
                started.push(slot.call.clone());
            }
        }
        started
    }

    /// A call is over, whether it ran or not. What waited for it may start.
    pub fn finish(&mut self, call: &str) {
        self.calls.retain(|slot| slot.call != call);
    }

    /// Whether every call is over.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reads(names: &[&str]) -> Access {
        Access::Reads(names.iter().map(ToString::to_string).collect())
    }

    fn writes(names: &[&str]) -> Access {
        Access::Writes(names.iter().map(ToString::to_string).collect())
    }

    fn schedule(calls: &[(&str, Access)]) -> Schedule {
        let mut schedule = Schedule::new();
        for (call, access) in calls {
            schedule.add(*call, access.clone());
        }
        schedule
    }

    #[test]
    fn readers_go_together_and_writers_of_one_thing_in_order() {
        let mut all = schedule(&[
            ("a", reads(&["x"])),
            ("b", reads(&["x"])),
            ("c", writes(&["x"])),
            ("d", writes(&["x"])),
        ]);
        assert_eq!(all.start(), ["a", "b"]);
        all.finish("b");
        assert!(all.start().is_empty());
        all.finish("a");
        assert_eq!(all.start(), ["c"]);
        all.finish("c");
        assert_eq!(all.start(), ["d"]);
    }

    #[test]
    fn a_reader_does_not_overtake_a_writer_that_waits() {
        let mut all = schedule(&[
            ("a", writes(&["x"])),
            ("b", writes(&["x"])),
            ("c", reads(&["x"])),
            ("d", reads(&["y"])),
        ]);
        assert_eq!(all.start(), ["a", "d"]);
        all.finish("a");
        assert_eq!(all.start(), ["b"]);
    }

    #[test]
    fn alone_means_alone() {
        let mut all = schedule(&[("a", reads(&[])), ("b", Access::Alone), ("c", reads(&[]))]);
        assert_eq!(all.start(), ["a"]);
        all.finish("a");
        assert_eq!(all.start(), ["b"]);
        all.finish("b");
        assert_eq!(all.start(), ["c"]);
    }

    fn any_access() -> impl Strategy<Value = Access> {
        let names =
            prop::collection::vec(prop::sample::select(vec!["x", "y", "z"]).prop_map(str::to_owned), 0..3);
        prop_oneof![
            names.clone().prop_map(Access::Reads),
            names.prop_map(Access::Writes),
            Just(Access::Alone),
        ]
    }

    proptest! {
        #[test]
        fn nothing_that_conflicts_runs_at_once_and_everything_runs_once(
            calls in prop::collection::vec(any_access(), 0..12), choices in prop::collection::vec(any::<prop::sample::Index>(), 12),
        ) {
            let mut schedule = Schedule::new();
            calls.iter().enumerate().for_each(|(index, access)| schedule.add(index.to_string(), access.clone()));
            let (mut running, mut started): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
            for choice in choices.iter().chain(&choices) {
                for call in schedule.start() {
                    let index: usize = call.parse().unwrap();
                    for other in &running {
                        prop_assert!(!calls[index].conflicts(&calls[*other]));
                    }
                    // In the model's order among those that conflict.
                    for later in started.iter().filter(|other| **other > index) {
                        prop_assert!(!calls[index].conflicts(&calls[*later]));
                    }
                    running.push(index);
                    started.push(index);
                }
                if !running.is_empty() {
                    let over = running.remove(choice.index(running.len()));
                    schedule.finish(&over.to_string());
                }
            }
            prop_assert_eq!(started.len(), calls.len());
            prop_assert!(schedule.is_empty());
        }
    }
}
