//! The tool that reads pages, over the guarded client, against a site on this machine and real pages of strangers.

mod corpus;

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    CallContext, ErrorKind,
    http::{EgressPolicy, GuardedClient, HttpLimits},
    message::Trust,
    testing::{FixedClock, fixed_context, fixed_context_with},
    tool::{Tool, ToolInput, ToolOutput},
};
use agentforge_tools::web::WebFetch;
use serde_json::{Value, json};

use crate::rest::server::{Answer, Server};

fn tool() -> WebFetch {
    tool_with(HttpLimits::default())
}

fn tool_with(limits: HttpLimits) -> WebFetch {
    let policy = EgressPolicy::default().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
    WebFetch::new(Arc::new(GuardedClient::new(policy, limits)))
}

fn input(arguments: Value) -> ToolInput {
    ToolInput { call_id: "c1".to_owned(), arguments, idempotency_key: "k1".to_owned() }
}

async fn call_in(cx: &CallContext, tool: &WebFetch, arguments: Value) -> ToolOutput {
    tool.call(cx, input(arguments)).await.unwrap()
}

async fn call(tool: &WebFetch, arguments: Value) -> ToolOutput {
    call_in(&fixed_context(), tool, arguments).await
}

fn text(output: &ToolOutput) -> String {
    output.parts.iter().filter_map(|part| part.as_text()).collect()
}

fn html(body: &str) -> Answer {
    Answer::new(200).body("text/html; charset=utf-8", body)
}

#[tokio::test]
async fn a_page_is_read_with_its_title_and_its_links_and_not_believed() {
    let site = Server::start(|asked| match asked.path() {
        "/page" => html(
            "<!doctype html><title>News &amp; more</title><nav><a href=/>Home</a></nav>\
             <article><h1>Rain</h1><p>It <b>rains</b>, says <a href=source>the source</a>.</p></article>",
        ),
        _ => Answer::new(404),
    })
    .await;
    let tool = tool();
    let output = call(&tool, json!({"url": format!("{}/page#top", site.base)})).await;
    assert!(!output.failed, "{}", text(&output));
    let expected = format!(
        "Title: News & more\nAddress: {0}/page\n\n# Rain\n\nIt **rains**, says [the source]({0}/source).",
        site.base
    );
    assert_eq!(text(&output), expected);
    assert_eq!(output.into_result("c1", tool.spec().trust).trust, Trust::Untrusted);
    let plain = call(&tool, json!({"url": format!("{}/page", site.base), "format": "text"})).await;
    assert!(text(&plain).ends_with("\n\nRain\n\nIt rains, says the source."), "{}", text(&plain));
    let raw = call(&tool, json!({"url": format!("{}/page", site.base), "format": "raw"})).await;
    assert!(text(&raw).contains("<!doctype html><title>"), "{}", text(&raw));
    assert_eq!(raw.structured.unwrap()["content_type"], "text/html; charset=utf-8");
    assert!(tool.spec().annotations.read_only && tool.spec().annotations.open_world);
}

#[tokio::test]
async fn what_a_site_asks_of_programs_is_heeded_and_remembered_for_an_hour() {
    let site = Server::start(|asked| match asked.path() {
        "/robots.txt" => {
            Answer::new(200).body("text/plain", "User-agent: *\nDisallow: /private\nAllow: /private/ok")
        }
        "/open" => Answer::new(302).header("location", "/private/moved"),
        _ => html("<p>read"),
    })
    .await;
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let tool = tool();
    for (path, allowed) in [("/", true), ("/private/a", false), ("/private/ok", true), ("/open", false)] {
        let output = call_in(&cx, &tool, json!({"url": format!("{}{path}", site.base)})).await;
        assert_eq!(!output.failed, allowed, "{path}: {}", text(&output));
        assert!(allowed || text(&output).contains("robots.txt"), "{}", text(&output));
    }
    let paths = |site: &Server| site.asked().iter().map(|asked| asked.target.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&site), ["/robots.txt", "/", "/private/ok", "/open"]);
    assert!(site.asked().iter().all(|asked| asked.header("user-agent").unwrap().starts_with("agentforge/")));
    clock.advance(Duration::from_hours(1));
    call_in(&cx, &tool, json!({"url": format!("{}/", site.base)})).await;
    assert_eq!(paths(&site).iter().filter(|path| *path == "/robots.txt").count(), 2);
    let free = tool_with(HttpLimits::default()).ignoring_robots();
    assert!(!call(&free, json!({"url": format!("{}/private/a", site.base)})).await.failed);
}

#[tokio::test]
async fn a_site_whose_rules_cannot_be_read_is_left_alone() {
    for (status, allowed) in [(404, true), (403, true), (500, false), (503, false)] {
        let site = Server::start(move |asked| match asked.path() {
            "/robots.txt" => Answer::new(status),
            _ => html("<p>read"),
        })
        .await;
        let output = call(&tool(), json!({"url": format!("{}/a", site.base)})).await;
        assert_eq!(!output.failed, allowed, "{status}: {}", text(&output));
    }
}

