//! A span's place in a trace, and its W3C form.

use agentforge_core::context::{Randomness, TraceContext};

use crate::tokio_runtime::SystemRandom;

/// A span's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// Whether whoever began the trace wants it written down.
    pub(super) sampled: bool,
    pub(super) state: String,
}

impl Place {
    /// The first span of a trace.
    pub(super) fn root() -> Self {
        Self { trace: random(), span: random(), sampled: true, state: String::new() }
    }

    /// A span below this one.
    pub(super) fn child(&self) -> Self {
        Self { span: random(), ..self.clone() }
    }

    /// What a `traceparent` says; `None` when it is none that we understand.
    pub(super) fn parse(parent: &str, state: Option<&str>) -> Option<Self> {
        let mut parts = parent.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = bytes::<1>(version)?;
        // A later version may add to its end, this one may not; 255 is none.
        if version == [u8::MAX] || (version == [0] && parts.next().is_some()) {
            return None;
        }
        let place = Self {
            trace: bytes(trace)?,
            span: bytes(span)?,
            sampled: bytes::<1>(flags)?.first()? & 1 == 1,
            state: state.unwrap_or_default().to_owned(),
        };
        (place.trace != [0; 16] && place.span != [0; 8]).then_some(place)
    }

    pub(super) fn context(&self) -> TraceContext {
        let flags = u8::from(self.sampled);
        TraceContext {
            traceparent: format!("00-{}-{}-{flags:02x}", hex(&self.trace), hex(&self.span)),
            tracestate: (!self.state.is_empty()).then(|| self.state.clone()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |hex, byte| hex + &format!("{byte:02x}"))
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(lower_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Random bytes that are not all zero, which means no id.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    while bytes == [0; N] {
        SystemRandom.fill(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_context_is_read_and_written_word_for_word() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let place = Place::parse(text, Some("vendor=1")).unwrap();
        assert_eq!(place.context().traceparent, text);
        assert_eq!(place.context().tracestate.as_deref(), Some("vendor=1"));
        let child = place.child();
        assert!(child.trace == place.trace && child.span != place.span && child.sampled);
        assert!(!Place::parse(&text.replace("-01", "-00"), None).unwrap().sampled);
        assert!(Place::parse(&format!("01{}-more", &text[2..]), None).is_some(), "a later version");
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-äf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Place::parse(wrong, None), None, "{wrong}");
        }
    }
}
