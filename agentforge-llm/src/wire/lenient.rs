//! Readers for JSON that only roughly keeps to its form: a value of another type than expected is kept or skipped and
//! never fails the reply around it. What has the expected type is borrowed and not copied.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor, value},
};
use serde_json::Value;

/// A text, or whatever stood in its place.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Loose<'a> {
    /// Absent or null.
    #[default]
    Absent,
    /// A text.
    Text(Cow<'a, str>),
    /// Something else; boxed, since it is rare and a reply holds many texts.
    Other(Box<Value>),
}

impl Loose<'_> {
    /// The text; empty when it is something else.
    pub(super) fn text(&self) -> &str {
        match self {
            Loose::Text(text) => text,
            _ => "",
        }
    }

    /// The text that is not empty.
    pub(super) fn some(&self) -> Option<&str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }
}

/// A count; anything else reads as absent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) Option<u64>);

/// An object of a known form; anything else reads as absent.
#[derive(Debug, PartialEq)]
pub(crate) struct Soft<T>(pub(crate) Option<T>);

/// A list; anything else reads as empty.
#[derive(Debug, PartialEq)]
pub(super) struct Many<T>(pub(super) Vec<T>);

/// A list that nearly always has one item, which needs no memory of its own; anything else reads as empty.
#[derive(Debug, PartialEq)]
pub(super) struct Few<T> {
    first: Option<T>,
    others: Vec<T>,
}

impl<T> Few<T> {
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.others)
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: Vec::new() }
    }
}

impl<T> Default for Soft<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

macro_rules! skip_scalars {
    ($value:expr; $($name:ident: $type:ty),*) => {
        $(fn $name<E: de::Error>(self, _: $type) -> Result<Self::Value, E> { Ok($value) })*
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> { Ok($value) }
        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> { Ok($value) }
    };
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Loose<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text)))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Loose::Absent)
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Loose::Other(Box::new(flag.into())))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Loose::Other(Box::new(number.into())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Loose::Other(Box::new(number.into())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Loose::Other(Box::new(number.into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Value::deserialize(value::SeqAccessDeserializer::new(seq))
                    .map(|value| Loose::Other(Box::new(value)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Value::deserialize(value::MapAccessDeserializer::new(map))
                    .map(|value| Loose::Other(Box::new(value)))
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            skip_scalars!(Count(None); visit_bool: bool);

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(number).ok()))
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Count, E> {
                const EXACT: f64 = 9_007_199_254_740_992.0;
                Ok(Count((0.0..=EXACT).contains(&number).then_some(number as u64)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                Ok(Count(text.parse().ok()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Count, A::Error> {
                skip_seq(seq).map(|()| Count(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
                skip_map(map).map(|()| Count(None))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Soft<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Soft<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            skip_scalars!(Soft(None); visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                skip_seq(seq).map(|()| Soft(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(value::MapAccessDeserializer::new(map)).map(|value| Soft(Some(value)))
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            skip_scalars!(Many(Vec::new()); visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Soft<T>>()? {
                    items.extend(item.0);
                }
                Ok(Many(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                skip_map(map).map(|()| Many(Vec::new()))
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            skip_scalars!(Few::default(); visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Few::default();
                while let Some(item) = seq.next_element::<Soft<T>>()? {
                    if items.first.is_none() {
                        items.first = item.0;
                    } else {
                        items.others.extend(item.0);
                    }
                }
                Ok(items)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                skip_map(map).map(|()| Few::default())
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample<'a> {
        #[serde(borrow, default)]
        text: Loose<'a>,
        #[serde(default)]
        count: Count,
        #[serde(default, borrow)]
        inner: Soft<Inner<'a>>,
        #[serde(default, borrow)]
        list: Many<Inner<'a>>,
        #[serde(default, borrow)]
        few: Few<Inner<'a>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, default)]
        name: Loose<'a>,
    }

    #[test]
    fn what_fits_is_borrowed() {
        let sample: Sample<'_> =
            serde_json::from_str(r#"{"text":"a","count":3,"inner":{"name":"b"},"list":[{"name":"c"}]}"#)
                .unwrap();
        assert!(matches!(sample.text, Loose::Text(Cow::Borrowed("a"))));
        assert_eq!(sample.count, Count(Some(3)));
        assert!(matches!(sample.inner.0.unwrap().name, Loose::Text(Cow::Borrowed("b"))));
        assert_eq!(sample.list.0.len(), 1);
    }

    #[test]
    fn a_list_of_few_keeps_every_item_in_order() {
        let sample: Sample<'_> =
            serde_json::from_str(r#"{"few":[null,{"name":"a"},7,{"name":"b"},{"name":"c"}]}"#).unwrap();
        assert_eq!(sample.few.iter().map(|one| one.name.text()).collect::<String>(), "abc");
        assert!(!sample.few.is_empty());
        assert_eq!(sample.few.into_iter().map(|one| one.name.text().to_owned()).collect::<String>(), "abc");
        assert!(serde_json::from_str::<Sample<'_>>(r#"{"few":[1]}"#).unwrap().few.is_empty());
    }

    #[test]
    fn what_does_not_fit_never_fails() {
        let odd =
            ["null", "true", "-1", "1.5", "\"x\"", "[1,{\"a\":[]}]", "{\"a\":{}}", "1e999999", "{}", "[]"];
        for value in odd.into_iter().filter(|value| *value != "1e999999") {
            let json = format!(
                r#"{{"text":{value},"count":{value},"inner":{value},"list":{value},"few":{value},"more":{value}}}"#
            );
            serde_json::from_str::<Sample<'_>>(&json).unwrap_or_else(|error| panic!("{value}: {error}"));
        }
        assert_eq!(serde_json::from_str::<Count>("12.0").unwrap(), Count(Some(12)));
        assert_eq!(serde_json::from_str::<Count>("\"7\"").unwrap(), Count(Some(7)));
        assert_eq!(serde_json::from_str::<Count>("-3").unwrap(), Count(None));
    }
}
