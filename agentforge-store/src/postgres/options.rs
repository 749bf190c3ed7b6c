//! How to reach a database and what to expect of it: settings, and the URL that overrides them.

use std::{fmt, path::PathBuf, time::Duration};

use agentforge_core::{
    error::{Error, Result},
    nearest::or_nearest,
    store::CollectionSpec,
};
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::sql::control::Name;

/// The schema of a store that names none.
const SCHEMA: &str = "agentforge";
/// The most bytes of a schema's name, so that a role can be called after it.
const LONGEST_SCHEMA: usize = 48;
/// How many texts a connection keeps prepared.
const PREPARED: usize = 512;

/// How a connection is protected. The server's certificate is checked only by the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never; for a server on the same machine.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always, with any certificate.
    Require,
    /// Always, with a certificate that an authority of [`PostgresTls::authority`] signed.
    VerifyCa,
    /// The same, and it must be the server's name that the certificate holds.
    VerifyFull,
}

/// A certificate or a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// The text itself.
    Text(String),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(_) => f.write_str("Text(..)"),
        }
    }
}

/// How connections are protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostgresTls {
    /// Whether, and what is checked.
    pub mode: TlsMode,
    /// Who signs certificates of servers; the system's authorities when absent.
    pub authority: Option<Pem>,
    /// The certificate that this client shows.
    pub certificate: Option<Pem>,
    /// The key to it.
    pub key: Option<Pem>,
}

/// How to open a database. Parameters of the URL override these.
///
/// ```
/// use agentforge_store::postgres::{PostgresOptions, PostgresTls, TlsMode};
///
/// let options = PostgresOptions {
///     pool_size: 32,
///     tls: PostgresTls { mode: TlsMode::VerifyFull, ..PostgresTls::default() },
///     ..PostgresOptions::default()
/// };
/// assert!(!format!("{options:?}").contains("password"));
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    /// The most connections; at least 1. `?pool_size=`.
    pub pool_size: u32,
    /// How long a call waits for a connection, also while the server restarts. `?acquire_timeout=`, in seconds.
    pub acquire_timeout: Duration,
    /// How long one try to connect may take. `?connect_timeout=`, in seconds.
    pub connect_timeout: Duration,
    /// How long a statement may take before the server ends it, and a transaction may do nothing.
    /// `?statement_timeout=`, in seconds.
    pub statement_timeout: Duration,
    /// After how long without use a connection is closed. `?idle_timeout=`, in seconds.
    pub idle_timeout: Duration,
    /// After how long a connection is closed in any case. `?max_lifetime=`, in seconds.
    pub max_lifetime: Duration,
    /// After how long without use a connection is asked whether it is alive before it is used again.
    pub check_after: Duration,
    /// How connections are protected. `?sslmode=`, `?sslrootcert=`, `?sslcert=`, `?sslkey=`, with paths.
    pub tls: PostgresTls,
    /// The schema that holds the tables: lower-case letters, digits and underscores. `?schema=`.
    pub schema: String,
    /// How long opening waits for a server that is not there yet. `?wait_until_ready=`, in seconds.
    pub wait_until_ready: Duration,
    /// The URL of a user who may create schema, tables and a role, when the store's own user may not.
    pub migration_url: Option<String>,
    /// Collections of the host's own, beside the platform's. Each gets its table when the database is first opened with
    /// it; its declaration cannot change afterwards.
    pub collections: &'static [&'static CollectionSpec],
}

