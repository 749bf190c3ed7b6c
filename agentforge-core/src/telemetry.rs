//! The names of telemetry, for every room: spans, attributes and metrics of the GenAI semantic conventions of
//! OpenTelemetry, and our own under `agentforge.` where the conventions have none. Names only; nothing here records.
//!
//! Pinned to version 1.41 of the conventions, the last before they moved to a repository of their own. All of them are
//! still called "in development"; a newer version is taken over here and nowhere else.

/// The version of the conventions.
pub const CONVENTIONS: &str = "1.41.0";

/// Where the conventions of that version are described.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

/// The target of our spans, by which a subscriber's filter knows them.
pub const TARGET: &str = "agentforge";

/// What is done: the value of [`attribute::OPERATION`], and the first word of a span's name.
pub mod operation {
    /// A model answers.
    pub const CHAT: &str = "chat";
    /// A model turns texts into vectors.
    pub const EMBEDDINGS: &str = "embeddings";
    /// Passages are looked up.
    pub const RETRIEVAL: &str = "retrieval";
    /// An agent runs.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// A process runs.
    pub const INVOKE_WORKFLOW: &str = "invoke_workflow";
    /// A tool runs.
    pub const EXECUTE_TOOL: &str = "execute_tool";
}

/// Names of attributes.
pub mod attribute {
    /// What is done; see [`operation`](super::operation).
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// Who provides the model; see [`provider_name`](super::provider_name).
    pub const PROVIDER: &str = "gen_ai.provider.name";
    /// The kind of an error, by its code. Never its message, which may quote what was said.
    pub const ERROR_TYPE: &str = "error.type";

    /// The model that was asked.
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// The longest answer in tokens.
    pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
    /// How freely words are chosen.
    pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
    /// Which share of likely words is chosen from.
    pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
    /// The seed.
    pub const REQUEST_SEED: &str = "gen_ai.request.seed";
    /// Texts that end the answer, a list.
    pub const REQUEST_STOP: &str = "gen_ai.request.stop_sequences";
    /// Whether the answer was asked for piece by piece.
    pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
    /// How hard the model was asked to think. Ours.
    pub const REQUEST_REASONING: &str = "agentforge.request.reasoning_effort";
    /// The form of the answer that was asked for, `text` or `json`.
    pub const OUTPUT_TYPE: &str = "gen_ai.output.type";

    /// The provider's id of the answer.
    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    /// The model that answered.
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// Why the answer ended, a list.
    pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// Seconds from the call to the first piece of the answer.
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

    /// Tokens that went in, cached ones included.
    pub const USAGE_INPUT: &str = "gen_ai.usage.input_tokens";
    /// Tokens that came out, reasoning included.
    pub const USAGE_OUTPUT: &str = "gen_ai.usage.output_tokens";
    /// Of the input, tokens read from the provider's cache.
    pub const USAGE_CACHED: &str = "gen_ai.usage.cache_read.input_tokens";
    /// Of the input, tokens written to the provider's cache.
    pub const USAGE_CACHE_WRITTEN: &str = "gen_ai.usage.cache_creation.input_tokens";
    /// Of the output, tokens spent on reasoning.
    pub const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
    /// Which tokens a metric counts: `input` or `output`.
    pub const TOKEN_TYPE: &str = "gen_ai.token.type";

    /// What was said to the model, as JSON. Only when content is asked for.
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    /// What the model said, as JSON. Only when content is asked for.
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";

    /// The conversation.
    pub const CONVERSATION: &str = "gen_ai.conversation.id";
    /// The agent's id.
    pub const AGENT_ID: &str = "gen_ai.agent.id";
    /// The agent's name.
    pub const AGENT_NAME: &str = "gen_ai.agent.name";
    /// The tool's name.
    pub const TOOL_NAME: &str = "gen_ai.tool.name";
    /// What joins a call of a tool with its result.
    pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
    /// How long vectors are.
    pub const EMBEDDING_DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";
    /// The person for whom it is done, by id.
    pub const USER: &str = "user.id";

