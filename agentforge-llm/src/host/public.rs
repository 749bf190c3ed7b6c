//! Which base addresses may come from strangers: an address that a stranger gave must not lead a server into the network
//! that it stands in.

use agentforge_core::{Error, Result, http::EgressPolicy};

use super::address;

/// Fails unless a base address is `https://` and leads into the open internet as far as its text says: no address of a
/// private network, this machine or this link, in whatever way of writing, and no name that means one. What a name
/// resolves to only the transport can see. `source` names the address in the error, which never repeats it.
///
/// ```
/// use agentforge_llm::host::check_public;
/// assert!(check_public("https://api.example.com/v1", "the address").is_ok());
/// assert!(check_public("https://169.254.169.254/", "the address").is_err());
/// assert!(check_public("http://api.example.com/v1", "the address").is_err());
/// ```
pub fn check_public(base_url: &str, source: &str) -> Result<()> {
    let base_url = address::base_url(base_url, source)?;
    match EgressPolicy::default().secure_only().allow_any_port().judge(&base_url) {
        Ok(_) => Ok(()),
        // The rule alone: the address is not repeated.
        Err(refusal) => {
            Err(Error::invalid(format!("{source} is refused: {}", refusal.rule())).with("field", "base_url"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_network_are_refused_however_they_are_written() {
        for inside in [
            "http://api.example.com",
            "https://127.0.0.1/v1",
            "https://127.1",
            "https://2130706433/",
            "https://0x7f.0.0.1",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://127.0.0.1.",
            "https://10.1.2.3:8443",
            "https://172.31.0.1",
            "https://192.168.0.1",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://255.255.255.255",
            "https://224.0.0.1",
            "https://[::1]:443",
            "https://[::]",
            "https://[fe80::1]",
            "https://[fd00::1]",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:7f00:1]",
            "https://[::ffff:8.8.8.8]",
            "https://[::127.0.0.1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:7f00:1::]",
            "https://[2001::1]",
            "https://[::1%25eth0]",
            "https://[::1",
            "https://localhost",
            "https://LOCALHOST:8000",
            "https://a.localhost.",
            "https://box",
            "https://metadata.google.internal",
            "https://printer.local",
            "https://me@api.example.com",
            "https://api.example.com\\@127.0.0.1",
            "https://%31%32%37.0.0.1",
            "https://bedrock.{region}.example.com",
            "https://api.example.com:99999",
            "https://..",
            "https://.",
        ] {
            let error = check_public(inside, "the address").err();
            let error = error.unwrap_or_else(|| panic!("{inside} was let through"));
            assert!(
                error.message().starts_with("the address") && !error.message().contains("127"),
                "{error}"
            );
        }
    }

    #[test]
    fn addresses_of_the_internet_pass() {
        for outside in [
            "https://api.openai.com/v1",
            "https://API.example.com:8443/a/b/",
            "https://8.8.8.8",
            "https://[2606:4700::1111]:443/v1",
            "https://localhost.example.com",
            "https://my_gateway.example.com.",
            "https://172.32.0.1",
        ] {
            check_public(outside, "the address").unwrap();
        }
    }
}
