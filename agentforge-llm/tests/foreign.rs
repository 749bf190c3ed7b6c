//! What the fuzz targets ask, asked of random bytes, of bytes that look like what is read, and of what targets found.

use std::fmt::Write;

use agentforge_llm::testkit::fuzz::{TARGETS, run, seeds};
use proptest::prelude::*;

use crate::corpus;

fn check(data: &[u8]) -> Result<(), TestCaseError> {
    for target in TARGETS {
        (target.run)(data).map_err(|why| TestCaseError::fail(format!("{}: {why}", target.name)))?;
    }
    Ok(())
}

fn settings(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(settings(256))]

    #[test]
    fn nothing_that_reads_foreign_bytes_panics_or_minds_where_they_are_cut(
        data in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&data)?;
    }

    #[test]
    fn nor_with_bytes_that_look_like_events(
        chosen in 0_u8..14,
        parts in proptest::collection::vec(
            prop_oneof![
                Just("data: "), Just("event: "), Just("\n"), Just("\r\n"), Just("\r"), Just(":"), Just("id: \u{0}"),
                Just("{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":-1}}}"),
                Just("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}"),
                Just("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\"}}]}"),
                Just("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":99999999999}]}}]}"),
                Just("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"),
                Just("{\"type\":\"response.output_text.delta\",\"delta\":\"a\",\"output_index\":3}"),
                Just("{\"message\":{\"content\":\"a\"},\"done\":true}"),
                Just("{\"contentBlockIndex\":1,\"delta\":{\"text\":\"a\"}}"),
                Just("[DONE]"), Just("{"), Just("}"), Just("[]"), Just("null"), Just("\u{feff}"), Just("1e999"),
            ],
            0..24,
        ),
    ) {
        let mut data = vec![chosen];
        data.extend(parts.concat().into_bytes());
        check(&data)?;
    }
}

/// Each target is found by its name, and seeds that are whole change nothing for it.
#[test]
fn recorded_traffic_passes_every_target() {
    assert!(run("nothing", b"").is_err());
    let Some(folder) = corpus::folder() else { return };
    let mut counts = String::new();
    for target in TARGETS {
        let mut count = 0;
        for provider in ["anthropic", "bedrock", "cohere", "gemini", "ollama", "openai", "openrouter"] {
            let Ok(files) = std::fs::read_dir(folder.join(provider)) else { continue };
            let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            files.sort();
            for file in files.iter().step_by(8) {
                for seed in
                    seeds(target.name, &std::fs::read(file).unwrap()).iter().filter(|it| it.len() < 4096)
                {
                    (target.run)(seed)
                        .unwrap_or_else(|why| panic!("{} of {}: {why}", target.name, file.display()));
                    count += 1;
                }
            }
        }
        write!(counts, " {} {count}", target.name).unwrap();
    }
    corpus::say(&format!("seeds that passed:{counts}\n"));
}
