//! One JSON value a line (NDJSON), as Ollama streams it. Blank lines are skipped; the last line needs no line end.

use agentforge_core::Result;
use memchr::memchr;

use super::{MAX_EVENT, guard};

/// Turns bytes into lines. A line that lies whole in one piece is not copied.
#[derive(Debug, Clone)]
pub struct LineFramer {
    tail: Vec<u8>,
    limit: usize,
}

impl Default for LineFramer {
    fn default() -> Self {
        Self::new()
    }
}

impl LineFramer {
    /// A framer with the usual limit.
    pub const fn new() -> Self {
        Self::with_limit(MAX_EVENT)
    }

    /// A framer that refuses lines of more than `limit` bytes.
    pub const fn with_limit(limit: usize) -> Self {
        Self { tail: Vec::new(), limit }
    }

    /// Takes the next bytes and gives every line that they complete. What is no UTF-8 is replaced.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_line: impl FnMut(&str) -> Result<()>) -> Result<()> {
        while let Some((line, rest)) = memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) {
            bytes = rest.get(1..).unwrap_or_default();
            guard(self.tail.len(), line.len(), self.limit)?;
            if self.tail.is_empty() {
                give(line, &mut on_line)?;
            } else {
                let mut whole = std::mem::take(&mut self.tail);
                whole.extend_from_slice(line);
                give(&whole, &mut on_line)?;
                whole.clear();
                self.tail = whole;
            }
        }
        guard(self.tail.len(), bytes.len(), self.limit)?;
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Gives the last line when it had no line end.
    pub fn finish(&mut self, mut on_line: impl FnMut(&str) -> Result<()>) -> Result<()> {
        give(&std::mem::take(&mut self.tail), &mut on_line)
    }
}

fn give(line: &[u8], on_line: &mut impl FnMut(&str) -> Result<()>) -> Result<()> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    match std::str::from_utf8(line) {
        Ok(text) => on_line(text),
        Err(_) => on_line(&String::from_utf8_lossy(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut framer = LineFramer::new();
        let mut seen = Vec::new();
        let mut push = |line: &str| {
            seen.push(line.to_owned());
            Ok(())
        };
        for piece in pieces {
            framer.feed(piece, &mut push).unwrap();
        }
        framer.finish(&mut push).unwrap();
        seen
    }

    #[test]
    fn every_cut_gives_the_same_lines() {
        let stream = "{\"a\":\"ü\"}\r\n\n{\"b\":2}\n  \n{\"c\":3}".as_bytes();
        assert_eq!(lines(&[stream]), ["{\"a\":\"ü\"}", "{\"b\":2}", "{\"c\":3}"]);
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            assert_eq!(lines(&[left, right]), lines(&[stream]), "cut at {cut}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_a_typed_error() {
        let mut framer = LineFramer::with_limit(4);
        assert!(framer.feed(b"1234\n", |_| Ok(())).is_ok());
        assert!(framer.feed(b"12", |_| Ok(())).is_ok());
        assert!(framer.feed(b"345", |_| Ok(())).is_err());
    }
}
