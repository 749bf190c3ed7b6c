//! Which segments a new one takes in, so that an index has few of them and no great burden of the dead.

/// The most segments that an index has after a change.
pub(super) const MOST_SEGMENTS: usize = 8;

/// How many are left when the most was passed: the room until the next merge.
const SEGMENTS_AFTER_MERGE: usize = 5;

/// A segment's living and dead chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) live: usize,
    pub(super) dead: usize,
}

/// The places of the segments that the new one, which is not among them, takes in: those that are mostly dead, and the
/// smallest when there are too many, so that large ones are rewritten seldom.
pub(super) fn choose(sizes: &[Size]) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut rest: Vec<(usize, usize)> = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        if size.dead > size.live {
            chosen.push(place);
        } else {
            rest.push((size.live, place));
        }
    }
    if rest.len() + 1 > MOST_SEGMENTS {
        rest.sort_unstable();
        let many = rest.len() + 1 - SEGMENTS_AFTER_MERGE;
        chosen.extend(rest.iter().take(many).map(|(_, place)| *place));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &[(usize, usize)], expected: &[usize]) {
        let sizes: Vec<_> = sizes.iter().map(|(live, dead)| Size { live: *live, dead: *dead }).collect();
        assert_eq!(choose(&sizes), expected);
    }

    #[test]
    fn the_smallest_are_merged_when_there_are_too_many() {
        check(&[(1, 0); 7], &[]);
        check(&[(9, 0), (1, 0), (8, 0), (2, 0), (7, 0), (3, 0), (6, 0), (4, 0)], &[1, 3, 5, 7]);
        check(&[], &[]);
    }

    #[test]
    fn the_mostly_dead_are_rewritten() {
        check(&[(5, 5), (5, 6), (0, 1), (100, 2)], &[1, 2]);
    }
}
