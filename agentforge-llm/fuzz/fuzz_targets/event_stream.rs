//! Hands libFuzzer's bytes to the target `event_stream` of the test kit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert_eq!(
    agentforge_llm::testkit::fuzz::run("event_stream", data),
    Ok(())
));
