//! The form of a reply: the events of a stream, and the document that comes whole. Everything may be missing or of
//! another type.

use agentforge_core::model::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::lenient::{Count, Loose, Many, Soft};

/// One event of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default)]
    pub(super) index: Count,
    #[serde(default, borrow)]
    pub(super) delta: Soft<Delta<'a>>,
    #[serde(default)]
    pub(super) logprobs: Option<Box<Value>>,
    /// A text here is the message of a failure.
    #[serde(default, borrow)]
    pub(super) message: Loose<'a>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(default, borrow)]
    pub(super) message: Soft<Piece<'a>>,
    #[serde(default, borrow)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) error: Option<Box<Value>>,
}

/// What a message grows by. Where the whole message has lists, a piece has single objects; the beginning of a message
/// has empty lists.
#[derive(Debug, Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(default, borrow)]
    pub(super) content: Soft<Block<'a>>,
    #[serde(default, borrow)]
    pub(super) tool_plan: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) tool_calls: Soft<Call<'a>>,
    #[serde(default)]
    pub(super) citations: Soft<Map<String, Value>>,
}

/// A reply that came whole.
#[derive(Debug, Deserialize)]
pub(super) struct Document<'a> {
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) message: Soft<Message<'a>>,
    #[serde(default, borrow)]
    pub(super) finish_reason: Loose<'a>,
    #[serde(default)]
    pub(super) usage: Soft<Box<WireUsage>>,
    #[serde(default)]
    pub(super) logprobs: Option<Box<Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    /// A list of blocks; some gateways send a text.
    #[serde(default, borrow)]
    pub(super) content: Content<'a>,
    #[serde(default, borrow)]
    pub(super) tool_plan: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) tool_calls: Many<Call<'a>>,
    #[serde(default)]
    pub(super) citations: Many<Map<String, Value>>,
}

/// What a message says.
#[derive(Debug, Default)]
pub(super) struct Content<'a>(pub(super) Vec<Block<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Loose::deserialize(deserializer)? {
            Loose::Absent => Vec::new(),
            Loose::Text(text) => vec![Block { text: Loose::Text(text), ..Block::default() }],
            Loose::Other(value) => match *value {
                Value::Array(blocks) => blocks.into_iter().filter_map(Block::of).collect(),
                _ => Vec::new(),
            },
        }))
    }
}

/// A block of content, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) text: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) thinking: Loose<'a>,
    /// The block, when it is of no kind that this wire knows.
    #[serde(skip)]
    pub(super) unknown: Option<Value>,
}

impl Block<'_> {
    fn of(block: Value) -> Option<Self> {
        let fields = block.as_object()?;
        let word = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => Loose::Text(text.clone().into()),
            _ => Loose::Absent,
        };
        let (kind, text, thinking) = (word("type"), word("text"), word("thinking"));
        let known = text != Loose::Absent || thinking != Loose::Absent;
        Some(Self { kind, text, thinking, unknown: (!known).then_some(block) })
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default, borrow)]
    pub(super) id: Loose<'a>,
    #[serde(default, borrow)]
    pub(super) function: Soft<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(default, borrow)]
    pub(super) name: Loose<'a>,
    /// JSON as text; a gateway may send the JSON itself.
    #[serde(default, borrow)]
    pub(super) arguments: Loose<'a>,
}

/// Token counts: of what the model really read and wrote, and of what is billed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    tokens: Soft<Tokens>,
    #[serde(default)]
    pub(super) billed_units: Option<Value>,
    #[serde(default)]
    cached_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[allow(clippy::struct_field_names)]
struct Tokens {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
}

impl WireUsage {
    /// The usage in our words: the real counts where they are said, else the billed ones.
    pub(super) fn usage(&self) -> Option<Usage> {
        let billed = |name: &str| {
            let count = self.billed_units.as_ref()?.get(name)?;
            serde_json::from_value::<Count>(count.clone()).ok()?.0
        };
        let tokens = self.tokens.0.as_ref();
        let usage = Usage {
            input: tokens.and_then(|tokens| tokens.input_tokens.0).or_else(|| billed("input_tokens")),
            output: tokens.and_then(|tokens| tokens.output_tokens.0).or_else(|| billed("output_tokens")),
            cached: self.cached_tokens.0,
            ..Usage::default()
        };
        (usage != Usage::default()).then_some(usage)
    }
}
