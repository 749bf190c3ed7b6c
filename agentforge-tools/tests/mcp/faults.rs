//! What goes wrong with a server is bounded, typed and understandable, and nothing of it is left over.

use std::time::Duration;

use agentforge_core::{error::ErrorKind, message::Trust, tool::ToolPlan};
use agentforge_tools::mcp::{McpClient, McpHost, McpLimits, McpServer, Pins, StdioServer};
use serde_json::{Value, json};

use super::{approved, call, caller, faulty::server, input, text, tool};

fn limited(server: McpServer, change: impl FnOnce(&mut McpLimits)) -> McpServer {
    let mut limits = server.limits;
    change(&mut limits);
    server.limits(limits)
}

/// Whether a process is there and not merely waiting to be reaped by a parent that is not ours.
fn is_running(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}

async fn gone(pid: u64) {
    let gone = async {
        while is_running(pid) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_an_error_with_its_last_words_and_is_reached_again() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("dies", &notes), McpHost::new(), &cx).await;
    let work = tool(&client, "faulty__work");
    let error = work.call(&cx, input(json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert!(error.message().contains("ended (exit status: 3)"), "{error:?}");
    let said = error.get("stderr").and_then(Value::as_str).unwrap();
    assert!(said.ends_with("out of luck") && said.len() <= 8 * 1024, "{}", said.len());
    assert_eq!(text(&work.call(&cx, input(json!({}))).await.unwrap()), "done");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_comes_up_is_told_with_what_it_said() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let failed = McpClient::connect(server("silent", &notes), McpHost::new(), Pins::default(), &cx).await;
    let error = failed.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(
        error.get("stderr").is_some_and(|said| said.to_string().contains("licence has expired")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let server = McpServer::stdio("gone", StdioServer::new("/no/such/program"));
    let error = McpClient::connect(server, McpHost::new(), Pins::default(), &caller(1)).await.err().unwrap();
    assert!(error.message().contains("/no/such/program") && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_gigabyte_on_one_line_is_stopped_at_the_cap() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("floods", &notes), McpHost::new(), &cx).await;
    let error = tool(&client, "faulty__work").call(&cx, input(json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error:?}");
    assert!(error.message().contains("more than 65536 bytes"), "{error:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn garbage_between_messages_is_passed_over() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("garbage", &notes), McpHost::new(), &cx).await;
    assert_eq!(text(&call(&client, "faulty__work", json!({}), &cx).await), "done");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_call_that_hangs_ends_at_its_limit_and_the_server_is_told() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let server = limited(server("hangs", &notes), |limits| limits.call = Duration::from_millis(300));
    let client = approved(server, McpHost::new(), &cx).await;
    let error = tool(&client, "faulty__work").call(&cx, input(json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    // Messages keep their order, so by now the server has read that nobody waits.
    let heard: Vec<String> =
        serde_json::from_str(&text(&call(&client, "faulty__ask", json!({}), &cx).await)).unwrap();
    assert_eq!(heard.len(), 1);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_call_tells_the_server() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("hangs", &notes), McpHost::new(), &cx).await;
    let cancelled = cx.with_child_cancellation();
    let work = tool(&client, "faulty__work");
    let calling = work.call(&cancelled, input(json!({})));
    let cancel = async {
        // The answer to a second call shows that the first one had arrived.
        call(&client, "faulty__ask", json!({}), &cx).await;
        cancelled.cancellation().cancel();
    };
    let (result, ()) = futures::join!(calling, cancel);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    let heard: Vec<String> =
        serde_json::from_str(&text(&call(&client, "faulty__ask", json!({}), &cx).await)).unwrap();
    assert_eq!(heard.len(), 1);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_list_without_an_end_is_refused() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let server = limited(server("well", &notes), |limits| limits.listed = 20);
    let client = approved(server, McpHost::new(), &cx).await;
    let error = client.resources(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_breaks_the_servers_own_schema_is_refused() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("lies", &notes), McpHost::new(), &cx).await;
    let output = call(&client, "faulty__work", json!({}), &cx).await;
    assert!(output.failed && text(&output).contains("at /n"), "{output:?}");
    assert_eq!(output.structured.unwrap()["code"], "output_mismatch");
    client.close().await.unwrap();
}

#[tokio::test]
async fn what_a_server_refuses_or_fails_at_is_for_the_model_and_untrusted() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    for (mode, said) in [("refuses", "the server refused: no such place"), ("fails", "the disk is full")] {
        let client = approved(server(mode, &notes), McpHost::new(), &cx).await;
        let output = call(&client, "faulty__work", json!({}), &cx).await;
        assert!(output.failed);
        assert_eq!((text(&output).as_str(), output.trust), (said, Some(Trust::Untrusted)));
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_program_gets_the_environment_that_was_written_down_and_nothing_else() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("env", &notes), McpHost::new(), &cx).await;
    let mut names: Vec<String> =
        serde_json::from_str(&text(&call(&client, "faulty__ask", json!({}), &cx).await)).unwrap();
    names.sort();
    assert_eq!(names, ["AGENTFORGE_FAULTY_MCP_NOTES", "AGENTFORGE_FAULTY_MCP_SERVER"]);
    client.close().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closing_ends_the_program_and_what_it_started() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("family", &notes), McpHost::new(), &cx).await;
    let pids: Vec<u64> =
        serde_json::from_str(&text(&call(&client, "faulty__work", json!({}), &cx).await)).unwrap();
    assert!(pids.iter().all(|pid| is_running(*pid)), "{pids:?}");
    client.close().await.unwrap();
    // The program itself is reaped, not left as a zombie.
    assert!(!std::path::Path::new(&format!("/proc/{}", pids[0])).exists());
    // What it started is not our child: it was killed, and the kernel acts on that in its own time.
    gone(pids[1]).await;
    let error = client.review(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closing_ends_a_program_that_does_not_want_to_end() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let server = limited(server("stubborn", &notes), |limits| limits.grace = Duration::from_millis(100));
    let client = approved(server, McpHost::new(), &cx).await;
    client.close().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dropping_the_client_and_its_tools_kills_the_program() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("pid", &notes), McpHost::new(), &cx).await;
    let pid: u64 = text(&call(&client, "faulty__ask", json!({}), &cx).await).parse().unwrap();
    assert!(is_running(pid));
    drop(client);
    // The signal is sent before `drop` returns; the kernel acts on it in its own time, and tokio reaps.
    gone(pid).await;
}

#[tokio::test]
async fn another_tenant_does_not_reach_the_connection_of_this_one() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("well", &notes), McpHost::new(), &cx).await;
    let error = tool(&client, "faulty__work").call(&caller(2), input(json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(client.resources(&caller(2)).await.is_err());
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_plan_says_what_would_be_called_and_calls_nothing() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("dies", &notes), McpHost::new(), &cx).await;
    let plan: ToolPlan = tool(&client, "faulty__work").plan(&cx, input(json!({"a": 1}))).await.unwrap();
    assert_eq!(
        (plan.effects[0].action.as_str(), plan.effects[0].target.as_str()),
        ("tools/call", "faulty/work")
    );
    assert_eq!(plan.effects[0].detail, Some(json!({"a": 1})));
    assert!(!notes.path().join("died").exists());
    client.close().await.unwrap();
}