#[tokio::test]
async fn no_redirect_leads_a_reader_beside_the_site() {
    let trap = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let beside = format!("http://{}/", trap.local_addr().unwrap());
    for location in [beside.as_str(), "http://169.254.169.254/", "file:///etc/passwd", "http://[::1]/"] {
        let target = location.to_owned();
        let site = Server::start(move |asked| match asked.path() {
            "/robots.txt" => Answer::new(404),
            _ => Answer::new(302).header("location", target.clone()),
        })
        .await;
        let output = call(&tool(), json!({"url": format!("{}/a", site.base)})).await;
        assert!(output.failed && text(&output).contains("refused"), "{location}: {}", text(&output));
        // The rules of a site may not lead there either.
        let target = location.to_owned();
        let site = Server::start(move |_| Answer::new(302).header("location", target.clone())).await;
        assert!(call(&tool(), json!({"url": format!("{}/a", site.base)})).await.failed, "{location}");
        assert_eq!(site.asked().len(), 1, "the page was not asked for");
    }
    let site = Server::start(|asked| match asked.path() {
        "/robots.txt" => Answer::new(404),
        _ => Answer::new(302).header("location", "/again"),
    })
    .await;
    let output = call(&tool(), json!({"url": format!("{}/a", site.base)})).await;
    assert!(output.failed && text(&output).contains("on and on"), "{}", text(&output));
    assert!(futures::FutureExt::now_or_never(trap.accept()).is_none(), "nobody connected to the trap");
}

#[tokio::test]
async fn a_long_text_is_read_in_pieces_that_join() {
    let words = (0..500).map(|number| format!("wörd{number}")).collect::<Vec<_>>().join(" ");
    let page = format!("<p>{words}</p>");
    let site = Server::start(move |_| html(&page)).await;
    let tool = tool().ignoring_robots();
    let (mut whole, mut start) = (String::new(), 0);
    for _ in 0..20 {
        let output = call(&tool, json!({"url": site.base, "start": start, "max_length": 300})).await;
        let shown = text(&output);
        let piece = shown.split_once("\n\n").unwrap().1;
        whole.push_str(piece.split("\n\n[").next().unwrap());
        let Some(next) = output.structured.unwrap()["next_start"].as_u64() else { break };
        assert!(shown.contains(&format!("start={next}")));
        start = next;
    }
    assert_eq!(whole, words);
    let beyond = call(&tool, json!({"url": site.base, "start": 1_000_000})).await;
    assert!(text(&beyond).contains("ends before"), "{}", text(&beyond));
}

#[tokio::test]
async fn letters_are_right_and_what_is_no_text_is_refused() {
    let site = Server::start(|asked| match asked.path() {
        "/latin" => Answer::new(200).body("text/html; charset=iso-8859-1", &b"<p>caf\xe9"[..]),
        "/meta" => Answer::new(200).body("text/html", &b"<meta charset=windows-1251><p>\xcf\xf0"[..]),
        "/bom" => Answer::new(200).body("text/html", &b"\xff\xfe<\0p\0>\0\xe4\0"[..]),
        "/json" => Answer::json(json!({"a": [1, "ü"]})),
        "/text" => Answer::new(200).body("text/plain", "<b>not a page</b>"),
        "/pdf" => Answer::new(200).body("application/pdf", "%PDF-1.7"),
        "/none" => Answer::new(200),
        "/broken" => Answer::new(200).header("content-encoding", "gzip").body("text/html", "no gzip"),
        _ => Answer::new(418),
    })
    .await;
    let tool = tool().ignoring_robots();
    for (path, end) in [
        ("/latin", "café"),
        ("/meta", "Пр"),
        ("/bom", "ä"),
        ("/json", r#"{"a":[1,"ü"]}"#),
        ("/text", "<b>not a page</b>"),
        ("/none", "[the page holds no text]"),
    ] {
        let output = call(&tool, json!({"url": format!("{}{path}", site.base)})).await;
        assert!(!output.failed && text(&output).ends_with(end), "{path}: {}", text(&output));
    }
    for (path, because) in [
        ("/pdf", "sent application/pdf, which is no text"),
        ("/teapot", "status 418"),
        ("/broken", "broke off its answer"),
    ] {
        let output = call(&tool, json!({"url": format!("{}{path}", site.base)})).await;
        assert!(output.failed && text(&output).contains(because), "{path}: {}", text(&output));
    }
    for url in
        ["", "no address", "http://", "http://user:pass@127.0.0.1/", "http://10.0.0.1/", "ftp://127.0.0.1/"]
    {
        let output = call(&tool, json!({"url": url})).await;
        assert!(output.failed && !text(&output).contains("pass@"), "{url}: {}", text(&output));
    }
}

#[tokio::test]
async fn a_page_larger_than_the_cap_is_a_sentence_and_a_cancelled_call_an_error() {
    let site = Server::start(|_| html(&"<p>x".repeat(10_000))).await;
    let small = tool_with(HttpLimits { body_bytes: 1000, ..HttpLimits::default() }).ignoring_robots();
    let output = call(&small, json!({"url": site.base})).await;
    assert!(output.failed && text(&output).contains("larger than 1000 bytes"), "{}", text(&output));
    let cx = fixed_context().with_child_cancellation();
    cx.cancellation().cancel();
    let error = tool().call(&cx, input(json!({"url": site.base}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_plan_reads_nothing_and_shows_no_query() {
    let site = Server::start(|_| html("x")).await;
    let plan =
        tool().plan(&fixed_context(), input(json!({"url": format!("{}/a?key=hidden", site.base)}))).await;
    let plan = plan.unwrap();
    assert_eq!(plan.summary, format!("would read {}/a and change nothing", site.base));
    assert!(plan.effects.is_empty() && site.asked().is_empty());
}
