//! The example that judges addresses: one verdict per line, whatever the line is.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn every_line_gets_one_verdict_and_nothing_is_connected_to() {
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = trap.local_addr().unwrap().port();
    // Cargo builds examples beside the folder of test binaries.
    let binary = std::env::current_exe().unwrap();
    let built = binary.parent().and_then(Path::parent).unwrap().join("examples/check_url");
    let mut child = Command::new(built).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = format!(
        "https://api.example.com/v1\r\nhttp://127.0.0.1:{port}/\nhttp://0x7f.1:{port}/\n\nhttp://2852039166/\n\
         http://no-such-name.example/\nhttp://localhost/"
    );
    stdin.write_all(lines.as_bytes()).unwrap();
    stdin.write_all(b"\nhttp://\xff/").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let verdicts = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<&str> = verdicts.lines().collect();
    assert_eq!(verdicts.len(), 8, "{verdicts:?}");
    for (number, verdict) in verdicts.iter().enumerate() {
        match number {
            0 | 5 => assert_eq!(*verdict, "allowed"),
            _ => assert!(verdict.strip_prefix("refused: ").is_some_and(|why| !why.is_empty()), "{verdict}"),
        }
    }
    trap.set_nonblocking(true).unwrap();
    assert!(trap.accept().is_err(), "nobody connected");
}