impl Default for PostgresOptions {
    /// Ten connections, TLS where the server offers it, the schema `agentforge`, no waiting for a server.
    fn default() -> Self {
        Self {
            pool_size: 10,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            check_after: Duration::from_secs(5),
            tls: PostgresTls::default(),
            schema: SCHEMA.to_owned(),
            wait_until_ready: Duration::ZERO,
            migration_url: None,
            collections: &[],
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("pool_size", &self.pool_size)
            .field("tls", &self.tls)
            .field("schema", &self.schema)
            .field("migration_url", &self.migration_url.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}

/// Where to connect to, and how.
pub(super) struct Target {
    pub(super) connect: PgConnectOptions,
    pub(super) schema: Name,
    pub(super) options: PostgresOptions,
}

/// Parameters that the driver reads.
const DRIVERS: &[&str] = &[
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

/// Parameters that are read here.
const OWN: &[&str] = &[
    "schema",
    "pool_size",
    "acquire_timeout",
    "connect_timeout",
    "statement_timeout",
    "idle_timeout",
    "max_lifetime",
    "wait_until_ready",
];

impl Target {
    /// Reads a URL over the options that it overrides. Messages never show the URL, which may hold a password.
    pub(super) fn read(url: &str, mut options: PostgresOptions) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::invalid("the URL of a database begins with `postgres://`"));
        }
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut kept: Vec<&str> = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if OWN.contains(&name) {
                options.set(name, value)?;
            } else if DRIVERS.contains(&name) {
                kept.push(parameter);
            } else {
                let known = or_nearest(name, DRIVERS.iter().chain(OWN).copied());
                let message = format!("the database URL has the unknown parameter `{name}`; {known}");
                return Err(Error::invalid(message).with("field", name.to_owned()));
            }
        }
        let own_mode = kept.iter().any(|parameter| parameter.starts_with("sslmode="));
        let plain = if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) };
        // The driver's words may show a piece of the URL.
        let mut connect: PgConnectOptions = plain.parse().map_err(|_| {
            Error::invalid(
                "the database URL cannot be read; write `postgres://user:password@host:5432/database`, with \
                 `%40` for an `@` inside the password",
            )
        })?;
        connect = options.tls.protect(connect, own_mode);
        if connect.get_application_name().is_none() {
            connect = connect.application_name("agentforge");
        }
        let schema = Name::new(&options.schema, LONGEST_SCHEMA)
            .filter(|schema| !schema.as_str().starts_with("pg_") && schema.as_str() != "information_schema");
        let schema = schema.ok_or_else(|| {
            Error::invalid(format!(
                "`{}` is no name for a schema; use lower-case letters, digits and underscores, at most \
                 {LONGEST_SCHEMA}",
                options.schema
            ))
            .with("field", "schema")
        })?;
        if options.pool_size == 0 {
            return Err(Error::invalid("a pool of no connections does nothing; set at least 1")
                .with("field", "pool_size"));
        }
        let connect = connect.statement_cache_capacity(PREPARED).disable_statement_logging();
        Ok(Self { connect, schema, options })
    }
}

impl PostgresTls {
    fn protect(&self, mut connect: PgConnectOptions, has_mode: bool) -> PgConnectOptions {
        if !has_mode {
            connect = connect.ssl_mode(match self.mode {
                TlsMode::Disable => PgSslMode::Disable,
                TlsMode::Prefer => PgSslMode::Prefer,
                TlsMode::Require => PgSslMode::Require,
                TlsMode::VerifyCa => PgSslMode::VerifyCa,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            });
        }
        connect = match &self.authority {
            Some(Pem::File(path)) => connect.ssl_root_cert(path),
            Some(Pem::Text(text)) => connect.ssl_root_cert_from_pem(text.clone().into_bytes()),
            None => connect,
        };
        connect = match &self.certificate {
            Some(Pem::File(path)) => connect.ssl_client_cert(path),
            Some(Pem::Text(text)) => connect.ssl_client_cert_from_pem(text),
            None => connect,
        };
        match &self.key {
            Some(Pem::File(path)) => connect.ssl_client_key(path),
            Some(Pem::Text(text)) => connect.ssl_client_key_from_pem(text),
            None => connect,
        }
    }
}

