//! Every range and spelling that the policy must refuse, and what it must let through.

use super::*;

fn refused(policy: &EgressPolicy, url: &str) -> String {
    match policy.judge(url) {
        Ok(_) => panic!("{url} was let through"),
        Err(refusal) => refusal.rule().to_owned(),
    }
}

#[test]
fn addresses_of_ones_own_network_are_refused_however_they_are_written() {
    let policy = EgressPolicy::default().allow_any_port();
    for inside in [
        "http://127.0.0.1/",
        "http://127.1",
        "http://2130706433/",
        "http://0x7f.0.0.1",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.0.0.1.",
        "http://127.0.0.1:80",
        "http://0/",
        "http://10.1.2.3:8443",
        "http://172.31.0.1",
        "http://192.168.0.1",
        "http://169.254.169.254/latest",
        "http://100.64.0.1",
        "http://0.0.0.0",
        "http://255.255.255.255",
        "http://224.0.0.1",
        "http://168.63.129.16/machine",
        "http://[::1]:443",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::]",
        "http://[fe80::1]",
        "http://[fd00::1]",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:8.8.8.8]",
        "http://[::127.0.0.1]",
        "http://[64:ff9b::a00:1]",
        "http://[2002:7f00:1::]",
        "http://[2001::1]",
        "http://[::1%25eth0]",
        "http://[::1%eth0]",
        "http://[::1",
        "http://localhost",
        "http://LOCALHOST:8000",
        "http://a.localhost.",
        "http://box",
        "http://metadata.google.internal",
        "http://metadata/",
        "http://printer.local",
        "http://x.localtest.me",
        "http://169.254.169.254.xip.io/",
        "http://7f000001.nip.io",
        "http://169.254.169.254.example.com/",
        "http://a.10-0-0-1.example.com/",
        "http://１２７.０.０.１/",
        "http://①②⑦.⓪.⓪.①/",
        "http://169。254。169。254/",
        "http://ｌｏｃａｌｈｏｓｔ/",
    ] {
        refused(&policy, inside);
    }
}

#[test]
fn what_only_another_reader_would_see_is_refused() {
    let policy = EgressPolicy::default().allow_any_port();
    for (url, because) in [
        ("http://me@example.com/", "user name"),
        ("http://@example.com/", "user name"),
        ("http://:@example.com/", "user name"),
        ("http://example.com\\@127.0.0.1/", "backslashes"),
        ("http:\\\\example.com/", "backslashes"),
        ("http://exa\tmple.com/", "control"),
        ("http://example.com\n/", "control"),
        (" http://example.com/", "blanks"),
        ("http://example.com/\r\nHost: a", "control"),
        ("http://example.com/\u{a0}", "blanks"),
        ("http://ex%61mple.com/", "percent-encoded"),
        ("http://%31%32%37.0.0.1", "percent-encoded"),
        ("http://example.com%2f@b/", "user name"),
        ("http:example.com", "two slashes"),
        ("http:///example.com", "two slashes"),
        ("http:/example.com", "two slashes"),
        ("//example.com", "two slashes"),
        ("example.com", "two slashes"),
        ("", "two slashes"),
        ("http://", "two slashes"),
        ("http://?x", "two slashes"),
        ("http://a{b}.example.com/", "plain name"),
        ("http://a..example.com/", "plain name"),
        ("http://../", "plain name"),
        ("http://./", "plain name"),
        ("http://example.com:99999/", "port cannot be read"),
        ("http://example.com:80x/", "port cannot be read"),
        ("http://425.510.425.510/", "several ways"),
        ("http://1.2.3.4.5/", "several ways"),
        ("http://ⓔⓧⓐⓜⓟⓛⓔ.com/", "stand for others"),
        ("http://bücher.ⓔⓧⓐⓜⓟⓛⓔ.com/", "stand for others"),
        ("http://example。com/", "stand for others"),
        ("http://ß.example.com/", "older rules"),
        ("http://ς.example.com/", "older rules"),
        ("http://a\u{200d}b.example.com/", "cannot be read"),
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "two slashes"),
        ("gopher://example.com:70/_x", "scheme"),
        ("javascript://example.com/%0aalert(1)", "scheme"),
        ("jar:http://example.com/!/", "scheme"),
    ] {
        let rule = refused(&policy, url);
        assert!(rule.contains(because), "{url}: {rule}");
    }
    assert!(refused(&policy, &format!("http://example.com/{}", "a".repeat(LONGEST))).contains("longer"));
}

