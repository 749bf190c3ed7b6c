//! How texts are shared out among requests.

use std::ops::Range;

use super::Limits;

/// The most numbers that one reply should bring: some 25 MB of JSON.
const MOST_NUMBERS: usize = 2_000_000;

/// The texts of each request, in order: as many as go in. A text that is too long by itself goes alone, so that the
/// provider says so.
pub(super) fn batches(texts: &[String], limits: Limits, dimensions: usize) -> Vec<Range<usize>> {
    let most = limits.texts.min(MOST_NUMBERS / dimensions.max(1)).max(1);
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_usize);
    for (place, text) in texts.iter().enumerate() {
        let more = bytes.saturating_add(text.len());
        if place > start && (place - start >= most || more > limits.bytes) {
            batches.push(start..place);
            (start, bytes) = (place, text.len());
        } else {
            bytes = more;
        }
    }
    if start < texts.len() {
        batches.push(start..texts.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_count_by_bytes_and_by_numbers() {
        let check =
            |lengths: &[usize], limits: (usize, usize), dimensions: usize, expected: &[Range<usize>]| {
                let texts: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
                let limits = Limits { texts: limits.0, bytes: limits.1 };
                assert_eq!(batches(&texts, limits, dimensions), expected, "{lengths:?}");
            };
        check(&[], (2, 9), 1, &[]);
        check(&[1; 5], (2, 9), 1, &[0..2, 2..4, 4..5]);
        check(&[4, 5, 1, 9, 1], (9, 9), 1, &[0..2, 2..3, 3..4, 4..5]);
        check(&[99, 1, 99], (9, 9), 1, &[0..1, 1..2, 2..3]);
        check(&[1; 3], (9, 9), MOST_NUMBERS, &[0..1, 1..2, 2..3]);
    }

    proptest! {
        #[test]
        fn every_text_goes_once_and_in_order(
            lengths in proptest::collection::vec(0_usize..40, 0..60), texts in 1_usize..9, bytes in 1_usize..90,
        ) {
            let said: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let found = batches(&said, Limits { texts, bytes }, 3);
            let places: Vec<usize> = found.iter().cloned().flatten().collect();
            prop_assert_eq!(places, (0..lengths.len()).collect::<Vec<_>>());
            for batch in found {
                let sum: usize = lengths[batch.clone()].iter().sum();
                prop_assert!(batch.len() == 1 || (batch.len() <= texts && sum <= bytes));
            }
        }
    }
}
