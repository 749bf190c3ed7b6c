//! What came back, held against what was asked: as many vectors as texts, in their order, all of the declared length.

use agentforge_core::{Error, ErrorKind, Result};

/// What the vectors must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// `provider:model`, for errors.
    pub(super) name: &'a str,
    /// How many.
    pub(super) count: usize,
    /// How long each.
    pub(super) dimensions: usize,
}

/// The vectors in the order of the texts, each of unit length.
pub(super) fn in_order(given: Vec<(Option<u64>, Vec<f32>)>, expected: Expected<'_>) -> Result<Vec<Vec<f32>>> {
    let Expected { name, count, dimensions } = expected;
    if given.len() != count {
        return Err(wrong(name, &format!("gave {} vectors for {count} texts", given.len())));
    }
    let mut places: Vec<Option<Vec<f32>>> = Vec::new();
    places.resize_with(count, || None);
    for (turn, (place, vector)) in given.into_iter().enumerate() {
        if vector.len() != dimensions {
            let found = vector.len();
            let text = format!(
                "gave a vector of {found} numbers and {dimensions} were declared; declare how long its vectors are"
            );
            return Err(wrong(name, &text).with("expected", dimensions).with("found", found));
        }
        let place = place.map_or(Some(turn), |place| usize::try_from(place).ok());
        match place.and_then(|place| places.get_mut(place)) {
            Some(slot @ None) => *slot = Some(unit(name, vector)?),
            Some(Some(_)) => return Err(wrong(name, "gave two vectors for one text")),
            None => return Err(wrong(name, "gave a vector for a text that was not sent")),
        }
    }
    // As many vectors as places, none of them twice.
    Ok(places.into_iter().flatten().collect())
}

/// The vector with the length of one; zeros stay zeros.
fn unit(name: &str, mut vector: Vec<f32>) -> Result<Vec<f32>> {
    if !vector.iter().all(|number| number.is_finite()) {
        return Err(wrong(name, "gave a vector that holds no finite number"));
    }
    // Scaled by the largest first, so that no square overflows.
    let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    if largest > 0.0 {
        for number in &mut vector {
            *number /= largest;
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        for number in &mut vector {
            *number /= length;
        }
    }
    Ok(vector)
}

fn wrong(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("{name} {what}")).with("model", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: Vec<(Option<u64>, Vec<f32>)>, count: usize) -> Result<Vec<Vec<f32>>> {
        in_order(given, Expected { name: "lab:m", count, dimensions: 2 })
    }

    #[test]
    fn places_that_are_out_of_order_are_put_right() {
        let given = vec![(Some(1), vec![0.0, 2.0]), (Some(0), vec![3.0, 4.0])];
        assert_eq!(check(given, 2).unwrap(), [[0.6, 0.8], [0.0, 1.0]]);
        assert_eq!(check(vec![(None, vec![0.0, 0.0])], 1).unwrap(), [[0.0, 0.0]]);
        let huge = check(vec![(None, vec![3e38, 3e38])], 1).unwrap();
        assert!((huge[0][0] - 0.707_106_77).abs() < 1e-6, "{huge:?}");
    }

    #[test]
    fn what_does_not_fit_is_a_decode_error_that_names_the_model() {
        let one = || vec![1.0, 0.0];
        for (given, count, says) in [
            (vec![], 1, "0 vectors for 1 texts"),
            (vec![(None, one()), (None, one())], 1, "2 vectors for 1 texts"),
            (vec![(None, vec![1.0])], 1, "1 numbers and 2 were declared"),
            (vec![(None, one()), (None, vec![1.0, 2.0, 3.0])], 2, "3 numbers"),
            (vec![(Some(0), one()), (Some(0), one())], 2, "two vectors for one text"),
            (vec![(Some(5), one())], 1, "not sent"),
            (vec![(None, vec![f32::NAN, 0.0])], 1, "finite"),
        ] {
            let error = check(given, count).unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Decode, false));
            assert!(error.message().starts_with("lab:m ") && error.message().contains(says), "{error}");
        }
    }
}
