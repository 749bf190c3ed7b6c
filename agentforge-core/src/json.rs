//! Canonical JSON (RFC 8785) and hashes over it.
//!
//! One deliberate widening: an integer beyond 2^53 keeps all its digits instead of being rounded to a double, so that
//! two different arguments never share a digest.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// A SHA-256, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The hash of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of a value's canonical form.
    pub fn of_json(value: &Value) -> Self {
        Self::of_bytes(to_canonical(value).as_bytes())
    }

    /// The hash of several byte strings, each behind its length, so that no two lists collide.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The digest of 32 stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("not a SHA-256; expected 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The canonical text of a value: sorted keys, no spaces, shortest numbers.
///
/// ```
/// use agentforge_core::json::to_canonical;
/// let value = serde_json::json!({"b": [1.0, 1e30, "é"], "a": null});
/// assert_eq!(to_canonical(&value), r#"{"a":null,"b":[1,1e+30,"é"]}"#);
/// ```
pub fn to_canonical(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            // RFC 8785 orders keys by UTF-16 code units, which differs from UTF-8 order beyond the basic plane.
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (key, field)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_value(field, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) {
    match number.as_f64() {
        Some(float) if number.is_f64() => write_float(float, out),
        _ => out.push_str(&number.to_string()),
    }
}

/// ECMAScript's `Number::toString`, which RFC 8785 takes over: plain digits up to 1e21, an exponent beyond.
fn write_float(float: f64, out: &mut String) {
    if float == 0.0 {
        out.push('0');
        return;
    }
    // `{:e}` gives the shortest digits that read back to the same double, as `d.ddde±x`.
    let shortest = format!("{:e}", float.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if float < 0.0 {
        out.push('-');
    }
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    if count <= point && point <= 21 {
        out.push_str(&digits);
        out.push_str(&zeros(point - count));
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        out.push_str(&format!("{whole}.{fraction}"));
    } else if -6 < point && point <= 0 {
        out.push_str(&format!("0.{}{digits}", zeros(-point)));
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("{first}{dot}{rest}e{sign}{}", exponent.abs()));
    }
}

/// The length of a value's JSON text, without making it.
pub fn encoded_len(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail, and a value always has a text.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// The deepest nesting that stored or hashed JSON may have.
pub const MAX_DEPTH: usize = 128;

/// Refuses what no store can keep: a NUL in any text or key, or nesting beyond [`MAX_DEPTH`].
pub fn check_storable(value: &Value) -> Result<()> {
    walk(value, MAX_DEPTH).map_err(|mut fault| {
        fault.path.reverse();
        Error::invalid(fault.message).with("path", format!("/{}", fault.path.join("/")))
    })
}

/// Puts U+FFFD in place of every NUL in texts and keys, for text from outside that must be kept anyway.
pub fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(fields) => {
            for key in fields.keys().filter(|key| key.contains('\0')).cloned().collect::<Vec<_>>() {
                if let Some(field) = fields.remove(&key) {
                    fields.insert(key.replace('\0', "\u{fffd}"), field);
                }
            }
            fields.values_mut().for_each(replace_nul);
        }
        _ => {}
    }
}

/// What is wrong and where; the path grows from the leaf while the walk unwinds.
struct Fault {
    message: &'static str,
    path: Vec<String>,
}

fn walk(value: &Value, depth_left: usize) -> Result<(), Fault> {
    let fault = |message| Err(Fault { message, path: Vec::new() });
    let under = |key: &dyn fmt::Display, mut fault: Fault| {
        fault.path.push(key.to_string());
        fault
    };
    if depth_left == 0 {
        return fault("JSON is nested deeper than 128 levels; flatten it");
    }
    match value {
        Value::String(text) if text.contains('\0') => fault("text holds a NUL character; remove it"),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| walk(item, depth_left - 1).map_err(|fault| under(&index, fault))),
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            if key.contains('\0') {
                return fault("a key holds a NUL character; remove it");
            }
            walk(field, depth_left - 1).map_err(|fault| under(key, fault))
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_follow_the_rfc() {
        // Samples of RFC 8785, appendix B, given there as bit patterns.
        let cases: [(u64, &str); 14] = [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ];
        for (bits, expected) in cases {
            assert_eq!(to_canonical(&json!(f64::from_bits(bits))), expected);
        }
    }

    #[test]
    fn keys_sort_by_utf16_units() {
        let value =
            json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        let text = to_canonical(&value);
        let order: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(order, ['2', '1', '4', '6', '7', '1', '5', '3'], "{text}");
    }

    #[test]
    fn large_integers_stay_distinct() {
        let (a, b) = (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64));
        assert_ne!(Digest::of_json(&a), Digest::of_json(&b));
    }

    #[test]
    fn a_nul_is_refused_with_its_path() {
        let error = check_storable(&json!({"a": [{"b": "x\0"}]})).unwrap_err();
        assert_eq!(error.get("path"), Some(&json!("/a/0/b")));
    }

    #[test]
    fn a_digest_round_trips_and_refuses_nonsense() {
        let digest = Digest::of_bytes(b"abc");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("zz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }
}
