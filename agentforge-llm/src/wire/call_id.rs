//! Ids of tool calls: a provider may give none, give one twice, or refuse what another provider gave.

use std::collections::BTreeSet;

/// Gives every call of an answer an id that is unique in it.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    turn: usize,
    given: BTreeSet<String>,
}

impl CallIds {
    pub(super) const fn new(turn: usize) -> Self {
        Self { turn, given: BTreeSet::new() }
    }

    /// The provider's own id when it is new, else one that is made.
    pub(super) fn take(&mut self, own: &str) -> String {
        let base =
            if own.is_empty() { format!("call_{}_{}", self.turn, self.given.len()) } else { own.to_owned() };
        let mut id = base.clone();
        let mut number = 2_u32;
        while !self.given.insert(id.clone()) {
            id = format!("{base}_{number}");
            number = number.saturating_add(1);
        }
        id
    }
}

/// The id as nine letters and digits, which Mistral insists on. An id that fits stays.
pub(super) fn nine(id: &str) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    // FNV-1a: the same id gives the same letters in every request of a conversation.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (0..9)
        .map(|_| {
            let digit = usize::try_from(hash % 36).unwrap_or(0);
            hash /= 36;
            char::from(DIGITS.get(digit).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// The id in letters, digits, `_` and `-`, which Anthropic insists on. An id that fits stays.
pub(super) fn plain(id: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !id.is_empty() && id.chars().all(fits) {
        return id.to_owned();
    }
    // What a letter was replaced in gets its hash, so that two ids stay two.
    let mended: String = id.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect();
    format!("{mended}_{}", nine(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_doubled_ids_become_unique() {
        let mut ids = CallIds::new(3);
        let taken: Vec<_> = ["a", "a", "", "a", ""].into_iter().map(|id| ids.take(id)).collect();
        assert_eq!(taken, ["a", "a_2", "call_3_2", "a_3", "call_3_4"]);
    }

    #[test]
    fn mended_ids_are_stable_and_kept_when_they_fit() {
        assert_eq!(nine("D681PevKs"), "D681PevKs");
        assert_eq!(nine("call_abc"), nine("call_abc"));
        assert_ne!(nine("call_abc"), nine("call_abd"));
        assert_eq!(plain("toolu_01-A"), "toolu_01-A");
        assert_ne!(plain("a:b"), plain("a/b"));
        assert!(plain("a:b").starts_with("a_b_") && plain("ü").is_ascii() && !plain("").is_empty());
        assert!(nine("").bytes().all(|byte| byte.is_ascii_alphanumeric()) && nine("").len() == 9);
    }
}
