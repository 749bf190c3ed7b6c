//! Which models may be asked at all, where they must be served, and how long their answers may be. It fails closed: what
//! no rule allows is denied, and a model of which nobody said where it is served is nowhere.

use std::{collections::BTreeSet, sync::Arc};

use agentforge_core::{
    CallContext, Error, Result,
    error::Phase,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Layer;
use crate::pattern::fits;

/// The rules. Patterns match the full name `provider:model` without regard to case; `*` stands for anything and
/// `#` for a digit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyRules {
    /// The models that may be asked. Without any pattern none may; `*` allows all.
    pub allowed: Vec<String>,
    /// The models that may not, whatever allows them.
    pub denied: Vec<String>,
    /// The regions in which a model may be served. Without any, every region will do.
    pub regions: BTreeSet<String>,
    /// The hosts that may serve a model, as patterns over names like `api.openai.com`. Without any, every host will do.
    pub hosts: Vec<String>,
    /// Where models are served; the first that matches a model counts.
    pub residences: Vec<Residence>,
    /// The most tokens that an answer may have. A request without a limit gets this one, a request for more is denied.
    pub max_output: Option<u64>,
    /// The members that a request may carry in `extra` for the model's provider, as patterns. Without any it may carry
    /// none: they go into the provider's body as they are, and could name another model or a longer answer.
    pub extra: Vec<String>,
}

/// Where models are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residence {
    /// Which models, as a pattern.
    pub models: String,
    /// The region, for example `eu`.
    #[serde(default)]
    pub region: Option<String>,
    /// The host, for example `api.openai.com`.
    #[serde(default)]
    pub host: Option<String>,
}

/// The layer.
///
/// A refusal is `denied`, comes before anything leaves the process, and names in `rule` which rule it was: `allowed`,
/// `denied`, `regions`, `hosts`, `extra` or `max_output`. [`ChatModel::check`] reports the same beforehand.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::model::{ChatModel, ChatRequest, ScriptedModel};
/// use agentforge_llm::layer::{Layer, Policy, PolicyRules};
///
/// # fn main() -> agentforge_core::Result<()> {
/// let rules = PolicyRules { allowed: vec!["openai:gpt-5*".to_owned()], ..PolicyRules::default() };
/// let model = Policy::new(rules)?.wrap(Arc::new(ScriptedModel::new()));
/// assert_eq!(model.check(&ChatRequest::default())[0].feature, "policy");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Arc<PolicyRules>,
}

impl Policy {
    /// A layer with rules. `invalid_input` for an empty pattern or name, which would be a mistake in any list.
    pub fn new(rules: PolicyRules) -> Result<Self> {
        let lists = [
            ("allowed", rules.allowed.iter().collect::<Vec<_>>()),
            ("denied", rules.denied.iter().collect()),
            ("regions", rules.regions.iter().collect()),
            ("hosts", rules.hosts.iter().collect()),
            ("extra", rules.extra.iter().collect()),
            ("residences", rules.residences.iter().map(|residence| &residence.models).collect()),
        ];
        for (list, patterns) in lists {
            if patterns.iter().any(|pattern| pattern.trim().is_empty()) {
                return Err(Error::invalid(format!("`{list}` holds an empty entry; remove it or write `*`"))
                    .with("field", list));
            }
        }
        Ok(Self { rules: Arc::new(rules) })
    }
}

impl Layer for Policy {
    fn wrap(&self, inner: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        Arc::new(Governed { inner, rules: self.rules.clone() })
    }
}

struct Governed {
    inner: Arc<dyn ChatModel>,
    rules: Arc<PolicyRules>,
}

impl PolicyRules {
    /// Fails with `denied` when a request to a model breaks a rule.
    fn judge(&self, request: &ChatRequest, model: &ModelInfo) -> Result<()> {
        let name = model.full_name();
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| fits(pattern, text));
        if any(&self.denied, &name) {
            return Err(broken("denied", &name, "is on the list of denied models; choose another model"));
        }
        if !any(&self.allowed, &name) {
            return Err(broken("allowed", &name, "is not on the list of allowed models; choose one that is"));
        }
        let residence = self.residences.iter().find(|residence| fits(&residence.models, &name));
        let region = residence.and_then(|residence| residence.region.as_deref());
        let in_region =
            |region: &str| self.regions.iter().any(|allowed| allowed.eq_ignore_ascii_case(region));
        if !self.regions.is_empty() && !region.is_some_and(in_region) {
            let place = region.unwrap_or("a region that nobody named");
            return Err(broken("regions", &name, &format!("is served in {place}, which is not allowed")));
        }
        let host = residence.and_then(|residence| residence.host.as_deref());
        if !self.hosts.is_empty() && !host.is_some_and(|host| any(&self.hosts, host)) {
            let place = host.unwrap_or("a host that nobody named");
            return Err(broken("hosts", &name, &format!("is served by {place}, which is not allowed")));
        }
        if let Some(extra) = request.extra.get(&model.provider) {
            let forbidden = match extra.as_object() {
                Some(members) => members.keys().find(|member| !any(&self.extra, member)).cloned(),
                None => Some("what is no object".to_owned()),
            };
            if let Some(member) = forbidden {
                let text = format!("may not be sent `{member}` in `extra`; leave it out");
                return Err(broken("extra", &name, &text));
            }
        }
        match (self.max_output, request.settings.max_tokens) {
            (Some(most), Some(asked)) if asked > most => {
                let text = format!("may answer with {most} tokens at most, not {asked}; lower `max_tokens`");
                Err(broken("max_output", &name, &text).with("limit", most))
            }
            _ => Ok(()),
        }
    }
}

fn broken(rule: &'static str, model: &str, what: &str) -> Error {
    Error::denied(format!("the policy for models forbids it (rule `{rule}`): {model} {what}"))
        .with("rule", rule)
        .with("model", model)
        .in_phase(Phase::BeforeSend)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for Governed {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, mut request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        self.rules.judge(&request, self.inner.info())?;
        if let Some(most) = self.rules.max_output
            && request.settings.max_tokens.is_none()
        {
            // A model that can say less refuses to be asked for more.
            let most = self.inner.info().max_output.map_or(most, |own| own.min(most));
            Arc::make_mut(&mut request).settings.max_tokens = Some(most);
        }
        self.inner.stream(request, cx).await
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.inner.price_at(at)
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        let denied = self.rules.judge(request, self.inner.info()).err();
        let denied = denied
            .map(|error| Unsupported { feature: "policy".to_owned(), hint: error.message().to_owned() });
        denied.into_iter().chain(self.inner.check(request)).collect()
    }
}
