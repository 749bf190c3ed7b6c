//! Asks the next model when one fails before its first event. Which failures are worth that is said by [`SwitchOn`].

use std::sync::Arc;

use agentforge_core::{
    CallContext, Result,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{
    Layer, SwitchOn,
    begin::begin,
    several::{all_failed, answered, dearest, joined, refused_by_all},
};

/// The layer: the models to ask, in order, after the one that is wrapped.
///
/// The answer tells who gave it: `answered_by` and `price` of its [`ResponseInfo`](agentforge_core::model::ResponseInfo),
/// and a warning for every model that failed before. The model's name is that of the whole list, since nobody knows
/// beforehand who will answer; what it can do is what all of them can, and its price the dearest.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::{Error, ErrorKind, message::Message, testing::fixed_context};
/// use agentforge_core::model::{ChatModelExt, ChatRequest, ScriptedModel};
/// use agentforge_llm::layer::{Fallback, Layer};
/// # futures::executor::block_on(async {
/// let busy = ScriptedModel::new().fail(&Error::new(ErrorKind::Overloaded, "busy"));
/// let spare = ScriptedModel::new().say("Here.");
/// let model = Fallback::to([Arc::new(spare) as _]).wrap(Arc::new(busy));
/// let request = ChatRequest::new([Message::user("Anybody?")]);
/// let answer = model.generate(request.into(), &fixed_context()).await?;
/// assert_eq!(answer.message.text(), "Here.");
/// assert_eq!(answer.warnings[0].message, "scripted:script failed (overloaded); another model answered");
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Fallback {
    others: Vec<Arc<dyn ChatModel>>,
    switch_on: SwitchOn,
}

impl Fallback {
    /// A layer that asks these models in turn.
    pub fn to(others: impl IntoIterator<Item = Arc<dyn ChatModel>>) -> Self {
        Self { others: others.into_iter().collect(), switch_on: SwitchOn::default() }
    }

    /// The same layer for other failures.
    #[must_use]
    pub fn on(mut self, failures: SwitchOn) -> Self {
        self.switch_on = failures;
        self
    }
}

impl Layer for Fallback {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        let models: Vec<_> = std::iter::once(inner).chain(self.others.iter().cloned()).collect();
        let info = joined("fallback", &models);
        Arc::new(FallingBack { info, models, switch_on: self.switch_on.clone() })
    }
}

struct FallingBack {
    info: ModelInfo,
    models: Vec<Arc<dyn ChatModel>>,
    switch_on: SwitchOn,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for FallingBack {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let mut failed = Vec::new();
        for model in &self.models {
            match begin(model.stream(request.clone(), cx).await).await {
                Ok(stream) => return Ok(answered(stream, &**model, cx.now(), &failed)),
                Err(error) => {
                    let another = self.switch_on.allows(&error, cx);
                    failed.push((model.info().full_name(), error));
                    if !another {
                        break;
                    }
                }
            }
        }
        all_failed(failed)
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        dearest(self.models.iter().map(|model| model.price_at(at)))
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        refused_by_all(&self.models, request)
    }
}
