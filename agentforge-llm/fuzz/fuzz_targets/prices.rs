//! Hands libFuzzer's bytes to the target `prices` of the test kit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert_eq!(
    agentforge_llm::testkit::fuzz::run("prices", data),
    Ok(())
));
