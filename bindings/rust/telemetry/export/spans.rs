//! The layer for `tracing`: follows spans from their beginning to their end and lets those that ended wait to be sent.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agentforge_core::{context::TraceContext, telemetry::attribute as name};
use serde_json::Value;
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    langfuse,
    message::{Any, Span, Status, attribute},
    now,
    queue::Queue,
    trace::Place,
};

/// The layer that exports spans, for the host's subscriber. See [`Otlp::spans`](super::Otlp::spans).
pub struct OtlpSpans(pub(super) Arc<OpenSpans>);

/// The spans that are open.
pub(super) struct OpenSpans {
    targets: Vec<String>,
    langfuse: bool,
    open: Mutex<HashMap<u64, Open>>,
    queue: Arc<Queue>,
}

/// The attributes of a span.
pub(super) type Fields = BTreeMap<&'static str, Any>;

struct Open {
    place: Place,
    parent: Option<[u8; 8]>,
    /// Whether the parent is another process's.
    remote: bool,
    name: &'static str,
    began: u64,
    fields: Fields,
}

impl OpenSpans {
    pub(super) fn new(targets: Vec<String>, langfuse: bool, queue: Arc<Queue>) -> Self {
        Self { targets, langfuse, open: Mutex::default(), queue }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes(&self, metadata: &tracing::Metadata<'_>) -> bool {
        let below = |target: &String| {
            let rest = metadata.target().strip_prefix(&**target);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        *metadata.level() <= Level::INFO && self.targets.iter().any(below)
    }

    /// The trace of the span that is entered on this thread.
    pub(super) fn current(&self) -> Option<TraceContext> {
        let id = tracing::Span::current().id()?;
        self.open().get(&id.into_u64()).map(|open| open.place.context())
    }

    /// Where a new span stands, and below which. The nearest span of this process is its parent, unless the caller belongs to
    /// another trace, which then goes on here.
    fn place(&self, above: &[u64], fields: &Fields) -> (Place, Option<[u8; 8]>, bool) {
        let text = |name: &str| match fields.get(name) {
            Some(Any::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let caller =
            text(name::TRACE_PARENT).and_then(|parent| Place::parse(parent, text(name::TRACE_STATE)));
        let open = self.open();
        let local = above.iter().find_map(|id| open.get(id)).map(|open| &open.place);
        match (local, caller) {
            (Some(local), Some(caller)) if caller.trace != local.trace => {
                (caller.child(), Some(caller.span), true)
            }
            (Some(local), _) => (local.child(), Some(local.span), false),
            (None, Some(caller)) => (caller.child(), Some(caller.span), true),
            (None, None) => (Place::root(), None, false),
        }
    }

    fn end(&self, open: Open) {
        if !open.place.sampled {
            return;
        }
        let mut fields = open.fields;
        let mut special = |name: &str| match fields.remove(name) {
            Some(Any::Text(text)) => Some(text),
            _ => None,
        };
        let shown = special(name::SPAN_NAME).unwrap_or_else(|| open.name.to_owned());
        let kind = match special(name::SPAN_KIND).as_deref() {
            Some("server") => 2,
            Some("client") => 3,
            Some("producer") => 4,
            Some("consumer") => 5,
            _ => 1,
        };
        let status = special(name::SPAN_STATUS).and_then(|status| match status.as_str() {
            "ERROR" | "error" => Some(Status { code: 2 }),
            "OK" | "ok" => Some(Status { code: 1 }),
            _ => None,
        });
        fields.remove(name::TRACE_PARENT);
        fields.remove(name::TRACE_STATE);
        let labels = labels(&mut fields);
        let mut attributes = if self.langfuse { langfuse::attributes(&fields, &labels) } else { Vec::new() };
        attributes.extend(
            labels
                .into_iter()
                .map(|(key, value)| attribute(format!("agentforge.label.{key}"), Any::Text(value))),
        );
        attributes.extend(fields.into_iter().map(|(name, value)| attribute(name, listed(name, value))));
        // The two bits above the first say that it is known whether the parent is another process's.
        let flags = u32::from(open.place.sampled) | 0x100 | if open.remote { 0x200 } else { 0 };
        self.queue.push(Span {
            trace_id: open.place.trace.to_vec(),
            span_id: open.place.span.to_vec(),
            trace_state: open.place.state,
            parent_span_id: open.parent.map(Vec::from).unwrap_or_default(),
            name: shown,
            kind,
            start_time_unix_nano: open.began,
            end_time_unix_nano: now().max(open.began),
            attributes,
            status,
            flags,
        });
    }
}

impl<S> Layer<S> for OtlpSpans
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.0.takes(attributes.metadata()) {
            return;
        }
        let mut fields = Recorded::default();
        attributes.record(&mut fields);
        let above: Vec<u64> = context
            .span(id)
            .map(|span| span.scope().skip(1).map(|above| above.id().into_u64()).collect())
            .unwrap_or_default();
        let (place, parent, remote) = self.0.place(&above, &fields.0);
        let (name, began) = (attributes.metadata().name(), now());
        self.0.open().insert(id.into_u64(), Open { place, parent, remote, name, began, fields: fields.0 });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        // Recording may run a host's own formatting, which must not find the lock taken.
        let mut fields = Recorded::default();
        values.record(&mut fields);
        if let Some(open) = self.0.open().get_mut(&id.into_u64()) {
            open.fields.extend(fields.0);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let ended = self.0.open().remove(&id.into_u64());
        if let Some(open) = ended {
            self.0.end(open);
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

#[derive(Default)]
struct Recorded(Fields);

impl Visit for Recorded {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), Any::Text(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), Any::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), Any::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).map_or_else(|_| Any::Text(value.to_string()), Any::Int);
        self.0.insert(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), Any::Double(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), Any::Text(format!("{value:?}")));
    }
}

/// Takes the labels of a call out of its attributes.
fn labels(fields: &mut Fields) -> BTreeMap<String, String> {
    match fields.remove(name::LABELS) {
        Some(Any::Text(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

/// The value as a list, where the conventions want one and a span could only hold its JSON.
fn listed(name: &str, value: Any) -> Any {
    let Any::Text(text) = &value else { return value };
    if !name::LISTS.contains(&name) {
        return value;
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => Any::list(
            items.into_iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)),
        ),
        _ => value,
    }
}
