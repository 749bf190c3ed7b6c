//! What the compiler says when a function cannot be a tool.

#[test]
fn compile_errors_teach() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
