//! A vector as replies write it: a list of numbers, or the base64 of its floats.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

/// A vector.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Numbers(pub(super) Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers or their base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Numbers, E> {
                let bytes = STANDARD.decode(text).map_err(E::custom)?;
                let floats = bytes.chunks_exact(4);
                if !floats.remainder().is_empty() {
                    return Err(E::custom("the base64 ends inside a number"));
                }
                let number = |four: &[u8]| <[u8; 4]>::try_from(four).map(f32::from_le_bytes).ok();
                Ok(Numbers(floats.filter_map(number).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Numbers, A::Error> {
                let mut numbers = Vec::with_capacity(seq.size_hint().unwrap_or(1_024));
                while let Some(number) = seq.next_element::<f32>()? {
                    numbers.push(number);
                }
                Ok(Numbers(numbers))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_base64() {
        let read = |json: &str| serde_json::from_str::<Numbers>(json).map(|numbers| numbers.0);
        assert_eq!(read("[1, -0.5, 2e-3]").unwrap(), [1.0, -0.5, 0.002]);
        let text = STANDARD.encode([1.5_f32, -2.0].map(f32::to_le_bytes).concat());
        assert_eq!(read(&format!("\"{text}\"")).unwrap(), [1.5, -2.0]);
        for wrong in ["null", "[null]", "[\"a\"]", "\"%\"", "\"AAAA\"", "{}", "3"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
