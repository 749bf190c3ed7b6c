//! Real pages, some damaged or hostile on purpose: each ends in text, and what is known of them is in it.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::*;

/// The folder of documents; without it the test is skipped, and says so; on a machine that builds for others it fails.
fn documents() -> Option<PathBuf> {
    let root = std::env::var_os("AGENTFORGE_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    let path = root.join("documents");
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no documents; set AGENTFORGE_CORPORA to a folder with `documents`"
    );
    let text = "SKIPPED: no real pages; set AGENTFORGE_CORPORA to a folder with `documents`\n";
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    None
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for origin in std::fs::read_dir(folder).unwrap() {
        let Ok(files) = std::fs::read_dir(origin.unwrap().path()) else { continue };
        found.extend(files.map(|file| file.unwrap().path()));
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "html" || ending == "htm"));
    found.sort();
    found
}

#[tokio::test]
async fn every_real_page_ends_in_text_in_every_format() {
    let Some(folder) = documents() else { return };
    let pages = pages(&folder);
    assert!(pages.len() >= 5, "{}", pages.len());
    let known = [
        ("test.html", "Hello World", "Hello World!"),
        ("testHTMLBadScript.html", "", "This is a test."),
        ("testHTML_charset_utf8.html", "Title", "This is a sample text"),
        ("testHTML_embedded_data_uri_js.html", "Title", "some content"),
    ];
    for path in pages {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let body = std::fs::read(&path).unwrap();
        let site = Server::start(move |_| Answer::new(200).body("text/html", body.clone())).await;
        let tool = tool().ignoring_robots();
        for format in ["markdown", "text", "raw"] {
            let arguments = json!({"url": site.base, "format": format, "max_length": 200_000});
            let output = call(&tool, arguments).await;
            let shown = text(&output);
            assert!(!output.failed, "{name}: {shown}");
            if format == "raw" {
                continue;
            }
            for noise in ["<script", "<div", "function(", "data:text/javascript"] {
                assert!(!shown.contains(noise), "{name} as {format} holds `{noise}`: {shown}");
            }
            if let Some((_, title, said)) = known.iter().find(|(known, ..)| *known == name) {
                assert_eq!(output.structured.unwrap()["title"], *title, "{name}");
                assert!(shown.contains(said), "{name}: {shown}");
            }
        }
    }
}
