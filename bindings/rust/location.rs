//! Where a store is, from the text that a host gives.

use std::{fmt, path::PathBuf};

use agentforge_core::error::{Error, ErrorKind, Result};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// In this process, and gone with it.
    Memory,
    /// In a file.
    Sqlite(PathBuf),
    /// On a server.
    Postgres(ServerUrl),
}

/// The URL of a server, which may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(pub(crate) String);

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerUrl(..)")
    }
}

impl Location {
    /// Reads `memory:`, `sqlite:PATH`, a bare path, or `postgres://..`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let unknown = |scheme: &str| {
            Error::invalid(format!(
                "`{scheme}:` is no store that agentforge knows; use a path, `sqlite:PATH`, \
                 `postgres://HOST/DATABASE` or `memory:`"
            ))
            .with("scheme", scheme)
        };
        if text.trim().is_empty() {
            return Err(Error::invalid("the store needs a path, for example `forge.db`, or `memory:`"));
        }
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(Self::Sqlite(PathBuf::from(text))) };
        let is_scheme = scheme.len() > 1
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            // A drive letter, or a colon inside a path.
            return Ok(Self::Sqlite(PathBuf::from(text)));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(Error::invalid("`memory:` takes no path")),
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err(Error::invalid("`sqlite:` needs a path, for example `sqlite:forge.db`")),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(ServerUrl(format!("{}:{rest}", scheme.to_ascii_lowercase()))))
            }
            "postgres" | "postgresql" => Err(Error::invalid(format!(
                "`{scheme}:` needs a server, for example `{scheme}://user:password@localhost:5432/database`"
            ))),
            "mysql" | "mariadb" => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the store `{scheme}:` is not in this version yet; use a path, `sqlite:PATH`, \
                     `postgres://HOST/DATABASE` or `memory:`"
                ),
            )
            .with("scheme", scheme)),
            _ => Err(unknown(scheme)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_schemes_are_told_apart() {
        let sqlite = |path: &str| Location::Sqlite(PathBuf::from(path));
        for (text, expected) in [
            ("forge.db", sqlite("forge.db")),
            ("./a/b.db", sqlite("./a/b.db")),
            ("C:\\data\\forge.db", sqlite("C:\\data\\forge.db")),
            ("./odd:name.db", sqlite("./odd:name.db")),
            ("sqlite:forge.db", sqlite("forge.db")),
            ("sqlite:///var/forge.db", sqlite("/var/forge.db")),
            ("memory:", Location::Memory),
            (
                "POSTGRES://me@db/app?schema=x",
                Location::Postgres(ServerUrl("postgres://me@db/app?schema=x".to_owned())),
            ),
        ] {
            assert_eq!(Location::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_named_with_the_mend() {
        for (text, kind) in [
            ("mongodb://localhost", ErrorKind::InvalidInput),
            ("mysql://localhost/x", ErrorKind::Unsupported),
            ("postgres:x", ErrorKind::InvalidInput),
            ("", ErrorKind::InvalidInput),
            ("sqlite:", ErrorKind::InvalidInput),
            ("memory:x", ErrorKind::InvalidInput),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.message().contains("use ") || error.message().contains('`'), "{error}");
        }
        let error = Location::parse("mongodb://localhost").unwrap_err();
        assert!(error.message().contains("`mongodb:`") && error.message().contains("sqlite:PATH"));
    }

    #[test]
    fn a_password_is_never_shown() {
        let location = Location::parse("postgres://me:hunter2@db/app").unwrap();
        assert!(!format!("{location:?}").contains("hunter2"));
    }
}
