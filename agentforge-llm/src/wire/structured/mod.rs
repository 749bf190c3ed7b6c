//! Answers in a JSON Schema where a wire's own API does not give them: by a tool that stands for the answer, or in words.
//!
//! One piece for every wire, around it. The [`rewrite`] makes a request that asks for no form, the wire writes it and
//! reads the reply, and [`decoder`] turns what comes back into the answer. Which way is taken is a matter of the model's
//! [`Profile`](crate::host::Profile). A wire alone refuses a form that its API does not give, which [`fault`] says for
//! all of them.

mod answer_tool;
mod decoder;
mod fence;
mod rewrite;

use std::sync::Arc;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, OutputFormat, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire};
use crate::host::StructuredOutput;

/// How an answer stands in a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerPlace {
    /// It is what the reply says.
    #[default]
    Said,
    /// It is what the model gives to the tool of this name.
    Tool(String),
    /// It is what the reply says, perhaps in a code fence.
    Fenced,
}

/// A wire with answers in a JSON Schema for every model that can be brought to them. The
/// [`Registry`](crate::Registry) puts it around every wire.
///
/// By a tool: the reply's call of that tool is the answer's text, its streamed arguments are the text's pieces, and the
/// reason to end is that of an answer. What a model says before it calls the tool is no part of the answer; it comes as a
/// raw event `{"preamble": …}`. In words: the schema stands at the end of the system prompt, and an answer that is
/// wrapped whole in a code fence is taken out of it. Neither binds a model as its API would, so whoever needs certainty
/// checks the answer against the schema. A call of the caller's own tools that is required stays required, and the schema
/// is said in words.
#[derive(Clone)]
pub struct Structured(Arc<dyn Wire>);

impl Structured {
    /// Around this wire.
    pub fn new(wire: Arc<dyn Wire>) -> Self {
        Self(wire)
    }
}

impl Wire for Structured {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn check(&self, request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
        self.0.check(&rewrite::rewritten(request, target.profile).0, target)
    }

    fn encode(&self, request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest> {
        let (request, answer) = rewrite::rewritten(request, target.profile);
        let mut encoded = self.0.encode(&request, target)?;
        encoded.recall.answer = answer;
        Ok(encoded)
    }

    fn decoder(&self, recall: Recall) -> Box<dyn Decoder> {
        let answer = recall.answer.clone();
        decoder::reading(answer, self.0.decoder(recall))
    }

    fn decode_error(&self, head: &ReplyHead, body: &[u8]) -> Error {
        self.0.decode_error(head, body)
    }
}

/// The form that a request asks for, where the target's API does not give it.
pub(super) fn fault(request: &ChatRequest, target: &Target<'_>) -> Option<Unsupported> {
    let profile = target.profile;
    let OutputFormat::Json { .. } = &request.output else { return None };
    let model = target.model.full_name();
    if profile.structured_output != StructuredOutput::Native {
        return Some(Unsupported {
            feature: "structured output".to_owned(),
            hint: format!("{model} takes no JSON Schema for its answer; ask for the form in words"),
        });
    }
    let beside_tools = !request.tools.is_empty() && profile.tools;
    (beside_tools && profile.structured_with_tools != StructuredOutput::Native).then(|| Unsupported {
        feature: "structured output beside tools".to_owned(),
        hint: format!("{model} takes one of both; give the schema to a tool, or ask without tools"),
    })
}
