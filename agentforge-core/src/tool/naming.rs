//! The name under which a model knows a tool.

use std::borrow::Cow;

use crate::json::Digest;

/// The longest name that every provider accepts.
const LONGEST: usize = 64;

/// A tool's name as every provider accepts it: 1 to 64 ASCII letters, digits, `_` and `-`, and a letter or `_` first. A
/// name that fits is kept. Any other is spelt with what fits and ends in eight digits of its hash, so that it is the same
/// in every process and two names rarely become one.
///
/// ```
/// use agentforge_core::tool::model_name;
/// assert_eq!(model_name("get_weather"), "get_weather");
/// assert!(model_name("files/read.text").starts_with("files_read_text_"));
/// ```
pub fn model_name(name: &str) -> Cow<'_, str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    if (1..=LONGEST).contains(&name.len())
        && name.bytes().all(fits)
        && name.bytes().next().is_some_and(begins)
    {
        return Cow::Borrowed(name);
    }
    let hash = Digest::of_bytes(name.as_bytes()).to_string();
    let mut spelt = String::with_capacity(LONGEST);
    if !name.bytes().next().is_some_and(begins) {
        spelt.push('_');
    }
    for letter in name.chars() {
        if spelt.len() >= LONGEST - 9 {
            break;
        }
        spelt.push(if u8::try_from(letter).is_ok_and(fits) { letter } else { '_' });
    }
    spelt.push('_');
    spelt.extend(hash.chars().take(8));
    Cow::Owned(spelt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_becomes_one_that_providers_accept(name in "\\PC{0,100}") {
            let mapped = model_name(&name).into_owned();
            prop_assert!((1..=64).contains(&mapped.len()), "{mapped}");
            prop_assert!(mapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
            prop_assert!(mapped.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'));
            prop_assert_eq!(model_name(&mapped), mapped.as_str());
        }
    }

    #[test]
    fn names_that_are_spelt_alike_stay_apart() {
        assert_ne!(model_name("a.b"), model_name("a/b"));
        assert_ne!(model_name(&"x".repeat(65)), model_name(&"x".repeat(66)));
    }
}
