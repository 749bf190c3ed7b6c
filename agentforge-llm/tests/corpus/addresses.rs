//! Spellings of one address of the link, by which clouds give away their keys: none may pass for an address of a tenant.

use agentforge_llm::host::check_public;

#[test]
fn no_spelling_of_a_link_local_address_is_public() {
    let Some(path) = super::corpus("ssrf/link_local_urls.txt", "spellings of addresses") else { return };
    let listed = std::fs::read_to_string(path).unwrap();
    let passed: Vec<&str> = listed
        .lines()
        .filter(|url| check_public(&url.replacen("http://", "https://", 1), "the address").is_ok())
        .collect();
    assert!(passed.is_empty(), "{} of {}: {passed:?}", passed.len(), listed.lines().count());
    assert!(listed.lines().count() > 50);
}
