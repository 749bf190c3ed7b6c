//! The protocol's own reference servers, as their authors publish them.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    message::{MediaKind, PartContent, Role, Trust},
    testing::RecordingSink,
};
use agentforge_tools::mcp::{HttpServer, McpHost, McpServer, PROGRESS, Revision, StdioServer};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{approved, call, caller, loopback, over_http::free_port, peers, text, tool};

fn node(script: String) -> StdioServer {
    StdioServer::new("node").inherit_path().arg(script)
}

#[tokio::test]
async fn everything_over_standard_input_and_output() {
    let Some(script) = peers::node_server("server-everything") else { return };
    let (cx, events) = (caller(1), RecordingSink::new());
    let host = McpHost::new().events(Arc::new(events.clone()));
    let client = approved(McpServer::stdio("every", node(script)).resources_as_tool(), host, &cx).await;
    let info = client.info().unwrap();
    assert!(["2025-11-25", "2026-07-28"].contains(&info.revision.as_str()), "{info:?}");

    let echoed = call(&client, "every__echo", json!({"message": "hello"}), &cx).await;
    assert!(text(&echoed).contains("hello") && echoed.trust == Some(Trust::Untrusted));
    let structured =
        call(&client, "every__get-structured-content", json!({"location": "Chicago"}), &cx).await;
    assert!(structured.structured.is_some() && !structured.failed, "{structured:?}");
    let image = call(&client, "every__get-tiny-image", json!({}), &cx).await;
    let is_image = |part: &agentforge_core::message::Part| matches!(&part.content, PartContent::Media(media) if media.kind == MediaKind::Image);
    assert!(image.parts.iter().any(is_image), "{image:?}");
    let arguments = json!({"duration": 0.3, "steps": 3});
    call(&client, "every__trigger-long-running-operation", arguments, &cx).await;
    assert!(events.kinds().iter().any(|kind| kind == PROGRESS));

    let resources = client.resources(&cx).await.unwrap();
    let templates = client.resource_templates(&cx).await.unwrap();
    assert!(!resources.is_empty() && !templates.is_empty());
    let read = client.read_resource(&cx, &resources[0].uri).await.unwrap();
    assert!(!read.is_empty());
    let read = call(&client, "every__read_resource", json!({"uri": resources[0].uri}), &cx).await;
    assert!(!read.failed && read.trust == Some(Trust::Untrusted));

    let prompts = client.prompts(&cx).await.unwrap();
    let simple = prompts.iter().find(|prompt| prompt.arguments.is_empty()).unwrap();
    let messages = client.prompt(&cx, &simple.name, BTreeMap::new()).await.unwrap();
    assert_eq!(messages[0].role, Role::User);
    client.close().await.unwrap();
}

#[tokio::test]
async fn everything_over_http() {
    let Some(script) = peers::node_server("server-everything") else { return };
    let cx = caller(1);
    let port = free_port();
    let mut process = Command::new("node")
        .arg(script)
        .arg("streamableHttp")
        .env("PORT", port.to_string())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("listening") {
            break;
        }
    }
    let server = McpServer::http("every", HttpServer::new(format!("http://127.0.0.1:{port}/mcp")));
    let client = approved(server, McpHost::new().http(loopback()), &cx).await;
    let echoed = call(&client, "every__echo", json!({"message": "hello"}), &cx).await;
    assert!(text(&echoed).contains("hello"));
    assert!(!client.resources(&cx).await.unwrap().is_empty());
    client.close().await.unwrap();
    process.kill().await.unwrap();
}

#[tokio::test]
async fn a_filesystem_stays_in_its_folder() {
    let Some(script) = peers::node_server("server-filesystem") else { return };
    let (cx, folder) = (caller(1), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("note.txt"), "tea at four").unwrap();
    let inside = folder.path().canonicalize().unwrap();
    let server =
        McpServer::stdio("files", node(script).arg(inside.to_str().unwrap())).revision(Revision::V2025);
    let client = approved(server.trusted(), McpHost::new(), &cx).await;
    let reading = tool(&client, "files__read_text_file");
    assert!(reading.spec().annotations.read_only);
    let path = inside.join("note.txt");
    let note = call(&client, "files__read_text_file", json!({"path": path}), &cx).await;
    assert!(text(&note).contains("tea at four"), "{note:?}");
    let outside = call(&client, "files__read_text_file", json!({"path": "/etc/passwd"}), &cx).await;
    assert!(outside.failed && !text(&outside).contains("root:"), "{outside:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_clock_in_python() {
    let Some(program) = peers::python_server("mcp-server-time") else { return };
    let cx = caller(1);
    let server = McpServer::stdio("time", StdioServer::new(program).arg("--local-timezone").arg("UTC"));
    let client = approved(server, McpHost::new(), &cx).await;
    let arguments =
        json!({"source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "Asia/Tokyo"});
    let converted = call(&client, "time__convert_time", arguments, &cx).await;
    assert!(text(&converted).contains("Asia/Tokyo"), "{converted:?}");
    let wrong = call(&client, "time__get_current_time", json!({"timezone": "Mars/Base"}), &cx).await;
    assert!(wrong.failed, "{wrong:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_fetcher_in_python() {
    let Some(program) = peers::python_server("mcp-server-fetch") else { return };
    let cx = caller(1);
    let page = super::over_http::page("<html><body><h1>Leave</h1><p>Thirty days.</p></body></html>").await;
    let program =
        StdioServer::new(program).arg("--ignore-robots-txt").arg("--allow-private-ips").inherit_path();
    let client = approved(McpServer::stdio("fetch", program), McpHost::new(), &cx).await;
    let fetched = call(&client, "fetch__fetch", json!({"url": page.url, "raw": true}), &cx).await;
    assert!(text(&fetched).contains("Thirty days."), "{fetched:?}");
    let prompts = client.prompts(&cx).await.unwrap();
    assert_eq!(prompts[0].name, "fetch");
    client.close().await.unwrap();
    page.stop().await;
}
