//! Whose model a name means, since the API leaves to each maker what its models take.

/// Geographies that stand before the name of a model in an inference profile.
const GEOGRAPHIES: &[&str] = &[
    "us", "us-gov", "eu", "apac", "global", "jp", "au", "ca", "sa", "me", "af", "uk", "in", "il", "kr", "mx",
];

/// Whose model it is, as far as the API treats it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Anthropic,
    /// Amazon's own.
    Nova,
    /// Amazon's own that can be told how hard to think.
    NovaTwo,
    OpenAi,
    Qwen,
    /// Cannot be told what to call.
    Meta,
    /// Of another maker.
    Other,
    /// A name that says nothing, such as that of a profile of one's own.
    Unknown,
}

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let name = base_model(model);
        let maker = name.split('.').next().unwrap_or_default();
        match maker {
            "anthropic" => Self::Anthropic,
            "amazon" if name.starts_with("amazon.nova-2") => Self::NovaTwo,
            "amazon" if name.starts_with("amazon.nova") => Self::Nova,
            "openai" => Self::OpenAi,
            "qwen" => Self::Qwen,
            "meta" | "writer" => Self::Meta,
            _ if name.contains('.') => Self::Other,
            _ => Self::Unknown,
        }
    }

    /// Whether it can be told to call a tool, and which.
    pub(super) const fn can_be_told_to_call(self) -> bool {
        !matches!(self, Self::Meta)
    }

    /// Whether it is told apart how a tool ended.
    pub(super) const fn knows_status(self) -> bool {
        matches!(self, Self::Anthropic | Self::Nova | Self::NovaTwo)
    }
}

/// The name of a model without what says where it runs: `us.anthropic.claude-x` and the end of an ARN are
/// `anthropic.claude-x`.
pub(crate) fn base_model(model: &str) -> &str {
    let name = if model.starts_with("arn:") { model.rsplit('/').next().unwrap_or(model) } else { model };
    match name.split_once('.') {
        Some((geography, rest)) if GEOGRAPHIES.contains(&geography) => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_place() {
        let check = |model: &str, base: &str, family: Family| {
            assert_eq!((base_model(model), Family::of(model)), (base, family), "{model}");
        };
        check("anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0", Family::Anthropic);
        check("us.anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0", Family::Anthropic);
        let profile = "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-x";
        check(profile, "anthropic.claude-x", Family::Anthropic);
        check(
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0",
            "amazon.nova-2-lite-v1:0",
            Family::NovaTwo,
        );
        check("apac.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", Family::Nova);
        check("minimax.minimax-m2.1", "minimax.minimax-m2.1", Family::Other);
        check("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123", "abc123", Family::Unknown);
        check(
            "us.meta.llama4-maverick-17b-instruct-v1:0",
            "meta.llama4-maverick-17b-instruct-v1:0",
            Family::Meta,
        );
    }
}
