//! Where telemetry is sent, and as whose.

use std::{collections::BTreeMap, fmt, time::Duration};

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    telemetry::TARGET,
};
use agentforge_llm::Environment;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Where the spans or the metrics go. What it is shown with may be a key, so that nothing shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
}

/// Where telemetry is sent, and as whose.
///
/// ```
/// use std::time::Duration;
/// use agentforge::telemetry::OtlpConfig;
///
/// let config = OtlpConfig::new("https://otlp.example.com")
///     .with_header("authorization", "Bearer of-a-secret")
///     .with_service_name("shop")
///     .with_resource("deployment.environment.name", "production")
///     .with_interval(Duration::from_secs(30));
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    pub(super) traces: Endpoint,
    pub(super) metrics: Option<Endpoint>,
    pub(super) resource: BTreeMap<String, String>,
    pub(super) timeout: Duration,
    pub(super) interval: Duration,
    pub(super) targets: Vec<String>,
    pub(super) langfuse: bool,
}

impl OtlpConfig {
    /// A receiver of OTLP over HTTP, by the address below which it takes `/v1/traces` and `/v1/metrics`.
    pub fn new(endpoint: &str) -> Self {
        let at = |path: &str| Endpoint { url: below(endpoint, path), headers: Vec::new() };
        Self {
            traces: at("v1/traces"),
            metrics: Some(at("v1/metrics")),
            resource: BTreeMap::from([("service.name".to_owned(), "agentforge".to_owned())]),
            timeout: Duration::from_secs(10),
            interval: Duration::from_secs(10),
            targets: vec![TARGET.to_owned()],
            langfuse: false,
        }
    }

    /// Langfuse, by the address of its server and the two keys of a project. Besides the conventions' attributes a span
    /// gets those by which Langfuse knows sessions (the conversation), users, tags (the labels of the call, as
    /// `key:value`), tenant, project and run, and the cost in dollars. It takes no metrics.
    pub fn langfuse(host: &str, public_key: &str, secret_key: &str) -> Self {
        let keys = STANDARD.encode(format!("{public_key}:{secret_key}"));
        let config = Self { metrics: None, langfuse: true, ..Self::new(&below(host, "api/public/otel")) };
        // Without the version a span shows up there minutes later.
        config
            .with_header("authorization", format!("Basic {keys}"))
            .with_header("x-langfuse-ingestion-version", "4")
    }

    /// What the variables of the process say; see [`OtlpConfig::read`].
    pub fn from_env() -> Result<Self> {
        Self::read(&Environment::from_env())
    }

    /// What OpenTelemetry's own variables say: `OTEL_EXPORTER_OTLP_ENDPOINT` (else port 4318 of this machine),
    /// `OTEL_EXPORTER_OTLP_HEADERS`, both also with `TRACES_` or `METRICS_` behind `OTLP_`,
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. A protocol other than
    /// `http/protobuf` and certificates of one's own are unsupported; compression is ignored.
    pub fn read(environment: &Environment) -> Result<Self> {
        let variable = |name: &str| environment.filled(&format!("OTEL_EXPORTER_OTLP_{name}"));
        let mut config = Self::new(variable("ENDPOINT").unwrap_or("http://localhost:4318"));
        for name in ["PROTOCOL", "TRACES_PROTOCOL", "METRICS_PROTOCOL"] {
            if let Some(other) = variable(name).filter(|protocol| *protocol != "http/protobuf") {
                let text =
                    format!("`OTEL_EXPORTER_OTLP_{name}` is `{other}`; only `http/protobuf` is spoken");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        }
        for name in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
            if variable(name).is_some() {
                let text =
                    format!("`OTEL_EXPORTER_OTLP_{name}` is set; only certificates of the system are used");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        }
        for (signal, endpoint) in [("TRACES", Some(&mut config.traces)), ("METRICS", config.metrics.as_mut())]
        {
            let Some(endpoint) = endpoint else { continue };
            if let Some(url) = variable(&format!("{signal}_ENDPOINT")) {
                url.clone_into(&mut endpoint.url);
            }
            for name in ["HEADERS".to_owned(), format!("{signal}_HEADERS")] {
                for (key, value) in pairs(&format!("OTEL_EXPORTER_OTLP_{name}"), environment)? {
                    endpoint.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(&key));
                    endpoint.headers.push((key, value));
                }
            }
        }
        if let Some(timeout) = variable("TIMEOUT") {
            let millis = timeout.parse().map_err(|_| {
                Error::invalid("`OTEL_EXPORTER_OTLP_TIMEOUT` is no number of milliseconds; set it anew")
            })?;
            config.timeout = Duration::from_millis(millis);
        }
        config.resource.extend(pairs("OTEL_RESOURCE_ATTRIBUTES", environment)?);
        if let Some(name) = environment.filled("OTEL_SERVICE_NAME") {
            config = config.with_service_name(name);
        }
        Ok(config)
    }

