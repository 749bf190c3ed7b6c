//! Traffic of real providers as cassettes: every file of the shared corpus is read, written and replayed.

use agentforge_llm::recorded::Exchange;

use super::*;
use crate::corpus::{folder, say};

fn files() -> Vec<PathBuf> {
    let Some(folder) = folder() else { return Vec::new() };
    let entries = |folder: &std::path::Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let folders = entries(&folder).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| entries(&folder)).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files
}

/// The values of all headers, which a recording does not show by itself.
fn values(recording: &Recording) -> Vec<Vec<(String, String)>> {
    let sorted = |exchange: &Exchange| {
        let request = exchange.request.iter().flat_map(|request| request.headers.iter());
        let mut pairs: Vec<_> = exchange.headers.iter().chain(request).collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    recording.exchanges.iter().map(sorted).collect()
}

#[test]
fn every_recording_is_the_same_after_it_was_written() {
    let all = |recording: &Recording| format!("{recording:?} {:?}", values(recording));
    let files = files();
    for file in &files {
        let recording = Recording::read(&std::fs::read(file).unwrap()).unwrap();
        let again = Recording::read(&recording.write().unwrap()).unwrap();
        let (left, right) = (all(&recording), all(&again));
        assert!(left == right, "{}", file.display());
    }
    say(&format!("{} recordings written and read again\n", files.len()));
}

#[test]
fn every_recorded_request_gets_its_own_answers_in_order() {
    let (mut answered, mut files_with_any) = (0, 0);
    for file in files() {
        let recording = Recording::read(&std::fs::read(&file).unwrap()).unwrap();
        let cassette = Cassette::at(&file).build().unwrap();
        let mut any = false;
        for exchange in &recording.exchanges {
            // A transport only ever posts.
            let Some(request) = exchange.request.as_ref().filter(|request| request.method == "POST") else {
                continue;
            };
            let query: Vec<String> = request
                .query
                .iter()
                .map(|(name, value)| {
                    format!("{name}={}", value.replace('%', "%25").replace(['&', '#'], "%26"))
                })
                .filter(|pair| !pair.contains("%26"))
                .collect();
            if query.len() != request.query.len() {
                continue;
            }
            let separator = if query.is_empty() { "" } else { "?" };
            let host = request.host.as_deref().unwrap_or("anywhere.example");
            let url = format!("https://{host}{}{separator}{}", request.path, query.join("&"));
            let (status, _, pieces) = send(&cassette, post(&url, request.body.clone()))
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert_eq!(status, exchange.status, "{}", file.display());
            // What was opened for the decoders is replayed as it came.
            let body = pieces.concat();
            let is_binary =
                exchange.headers.get("content-type").is_some_and(|kind| kind.contains("eventstream"));
            assert!(body == exchange.body || is_binary, "{}", file.display());
            answered += 1;
            any = true;
        }
        files_with_any += usize::from(any);
    }
    say(&format!(
        "{answered} recorded requests of {files_with_any} files answered by their own recordings\n"
    ));
}