#[test]
fn addresses_of_the_internet_pass_as_they_were_read() {
    let policy = EgressPolicy::default();
    for (url, read) in [
        ("https://api.example.com/v1?a=b#c", "https://api.example.com/v1?a=b#c"),
        ("HTTPS://API.Example.com:443/a/../b", "https://api.example.com/b"),
        ("http://8.8.8.8", "http://8.8.8.8/"),
        ("https://[2606:4700::1111]:443/v1", "https://[2606:4700::1111]/v1"),
        ("https://localhost.example.com", "https://localhost.example.com/"),
        ("https://my_gateway.example.com.", "https://my_gateway.example.com./"),
        ("https://bücher.example.com/ä", "https://xn--bcher-kva.example.com/%C3%A4"),
        ("https://xn--strae-oqa.example.com/", "https://xn--strae-oqa.example.com/"),
        ("https://ec2-8-8-8-8.example.com/", "https://ec2-8-8-8-8.example.com/"),
        ("https://v1.2.example.com/?u=http://a@b", "https://v1.2.example.com/?u=http://a@b"),
    ] {
        assert_eq!(
            policy.judge(url).map(|checked| checked.as_str().to_owned()),
            Ok(read.to_owned()),
            "{url}"
        );
    }
}

#[test]
fn an_error_is_denied_and_names_the_host_without_the_query() {
    let error = EgressPolicy::default().check_url("http://10.0.0.1/a?key=hidden").unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Denied);
    assert!(error.message().contains("10.0.0.1") && error.message().contains("private network"), "{error}");
    assert!(!format!("{error:?}").contains("hidden"));
    let checked = EgressPolicy::default().check_url("https://a.example.com/?key=hidden").unwrap();
    assert_eq!(format!("{checked:?}"), "CheckedUrl(https://a.example.com)");
}

#[test]
fn ports_and_schemes_are_those_that_were_listed() {
    let policy =
        EgressPolicy { ports: Ports::Only(vec![443, 8443]), ..EgressPolicy::default() }.secure_only();
    assert!(policy.check_url("https://example.com:8443/").is_ok());
    assert!(policy.check_url("https://example.com/").is_ok());
    assert!(refused(&policy, "https://example.com:22/").contains("port 22"));
    assert!(refused(&policy, "http://example.com/").contains("only https"));
    assert!(refused(&EgressPolicy::default(), "http://example.com:8080/").contains("port 8080"));
}

#[test]
fn a_host_of_ones_own_may_be_private_and_nothing_worse() {
    let policy = EgressPolicy::default().allow_host("wiki.corp".parse().unwrap());
    policy.check_url("http://wiki.corp/").unwrap();
    refused(&policy, "http://mail.corp/");
    let at = |address: &str| policy.check_address("wiki.corp", address.parse().unwrap());
    at("10.0.0.1").unwrap();
    at("127.0.0.1").unwrap();
    at("169.254.169.254").unwrap_err();
    at("169.254.0.9").unwrap_err();
    at("::ffff:10.0.0.1").unwrap_err();
    at("0.0.0.0").unwrap_err();
    policy.check_address("mail.corp", "10.0.0.1".parse().unwrap()).unwrap_err();
}

#[test]
fn a_listed_network_is_reached_and_a_clouds_service_only_by_itself() {
    let network = |text: &str| EgressPolicy::default().allow_network(text.parse().unwrap());
    network("10.1.0.0/16").check_url("http://10.1.2.3/").unwrap();
    network("10.1.0.0/16").check_url("http://10.2.0.1/").unwrap_err();
    network("10.1.0.0/16").check_url("http://wiki.corp/").unwrap();
    network("169.254.0.0/16").check_url("http://169.254.0.9/").unwrap();
    network("169.254.0.0/16").check_url("http://169.254.169.254/").unwrap_err();
    network("0.0.0.0/0").check_url("http://100.100.100.200/").unwrap_err();
    network("169.254.169.254").check_url("http://169.254.169.254/").unwrap();
    let loopback = EgressPolicy::default().allow_loopback();
    loopback.check_url("http://127.0.0.1:9/").unwrap();
    loopback.check_url("http://localhost:9/").unwrap();
    loopback.check_url("http://[::ffff:127.0.0.1]:9/").unwrap_err();
    loopback.check_url("http://192.168.0.1/").unwrap_err();
}

#[test]
fn a_list_of_hosts_shuts_out_all_others() {
    let policy = EgressPolicy::default()
        .only_host("*.example.com".parse().unwrap())
        .never_host("bad.example.com".parse().unwrap());
    policy.check_url("https://api.example.com/").unwrap();
    assert!(refused(&policy, "https://bad.example.com/").contains("never"));
    assert!(refused(&policy, "https://example.org/").contains("none of them"));
    assert!(refused(&policy, "https://8.8.8.8/").contains("none of them"));
    let policy = policy.allow_network("8.8.8.8".parse().unwrap());
    policy.check_url("https://8.8.8.8/").unwrap();
}

#[test]
fn a_policy_is_configuration_with_known_keys() {
    let policy = EgressPolicy::default()
        .allow_loopback()
        .allow_host("*.corp".parse().unwrap())
        .never_host("x.corp".parse().unwrap());
    let written = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<EgressPolicy>(&written).unwrap(), policy);
    assert_eq!(serde_json::from_str::<EgressPolicy>("{}").unwrap(), EgressPolicy::default());
    for wrong in [r#"{"network": []}"#, r#"{"networks": ["10.0.0.1/8"]}"#, r#"{"schemes": ["ftp"]}"#] {
        serde_json::from_str::<EgressPolicy>(wrong).unwrap_err();
    }
}