    /// One more header of every request, for example a key. Never shown.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let header = (name.into(), value.into());
        self.traces.headers.push(header.clone());
        if let Some(metrics) = &mut self.metrics {
            metrics.headers.push(header);
        }
        self
    }

    /// The name of the program, by which receivers tell programs apart; `agentforge` otherwise.
    #[must_use]
    pub fn with_service_name(self, name: impl Into<String>) -> Self {
        self.with_resource("service.name", name)
    }

    /// One more attribute of everything that this program sends.
    #[must_use]
    pub fn with_resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.insert(key.into(), value.into());
        self
    }

    /// Exports also spans whose target is this or lies below it, for example of the host program. Not for those of the
    /// HTTP stack: what is sent would make more to send.
    #[must_use]
    pub fn with_spans_of(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Sends no metrics.
    #[must_use]
    pub fn without_metrics(mut self) -> Self {
        self.metrics = None;
        self
    }

    /// How long a receiver may take for a request, and [`Otlp::shutdown`](super::Otlp::shutdown) altogether; ten seconds
    /// otherwise.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often spans and metrics are sent; every ten seconds otherwise. Many spans are sent earlier.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Fails for what can never be sent.
    pub(super) fn check(&self) -> Result<()> {
        for endpoint in [Some(&self.traces), self.metrics.as_ref()].into_iter().flatten() {
            if !endpoint.url.starts_with("http://") && !endpoint.url.starts_with("https://") {
                let text =
                    "the address of the receiver of telemetry is none; begin it with `https://` or `http://`";
                return Err(Error::invalid(text).with("field", "endpoint"));
            }
            for (name, value) in &endpoint.headers {
                let named = !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
                if !named || !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                    let text = format!("the header `{name}` has a name or a value that HTTP cannot carry");
                    return Err(Error::invalid(text).with("field", "headers"));
                }
            }
        }
        if self.timeout.is_zero() || self.interval.is_zero() {
            return Err(Error::invalid("the timeout and the interval of telemetry are longer than nothing"));
        }
        Ok(())
    }
}

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("traces", &self.traces)
            .field("metrics", &self.metrics)
            .field("resource", &self.resource)
            .field("timeout", &self.timeout)
            .field("interval", &self.interval)
            .field("targets", &self.targets)
            .field("langfuse", &self.langfuse)
            .finish()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password before its host and a key behind its question mark.
        let shown = self.url.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        write!(f, "{scheme}://{rest} with headers {names:?}")
    }
}

fn below(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim().trim_end_matches('/'))
}

/// The pairs of a variable such as `a=1,b=2`, whose values may be percent-encoded.
fn pairs(name: &str, environment: &Environment) -> Result<Vec<(String, String)>> {
    let text = environment.filled(name).unwrap_or_default();
    let wrong = || Error::invalid(format!("`{name}` is no list of `key=value`; set it anew"));
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            Ok((key.trim().to_owned(), decoded(value.trim()).ok_or_else(wrong)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_variables_are_read() {
        let config = OtlpConfig::read(
            &Environment::new()
                .with("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a.example/otlp/")
                .with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://b.example/push")
                .with("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20YTpi,x-a=1")
                .with("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "X-A=2")
                .with("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
                .with("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,region=eu%2Cwest")
                .with("OTEL_SERVICE_NAME", "shop"),
        );
        let config = config.unwrap();
        assert_eq!(config.traces.url, "https://a.example/otlp/v1/traces");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(config.traces.headers, [header("authorization", "Basic YTpi"), header("X-A", "2")]);
        let metrics = config.metrics.unwrap();
        assert_eq!(metrics.url, "https://b.example/push");
        assert_eq!(metrics.headers, [header("authorization", "Basic YTpi"), header("x-a", "1")]);
        assert_eq!(config.timeout, Duration::from_millis(2500));
        assert_eq!((&*config.resource["service.name"], &*config.resource["region"]), ("shop", "eu,west"));
    }

    #[test]
    fn what_cannot_be_spoken_or_sent_is_said_at_once() {
        let read = |name: &str, value: &str| OtlpConfig::read(&Environment::new().with(name, value));
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ] {
            let error = read(name, value).unwrap_err();
            assert!(error.message().contains(name) && !error.message().contains("secret"), "{error}");
        }
        assert!(OtlpConfig::new("localhost:4318").check().is_err());
        let header = OtlpConfig::new("http://localhost").with_header("a", "se\ncret");
        assert!(!header.check().unwrap_err().message().contains("cret"));
        assert!(OtlpConfig::new("http://localhost").with_interval(Duration::ZERO).check().is_err());
        assert!(read("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip").unwrap().check().is_ok());
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", OtlpConfig::langfuse("https://u:pw@lf.example", "pk-1", "sk-2"));
        assert!(shown.contains("lf.example/api/public/otel/v1/traces with headers"), "{shown}");
        let encoded = STANDARD.encode("pk-1:sk-2");
        assert!(["sk-2", "pw", &encoded].iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
}
