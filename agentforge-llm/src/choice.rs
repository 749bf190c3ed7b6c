//! Which model a program should use when its user has not said: a real one whose key is there, else the offline one.

use std::{fmt, sync::Arc};

use agentforge_core::{Result, model::ChatModel};

use crate::{Environment, Registry};

/// The model that an `OPENAI_API_KEY` means.
pub const OPENAI_MODEL: &str = "gpt-5-mini";
/// The model that an `ANTHROPIC_API_KEY` means.
pub const ANTHROPIC_MODEL: &str = "claude-haiku-4-5";
/// The model that an `OLLAMA_HOST` means.
pub const OLLAMA_MODEL: &str = "llama3.2";
/// The variable that names a model outright, as `provider:model`.
pub const MODEL_VARIABLE: &str = "AGENTFORGE_MODEL";

/// A model and why it was chosen.
///
/// ```
/// use agentforge_llm::{Environment, ModelChoice};
/// let choice = ModelChoice::from_environment(&Environment::new().with("ANTHROPIC_API_KEY", "sk-…"));
/// assert!(choice.name.starts_with("anthropic:"));
/// assert_eq!(ModelChoice::from_environment(&Environment::new()).name, "offline:extractive");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChoice {
    /// `provider:model`.
    pub name: String,
    /// The variable that decided; `None` for the offline model.
    pub because_of: Option<&'static str>,
}

impl ModelChoice {
    /// The choice by the variables of the process, and these variables.
    pub fn from_env() -> (Self, Environment) {
        let environment = Environment::from_env();
        (Self::from_environment(&environment), environment)
    }

    /// The choice by given variables: `AGENTFORGE_MODEL`, else `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `OLLAMA_HOST`,
    /// else offline. A variable that is set to nothing is not set.
    pub fn from_environment(environment: &Environment) -> Self {
        if let Some(name) = environment.filled(MODEL_VARIABLE) {
            return Self { name: name.to_owned(), because_of: Some(MODEL_VARIABLE) };
        }
        let rows = [
            ("OPENAI_API_KEY", "openai", OPENAI_MODEL),
            ("ANTHROPIC_API_KEY", "anthropic", ANTHROPIC_MODEL),
            ("OLLAMA_HOST", "ollama", OLLAMA_MODEL),
        ];
        rows.into_iter().find(|(variable, ..)| environment.filled(variable).is_some()).map_or_else(
            || Self { name: "offline:extractive".to_owned(), because_of: None },
            |(variable, host, model)| Self { name: format!("{host}:{model}"), because_of: Some(variable) },
        )
    }

    /// The chosen model.
    pub fn connect(&self, registry: &Registry, environment: &Environment) -> Result<Arc<dyn ChatModel>> {
        registry.resolve(&self.name, environment)
    }
}

impl fmt::Display for ModelChoice {
    /// A sentence for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.because_of {
            Some(variable) => write!(f, "{} (chosen by {variable})", self.name),
            None => write!(
                f,
                "{} (no language model; set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST for a real one)",
                self.name
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_decides() {
        let check = |variables: &[(&str, &str)], expected: &str| {
            let environment = variables
                .iter()
                .fold(Environment::new(), |environment, (name, value)| environment.with(*name, *value));
            assert_eq!(ModelChoice::from_environment(&environment).name, expected, "{variables:?}");
        };
        check(&[], "offline:extractive");
        check(&[("OPENAI_API_KEY", " ")], "offline:extractive");
        check(&[("OLLAMA_HOST", "box")], "ollama:llama3.2");
        check(&[("OLLAMA_HOST", "box"), ("ANTHROPIC_API_KEY", "k")], "anthropic:claude-haiku-4-5");
        check(&[("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k")], "openai:gpt-5-mini");
        check(&[("OPENAI_API_KEY", "k"), (MODEL_VARIABLE, "groq:x")], "groq:x");
    }
}
