//! The area `tools`: what calling a tool costs beside the tool, what many tools cost, and what the guard takes.

use crate::bench::figures::Area;

pub(crate) const AREA: Area = Area {
    name: "tools",
    title: "Tools beside what they do",
    how: "CPU time of one process on one core, medians of many short rounds. A row that says `+` is what ours takes over \
          the other side.",
    groups: "part",
};