impl PostgresOptions {
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = |wanted: &str| {
            Error::invalid(format!("the parameter `{name}` of the database URL must be {wanted}"))
                .with("field", name.to_owned())
        };
        let seconds = || {
            let seconds =
                value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            seconds.ok_or_else(|| wrong("a number of seconds"))
        };
        match name {
            "schema" => value.clone_into(&mut self.schema),
            "pool_size" => self.pool_size = value.parse().map_err(|_| wrong("a number"))?,
            "acquire_timeout" => self.acquire_timeout = seconds()?,
            "connect_timeout" => self.connect_timeout = seconds()?,
            "statement_timeout" => self.statement_timeout = seconds()?,
            "idle_timeout" => self.idle_timeout = seconds()?,
            "max_lifetime" => self.max_lifetime = seconds()?,
            "wait_until_ready" => self.wait_until_ready = seconds()?,
            _ => return Err(wrong("known")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::error::ErrorKind;

    use super::*;

    fn read(url: &str) -> Result<Target> {
        Target::read(url, PostgresOptions::default())
    }

    #[test]
    fn the_url_overrides_the_options() {
        let target =
            read("postgres://me:secret@db.example:5433/app?schema=mine&pool_size=3&statement_timeout=1.5&sslmode=require")
                .unwrap();
        assert_eq!(target.connect.get_host(), "db.example");
        assert_eq!(target.connect.get_port(), 5433);
        assert_eq!(target.connect.get_database(), Some("app"));
        assert_eq!(target.schema.as_str(), "mine");
        assert_eq!(target.options.pool_size, 3);
        assert_eq!(target.options.statement_timeout, Duration::from_millis(1_500));
        assert!(matches!(target.connect.get_ssl_mode(), PgSslMode::Require));
    }

    #[test]
    fn every_way_to_protect_a_connection_is_understood() {
        for (mode, driver) in [
            (TlsMode::Disable, "disable"),
            (TlsMode::Prefer, "prefer"),
            (TlsMode::Require, "require"),
            (TlsMode::VerifyCa, "verify-ca"),
            (TlsMode::VerifyFull, "verify-full"),
        ] {
            let tls = PostgresTls { mode, ..PostgresTls::default() };
            let options = PostgresOptions { tls, ..PostgresOptions::default() };
            let from_options = Target::read("postgres://h/d", options).unwrap().connect;
            let from_url = read(&format!("postgres://h/d?sslmode={driver}")).unwrap().connect;
            let shown = |connect: &PgConnectOptions| format!("{:?}", connect.get_ssl_mode());
            assert_eq!(shown(&from_options), shown(&from_url), "{driver}");
        }
        assert!(read("postgres://h/d?sslmode=perhaps").is_err());
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_one() {
        for (parameter, nearest) in
            [("shema=x", "`schema`"), ("poolsize=3", "`pool_size`"), ("ssl_mode=require", "`sslmode`")]
        {
            let error = read(&format!("postgres://h/d?{parameter}")).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains(nearest), "{error}");
        }
    }

    #[test]
    fn no_error_and_no_debug_shows_a_password() {
        for url in [
            "postgres://me:hunter2@h:notaport/d",
            "postgres://me:hunter2@h/d?pool_size=x",
            "postgres://me:hunter2@h/d?schema=Big",
            "postgres://me:hunter2@h/d?nothing=1",
            "mysql://me:hunter2@h/d",
        ] {
            let error = read(url).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let options = PostgresOptions {
            migration_url: Some("postgres://me:hunter2@h/d".to_owned()),
            tls: PostgresTls { key: Some(Pem::Text("hunter2".to_owned())), ..PostgresTls::default() },
            ..PostgresOptions::default()
        };
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn a_schema_needs_a_plain_name() {
        for schema in ["Big", "a-b", "1x", "pg_mine", "information_schema", "a\"; drop"] {
            let options = PostgresOptions { schema: schema.to_owned(), ..PostgresOptions::default() };
            assert!(Target::read("postgres://h/d", options).is_err(), "{schema}");
        }
    }
}
