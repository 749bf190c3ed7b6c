//! The area `store`: our store against bare SQL on the same rows, and against itself under load.

use crate::bench::figures::Area;

pub(crate) const AREA: Area = Area {
    name: "store",
    title: "The store against bare SQL",
    how: "Both sides in turn in one process, many short rounds, the median of the rounds' ratios; one caller's calls \
          run on one core.",
    groups: "backend",
};
