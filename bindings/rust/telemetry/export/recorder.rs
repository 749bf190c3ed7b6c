//! The recorder for `metrics`: counters, gauges and histograms since it began, as OpenTelemetry counts them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use agentforge_core::telemetry::metric;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use super::message::{self, Any, CUMULATIVE, Data, HistogramPoint, KeyValue, Number, NumberPoint, attribute};

/// How many series there are at most. Labels that strangers choose would make more without end.
const MOST_SERIES: usize = 10_000;
/// The buckets of a histogram that is none of ours; OpenTelemetry's own choice.
const BOUNDARIES: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0, 7_500.0,
    10_000.0,
];

/// The recorder that exports metrics, for the host to install. See [`Otlp::metrics`](super::Otlp::metrics).
pub struct OtlpMetrics(pub(super) Arc<Registry>);

/// All series so far.
pub(super) struct Registry {
    began: u64,
    series: Mutex<HashMap<(Kind, Key), Series>>,
    described: Mutex<HashMap<String, (Option<Unit>, SharedString)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Clone)]
enum Series {
    Counter(Arc<Count>),
    Gauge(Arc<Level>),
    Histogram(Arc<Buckets>),
}

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// The bits of a number.
#[derive(Default)]
struct Level(AtomicU64);

impl Level {
    fn change(&self, change: impl Fn(f64) -> f64) {
        let next = |bits| Some(change(f64::from_bits(bits)).to_bits());
        // The closure always gives a value, so that this cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.change(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

struct Buckets {
    boundaries: &'static [f64],
    counts: Mutex<Counts>,
}

#[derive(Clone)]
struct Counts {
    /// One more than there are boundaries.
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

impl Buckets {
    fn new(name: &str) -> Self {
        let ours = metric::ALL.iter().find(|metric| metric.name == name && !metric.boundaries.is_empty());
        let boundaries = ours.map_or(BOUNDARIES, |metric| metric.boundaries);
        let buckets = vec![0; boundaries.len() + 1];
        let counts = Counts { buckets, count: 0, sum: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY };
        Self { boundaries, counts: Mutex::new(counts) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut counts = self.counts();
        // A value on a boundary belongs below it.
        let place = self.boundaries.partition_point(|boundary| *boundary < value);
        if let Some(bucket) = counts.buckets.get_mut(place) {
            *bucket += 1;
        }
        counts.count += 1;
        counts.sum += value;
        counts.least = counts.least.min(value);
        counts.most = counts.most.max(value);
    }
}

impl Registry {
    pub(super) fn new(began: u64) -> Self {
        Self { began, series: Mutex::default(), described: Mutex::default() }
    }

    fn describe(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if described.len() < MOST_SERIES {
            described.insert(key.as_str().to_owned(), (unit, description));
        }
    }

    /// The series of a key; `None` when there are too many.
    fn series(&self, kind: Kind, key: &Key) -> Option<Series> {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (kind, key.clone());
        if let Some(series) = all.get(&place) {
            return Some(series.clone());
        }
        if all.len() >= MOST_SERIES {
            return None;
        }
        let series = match kind {
            Kind::Counter => Series::Counter(Arc::default()),
            Kind::Gauge => Series::Gauge(Arc::default()),
            Kind::Histogram => Series::Histogram(Arc::new(Buckets::new(key.name()))),
        };
        all.insert(place, series.clone());
        Some(series)
    }

    /// Everything that was counted until now.
    pub(super) fn collect(&self, now: u64) -> Vec<message::Metric> {
        let all: Vec<_> = {
            let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().map(|((kind, key), series)| (*kind, key.clone(), series.clone())).collect()
        };
        let mut by_name: BTreeMap<(String, Kind), Vec<(Key, Series)>> = BTreeMap::new();
        for (kind, key, series) in all {
            by_name.entry((key.name().to_owned(), kind)).or_default().push((key, series));
        }
        by_name.into_iter().map(|((name, kind), series)| self.metric(name, kind, &series, now)).collect()
    }

    fn metric(&self, name: String, kind: Kind, series: &[(Key, Series)], now: u64) -> message::Metric {
        let numbers = || series.iter().filter_map(|(key, series)| self.number(key, series, now)).collect();
        let data = match kind {
            Kind::Counter => Data::Sum(message::Sum {
                data_points: numbers(),
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
            }),
            Kind::Gauge => Data::Gauge(message::Gauge { data_points: numbers() }),
            Kind::Histogram => Data::Histogram(message::Histogram {
                data_points: series.iter().filter_map(|(key, it)| self.histogram(key, it, now)).collect(),
                aggregation_temporality: CUMULATIVE,
            }),
        };
        let (unit, description) = self.described(&name);
        message::Metric { name, description, unit, data: Some(data) }
    }

    fn described(&self, name: &str) -> (String, String) {
        if let Some(ours) = metric::ALL.iter().find(|metric| metric.name == name) {
            return (ours.unit.to_owned(), ours.description.to_owned());
        }
        let described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((unit, description)) = described.get(name) else { return Default::default() };
        let unit = unit.map(|unit| unit.as_canonical_label().to_owned()).unwrap_or_default();
        (unit, description.to_string())
    }

    fn number(&self, key: &Key, series: &Series, now: u64) -> Option<NumberPoint> {
        let value = match series {
            Series::Counter(count) => {
                Number::Int(i64::try_from(count.0.load(Ordering::Relaxed)).unwrap_or(i64::MAX))
            }
            Series::Gauge(level) => Number::Double(f64::from_bits(level.0.load(Ordering::Relaxed))),
            Series::Histogram(_) => return None,
        };
        Some(NumberPoint {
            start_time_unix_nano: self.began,
            time_unix_nano: now,
            value: Some(value),
            attributes: attributes(key),
        })
    }

    fn histogram(&self, key: &Key, series: &Series, now: u64) -> Option<HistogramPoint> {
        let Series::Histogram(histogram) = series else { return None };
        let counts = histogram.counts().clone();
        Some(HistogramPoint {
            start_time_unix_nano: self.began,
            time_unix_nano: now,
            count: counts.count,
            sum: Some(counts.sum),
            bucket_counts: counts.buckets,
            explicit_bounds: histogram.boundaries.to_vec(),
            attributes: attributes(key),
            min: (counts.count > 0).then_some(counts.least),
            max: (counts.count > 0).then_some(counts.most),
        })
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    key.labels().map(|label| attribute(label.key(), Any::Text(label.value().to_owned()))).collect()
}

impl Recorder for OtlpMetrics {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.0.series(Kind::Counter, key) {
            Some(Series::Counter(count)) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.0.series(Kind::Gauge, key) {
            Some(Series::Gauge(level)) => Gauge::from_arc(level),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        match self.0.series(Kind::Histogram, key) {
            Some(Series::Histogram(buckets)) => metrics::Histogram::from_arc(buckets),
            _ => metrics::Histogram::noop(),
        }
    }
}
