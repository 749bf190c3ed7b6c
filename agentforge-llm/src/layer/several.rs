//! What [`Fallback`](super::Fallback) and [`Router`](super::Router) share: several models that appear as one, and which
//! failures are worth another model.

use std::sync::Arc;

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    model::{ChatModel, ChatRequest, ChatStream, Cost, ModelInfo, Price, Unsupported, Usage, Warning},
    time::Timestamp,
};

/// Which failures before the first event another model may answer.
///
/// By default those that lie with the provider or with what this model can do:
/// `overloaded`, `rate_limited`, `quota_exceeded`, `transport`, `timeout` (unless the call's own deadline has passed),
/// `decode`, `unauthenticated` (a key was revoked: the others still work, and the warning of the answer says so),
/// `not_found` (the model was retired), `unsupported` and `context_overflow`.
///
/// Not by default: `content_filtered`, since asking around until somebody answers is a decision of its own; `denied`
/// and `budget_exceeded`, which are rules of the host; `invalid_input` and `internal`, which every model would meet;
/// `cancelled`, and whatever fails after the first event, never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOn(Vec<ErrorKind>);

impl Default for SwitchOn {
    fn default() -> Self {
        Self(vec![
            ErrorKind::Overloaded,
            ErrorKind::RateLimited,
            ErrorKind::QuotaExceeded,
            ErrorKind::Transport,
            ErrorKind::Timeout,
            ErrorKind::Decode,
            ErrorKind::Unauthenticated,
            ErrorKind::NotFound,
            ErrorKind::Unsupported,
            ErrorKind::ContextOverflow,
        ])
    }
}

impl SwitchOn {
    /// Exactly these kinds.
    pub fn only(kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        Self(kinds.into_iter().collect())
    }

    /// One kind more.
    #[must_use]
    pub fn and(mut self, kind: ErrorKind) -> Self {
        self.0.push(kind);
        self
    }

    /// One kind less.
    #[must_use]
    pub fn except(mut self, kind: ErrorKind) -> Self {
        self.0.retain(|own| *own != kind);
        self
    }

    /// Whether another model may answer what failed so, while the call still lives.
    pub(super) fn allows(&self, error: &Error, cx: &CallContext) -> bool {
        error.kind() != ErrorKind::Cancelled
            && error.phase() != Some(Phase::MidStream)
            && self.0.contains(&error.kind())
            && cx.check_alive().is_ok()
    }
}

/// What several models are together: only what all of them can do, so that nothing is promised that the next one in
/// turn would refuse.
pub(super) fn joined(name: &str, models: &[Arc<dyn ChatModel>]) -> ModelInfo {
    let infos = || models.iter().map(|model| model.info());
    let least = |of: fn(&ModelInfo) -> Option<u64>| infos().filter_map(of).min();
    let names: Vec<String> = infos().map(ModelInfo::full_name).collect();
    ModelInfo {
        language_model: infos().all(|info| info.language_model),
        tools: infos().all(|info| info.tools),
        structured_output: infos().all(|info| info.structured_output),
        context_window: least(|info| info.context_window),
        max_output: least(|info| info.max_output),
        price: dearest(infos().map(|info| info.price.clone())),
        ..ModelInfo::new(name, names.join("|"))
    }
}

/// The dearest price, on which a limit in money can rely whichever model answers; unknown when one is, or when they
/// cannot be compared.
pub(super) fn dearest(prices: impl Iterator<Item = Option<Price>>) -> Option<Price> {
    let usage = Usage { input: Some(100_000), output: Some(100_000), ..Usage::default() };
    let mut most: Option<(i64, Price)> = None;
    for price in prices {
        let price = price?;
        let Ok(Cost::Known(cost)) = price.cost_of(&usage) else { return None };
        match &most {
            // What is free compares with every currency.
            Some((nanos, other))
                if *nanos != 0 && cost.nanos() != 0 && other.input.currency() != price.input.currency() =>
            {
                return None;
            }
            Some((nanos, _)) if *nanos >= cost.nanos() => {}
            _ => most = Some((cost.nanos(), price)),
        }
    }
    most.map(|(_, price)| price)
}

/// What all of the models would refuse: a request that one of them takes can be answered.
pub(super) fn refused_by_all(models: &[Arc<dyn ChatModel>], request: &ChatRequest) -> Vec<Unsupported> {
    let mut all = models.iter().map(|model| model.check(request));
    let Some(first) = all.next() else { return Vec::new() };
    if first.is_empty() || all.any(|refused| refused.is_empty()) { Vec::new() } else { first }
}

/// Marks who answered, by whose price, and who had failed before.
pub(super) fn answered(
    stream: ChatStream,
    by: &dyn ChatModel,
    at: Timestamp,
    failed: &[(String, Error)],
) -> ChatStream {
    let mut info = stream.info().clone();
    // A choice further below has said it more exactly.
    if info.answered_by.is_none() {
        info.answered_by = Some(by.info().full_name());
    }
    if info.price.is_none() {
        info.price = by.price_at(at);
    }
    let mut warnings = stream.warnings().to_vec();
    warnings.extend(failed.iter().map(|(model, error)| Warning {
        setting: "model".to_owned(),
        message: format!("{model} failed ({}); another model answered", error.kind()),
    }));
    stream.with_info(info).with_warnings(warnings)
}

/// The error of a call that no model answered: the last one, with who had failed before it.
pub(super) fn all_failed(mut failed: Vec<(String, Error)>) -> Result<ChatStream> {
    let Some((model, error)) = failed.pop() else {
        return Err(Error::invalid("there is no model to ask; name at least one"));
    };
    if failed.is_empty() {
        return Err(error);
    }
    let before: Vec<String> =
        failed.iter().map(|(model, error)| format!("{model}: {}", error.kind())).collect();
    Err(error.with("model", model).with("failed_before", before))
}
