//! Telemetry of a host: the layer that watches models, the names that everything is recorded under, and with the feature
//! `otlp` an exporter to OpenTelemetry and Langfuse. Nothing global is installed: a host does that with what it is given.

#[cfg(feature = "otlp")]
mod export;

pub use agentforge_core::telemetry::{
    CONVENTIONS, SCHEMA_URL, TARGET, attribute, metric, operation, provider_name,
};
pub use agentforge_llm::layer::Telemetry;
#[cfg(feature = "otlp")]
pub use export::{Otlp, OtlpConfig, OtlpMetrics, OtlpReport, OtlpSpans, otlp};
