//! The metrics of calls, through the `metrics` facade.

use std::time::Duration;

use agentforge_core::{
    model::{Cost, Usage},
    telemetry::{
        attribute, metric,
        metric::{COST, Metric, OPERATION_DURATION, TIME_TO_FIRST_CHUNK, TOKEN_USAGE},
    },
};
use metrics::{Label, Unit};

/// What all metrics of a call are told apart by.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) operation: &'static str,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) response_model: Option<String>,
}

/// Says what the metrics are, for recorders that show it.
pub(super) fn describe() {
    for Metric { name, description, boundaries, unit } in metric::ALL.iter().copied() {
        let unit = if unit == "s" { Unit::Seconds } else { Unit::Count };
        if boundaries.is_empty() {
            metrics::describe_counter!(name, unit, description);
        } else {
            metrics::describe_histogram!(name, unit, description);
        }
    }
}

impl Meter {
    fn labels(&self) -> Vec<Label> {
        let mut labels = vec![
            Label::from_static_parts(attribute::OPERATION, self.operation),
            Label::new(attribute::PROVIDER, self.provider.clone()),
            Label::new(attribute::REQUEST_MODEL, self.model.clone()),
        ];
        if let Some(model) = &self.response_model {
            labels.push(Label::new(attribute::RESPONSE_MODEL, model.clone()));
        }
        labels
    }

    /// A call is over.
    pub(super) fn duration(&self, took: Duration, error: Option<&'static str>) {
        let mut labels = self.labels();
        if let Some(error) = error {
            labels.push(Label::from_static_parts(attribute::ERROR_TYPE, error));
        }
        metrics::histogram!(OPERATION_DURATION.name, labels).record(took.as_secs_f64());
    }

    /// An answer began.
    pub(super) fn first_chunk(&self, after: Duration) {
        metrics::histogram!(TIME_TO_FIRST_CHUNK.name, self.labels()).record(after.as_secs_f64());
    }

    /// What an answer used and cost, as far as it is known.
    pub(super) fn spent(&self, usage: &Usage, cost: Cost) {
        for (kind, tokens) in [("input", usage.input), ("output", usage.output)] {
            let Some(tokens) = tokens else { continue };
            let mut labels = self.labels();
            labels.push(Label::from_static_parts(attribute::TOKEN_TYPE, kind));
            // Far below 2^53, and a histogram takes nothing else.
            #[allow(clippy::cast_precision_loss)]
            metrics::histogram!(TOKEN_USAGE.name, labels).record(tokens as f64);
        }
        if let Cost::Known(money) = cost {
            let mut labels = self.labels();
            labels.push(Label::new(attribute::COST_CURRENCY, money.currency().code().to_owned()));
            metrics::counter!(COST.name, labels).increment(u64::try_from(money.nanos()).unwrap_or(0));
        }
    }
}
