//! A cut inside a stretch without structure: after a sentence, else at a line's end, else between words, else anywhere
//! between two characters.

/// The bytes and characters before the cut; there are more than `max` characters, and the cut is between `min` and
/// `max` of them.
pub(super) fn cut(text: &str, min: usize, max: usize) -> (usize, usize) {
    let (mut sentence, mut line, mut word) = (None, None, None);
    let mut before = ' ';
    for (count, (at, letter)) in text.char_indices().enumerate() {
        let place = Some((at, count));
        if count >= min {
            let ended = "。！？".contains(before) || (letter.is_whitespace() && ".!?…".contains(before));
            if ended {
                sentence = place;
            }
            if letter == '\n' {
                line = place;
            }
            if letter.is_whitespace() {
                word = place;
            }
        }
        if count == max {
            return sentence.or(line).or(word).unwrap_or((at, count));
        }
        before = letter;
    }
    (text.len(), text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn the_best_place_within_the_budget_is_taken() {
        let check = |text: &str, expected: &str| {
            let (at, count) = cut(text, 3, 20);
            assert_eq!(&text[..at], expected);
            assert_eq!(count, expected.chars().count());
        };
        check("One two. Three four five six", "One two.");
        check("one two\nthree four five six", "one two");
        check("one two three four five six", "one two three four");
        check("äöüäöüäöüäöüäöüäöüäöüäöüäöü", "äöüäöüäöüäöüäöüäöüäö");
        check("今日は。明日は雨が降るでしょうから傘を持っていく", "今日は。");
    }
}
