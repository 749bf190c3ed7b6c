//! What came back, held against what was asked: every place once, and as many as were wanted.

use agentforge_core::{Error, ErrorKind, Result, model::RankedItem};
use serde::Deserialize;

/// A reply.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) results: Vec<Item>,
}

/// A passage's place and score.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) index: usize,
    #[serde(alias = "score")]
    pub(super) relevance_score: f32,
}

/// The items of one request of `sent` passages, of which at least `wanted` had to come. `name` is for errors.
pub(super) fn checked(name: &str, items: Vec<Item>, sent: usize, wanted: usize) -> Result<Vec<RankedItem>> {
    let wrong =
        |what: String| Err(Error::new(ErrorKind::Decode, format!("{name} {what}")).with("model", name));
    if items.len() < wanted {
        return wrong(format!("ranked {} passages and {wanted} were asked for", items.len()));
    }
    let mut seen = vec![false; sent];
    let mut ranked = Vec::with_capacity(items.len());
    for item in items {
        match seen.get_mut(item.index) {
            None => return wrong(format!("ranked passage {}, which was not sent", item.index)),
            Some(true) => return wrong(format!("ranked passage {} twice", item.index)),
            Some(seen) => *seen = true,
        }
        if !item.relevance_score.is_finite() {
            return wrong(format!("gave passage {} a score that is no finite number", item.index));
        }
        ranked.push(RankedItem { index: item.index, score: item.relevance_score });
    }
    Ok(ranked)
}

/// The best ones, best first; of equals the earlier passage first.
pub(super) fn best(mut ranked: Vec<RankedItem>, top: usize) -> Vec<RankedItem> {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    ranked.truncate(top);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[(usize, f32)], sent: usize, wanted: usize) -> Result<Vec<(usize, f32)>> {
        let items = items.iter().map(|(index, score)| Item { index: *index, relevance_score: *score });
        let ranked = checked("lab:m", items.collect(), sent, wanted)?;
        Ok(best(ranked, wanted).iter().map(|item| (item.index, item.score)).collect())
    }

    #[test]
    fn the_best_come_first_and_equals_in_their_order() {
        let items = [(2, -1.0), (1, 0.5), (0, -1.0), (3, 0.75)];
        assert_eq!(check(&items, 4, 4).unwrap(), [(3, 0.75), (1, 0.5), (0, -1.0), (2, -1.0)]);
        assert_eq!(check(&items, 4, 2).unwrap(), [(3, 0.75), (1, 0.5)]);
    }

    #[test]
    fn what_does_not_fit_is_a_decode_error() {
        for (items, says) in [
            (&[(0, 1.0)][..], "1 passages and 2"),
            (&[(0, 1.0), (0, 1.0)], "passage 0 twice"),
            (&[(0, 1.0), (7, 1.0)], "passage 7, which was not sent"),
            (&[(0, 1.0), (1, f32::INFINITY)], "no finite number"),
        ] {
            let error = check(items, 2, 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(error.message().contains(says), "{error}");
        }
    }
}