    /// The tenant. Ours, as all that follow.
    pub const TENANT: &str = "agentforge.tenant.id";
    /// The run.
    pub const RUN: &str = "agentforge.run.id";
    /// The project.
    pub const PROJECT: &str = "agentforge.project.id";
    /// What joins everything that one outside request caused.
    pub const CORRELATION: &str = "agentforge.correlation.id";
    /// The labels of the call, as one JSON object.
    pub const LABELS: &str = "agentforge.labels";
    /// What it cost, in nano-units of [`COST_CURRENCY`]. Absent when nobody knows.
    pub const COST_NANOS: &str = "agentforge.cost.nanos";
    /// The currency of the cost.
    pub const COST_CURRENCY: &str = "agentforge.cost.currency";
    /// Whether a layer gave an earlier answer again.
    pub const REPLAYED: &str = "agentforge.response.replayed";
    /// `provider:model` that answered, where a layer chose among several.
    pub const ANSWERED_BY: &str = "agentforge.response.answered_by";
    /// How many texts were embedded.
    pub const EMBEDDING_TEXTS: &str = "agentforge.embeddings.texts";
    /// Whether the reader went away before the end.
    pub const ABANDONED: &str = "agentforge.abandoned";

    /// W3C trace context of the caller, for a span that has no parent in this process.
    pub const TRACE_PARENT: &str = "traceparent";
    /// What other systems add to the trace context.
    pub const TRACE_STATE: &str = "tracestate";
    /// The name of a span as exporters show it; `tracing` alone would show one name for all models.
    pub const SPAN_NAME: &str = "otel.name";
    /// `client` when another process does the work.
    pub const SPAN_KIND: &str = "otel.kind";
    /// `ERROR` when it failed.
    pub const SPAN_STATUS: &str = "otel.status_code";

    /// Attributes that hold a list of texts. A span has no lists: they are recorded as JSON.
    pub const LISTS: &[&str] = &[REQUEST_STOP, FINISH_REASONS];
}

/// Metrics, with their units, descriptions and, for histograms, buckets.
pub mod metric {
    /// A metric.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct Metric {
        /// Its name.
        pub name: &'static str,
        /// Its unit, as UCUM writes it.
        pub unit: &'static str,
        /// What it says.
        pub description: &'static str,
        /// Upper bounds of the buckets; none for what is only counted.
        pub boundaries: &'static [f64],
    }

    const SECONDS: &[f64] =
        &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    const TOKENS: &[f64] = &[
        1.0,
        4.0,
        16.0,
        64.0,
        256.0,
        1_024.0,
        4_096.0,
        16_384.0,
        65_536.0,
        262_144.0,
        1_048_576.0,
        4_194_304.0,
        16_777_216.0,
        67_108_864.0,
    ];
    const FIRST_CHUNK: &[f64] =
        &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

    /// Tokens of a call, input and output apart.
    pub const TOKEN_USAGE: Metric = Metric {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        description: "Number of input and output tokens used",
        boundaries: TOKENS,
    };

    /// How long a call took, from asking to the end of the answer.
    pub const OPERATION_DURATION: Metric = Metric {
        name: "gen_ai.client.operation.duration",
        unit: "s",
        description: "Duration of a GenAI operation",
        boundaries: SECONDS,
    };

    /// How long a streamed call waited for its first piece.
    pub const TIME_TO_FIRST_CHUNK: Metric = Metric {
        name: "gen_ai.client.operation.time_to_first_chunk",
        unit: "s",
        description: "Time from a request to the first chunk of its streamed answer",
        boundaries: FIRST_CHUNK,
    };

    /// Money that calls cost, as far as it is known. Ours.
    pub const COST: Metric = Metric {
        name: "agentforge.client.cost",
        unit: "n{currency}",
        description: "Known cost of GenAI operations in nano-units of a currency",
        boundaries: &[],
    };

    /// All of them.
    pub const ALL: &[Metric] = &[TOKEN_USAGE, OPERATION_DURATION, TIME_TO_FIRST_CHUNK, COST];
}

/// The conventions' name of a provider, from the name of its host. A host that they do not know keeps its name.
///
/// ```
/// use agentforge_core::telemetry::provider_name;
/// assert_eq!(provider_name("bedrock"), "aws.bedrock");
/// assert_eq!(provider_name("fireworks"), "fireworks");
/// ```
pub fn provider_name(host: &str) -> &str {
    match host {
        "openai-responses" => "openai",
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "google" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "xai" | "xai-responses" => "x_ai",
        "ollama-native" => "ollama",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_rise_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for metric in metric::ALL {
            assert!(names.insert(metric.name), "{}", metric.name);
            assert!(metric.boundaries.is_sorted_by(|a, b| a < b), "{}", metric.name);
        }
    }
}
