//! Addresses of hosts: checked before anything is sent, and shown without what may be secret.

use agentforge_core::{Error, Result};

/// A base address without its last slash. `source` names where it came from, for the error.
pub(crate) fn base_url(text: &str, source: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    let wrong = |why: &str| Err(Error::invalid(format!("{source} is no usable base address: {why}")));
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return wrong("it must begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return wrong("it holds a user name; keys belong into the key's own variable");
    }
    if authority.is_empty() || authority.starts_with(':') {
        return wrong("it names no host");
    }
    if text.contains(['?', '#']) {
        return wrong("it holds a query; only scheme, host, port and path are allowed");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("it holds blanks or characters outside ASCII");
    }
    Ok(text.to_owned())
}

/// The base address that `OLLAMA_HOST` means: Ollama itself takes `host`, `host:port`, `:port` and whole addresses, and
/// a server that listens on all addresses is reached on this machine.
pub(crate) fn ollama(text: &str, source: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    // The port follows the last colon outside the brackets of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    };
    let usual = match (scheme, text.contains("://")) {
        ("https", _) => "443",
        ("http", true) if path.is_empty() && port.is_none() => "80",
        _ => "11434",
    };
    let port = port.unwrap_or(usual);
    let path = if path.is_empty() { "/v1" } else { &path };
    base_url(&format!("{scheme}://{host}:{port}{path}"), source)
}

/// The same for Ollama's own API, which stands beside the `/v1` that the variable may name.
pub(crate) fn ollama_native(text: &str, source: &str) -> Result<String> {
    let address = ollama(text, source)?;
    Ok(address.strip_suffix("/v1").map(str::to_owned).unwrap_or(address))
}

/// The base address that `AZURE_OPENAI_ENDPOINT` means: Azure shows it without the path of its API.
pub(crate) fn azure(text: &str, source: &str) -> Result<String> {
    let address = base_url(text, source)?;
    Ok(match address.as_str() {
        whole if whole.ends_with("/v1") => address,
        half if half.ends_with("/openai") => format!("{half}/v1"),
        bare => format!("{bare}/openai/v1"),
    })
}

/// A text as one segment of a path: every byte of it that is not plain is percent-encoded.
pub(crate) fn percent_encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_is_checked_and_never_quoted() {
        assert_eq!(base_url("https://a.b/v1/", "X").unwrap(), "https://a.b/v1");
        for wrong in [
            "",
            "a.b/v1",
            "ftp://a",
            "https://",
            "https://:80",
            "https://me:pass@a.b",
            "https://a.b?k=1",
            "https://a b",
        ] {
            let error = base_url(wrong, "THE_VARIABLE").unwrap_err();
            assert!(error.message().starts_with("THE_VARIABLE"), "{wrong}: {error}");
            assert!(!error.message().contains("pass"), "{error}");
        }
    }

    #[test]
    fn an_azure_endpoint_with_and_without_its_path() {
        let azure = |text: &str| azure(text, "AZURE_OPENAI_ENDPOINT").unwrap();
        for endpoint in [
            "https://a.openai.azure.com/",
            "https://a.openai.azure.com/openai/",
            "https://a.openai.azure.com/openai/v1",
        ] {
            assert_eq!(azure(endpoint), "https://a.openai.azure.com/openai/v1");
        }
        assert_eq!(azure("https://gateway/foundry"), "https://gateway/foundry/openai/v1");
    }

    #[test]
    fn a_segment_of_a_path() {
        assert_eq!(percent_encoded("us.a-b_c~1:0/ü"), "us.a-b_c~1%3A0%2F%C3%BC");
    }

    #[test]
    fn dialects_of_ollama_host() {
        let check =
            |text: &str, expected: &str| assert_eq!(ollama(text, "OLLAMA_HOST").unwrap(), expected, "{text}");
        check("localhost", "http://localhost:11434/v1");
        check("10.0.0.7:8080", "http://10.0.0.7:8080/v1");
        check(":8080", "http://127.0.0.1:8080/v1");
        check("0.0.0.0", "http://127.0.0.1:11434/v1");
        check("0.0.0.0:11434", "http://127.0.0.1:11434/v1");
        check("[::1]:11434", "http://[::1]:11434/v1");
        check("[::1]", "http://[::1]:11434/v1");
        check("http://box:11434/", "http://box:11434/v1");
        check("http://box", "http://box:80/v1");
        check("https://ollama.example.com", "https://ollama.example.com:443/v1");
        check("https://box:9/v1", "https://box:9/v1");
        assert!(ollama("ftp://x", "OLLAMA_HOST").is_err());
        let native = |text: &str| ollama_native(text, "OLLAMA_HOST").unwrap();
        assert_eq!(native("box"), "http://box:11434");
        assert_eq!(native("https://box:9/v1"), "https://box:9");
        assert_eq!(native("https://box:9/ollama"), "https://box:9/ollama");
    }
}
