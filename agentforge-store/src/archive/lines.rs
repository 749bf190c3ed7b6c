//! Rows as lines of a file, each with a sum of its own, so that damage has a line number.
//!
//! A line is `["<sum>",<row>]`: the sum is the first 8 bytes, in hexadecimal digits, of the SHA-256 over the line's number
//! as 8 big-endian bytes and the text of the row. A line that was changed, moved, repeated or lost is found.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use agentforge_core::{error::Result, json::Digest};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{files::failed, manifest::damaged};

/// The longest line that is read. A segment of an index is one row.
const LONGEST_LINE: u64 = 1 << 30;

/// How much text one page holds before it ends early.
const PAGE_BYTES: usize = 4 << 20;

const OPEN: &str = "[\"";
const SUM_DIGITS: usize = 16;
const BETWEEN: &str = "\",";
const CLOSE: &str = "]";

/// What a section came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SectionSum {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
}

fn sum(line: u64, row: &str) -> String {
    let hash = Sha256::new().chain_update(line.to_be_bytes()).chain_update(row).finalize();
    Digest::from_bytes(hash.into()).to_string().chars().take(SUM_DIGITS).collect()
}

/// Writes a section.
pub(super) struct SectionWriter {
    file: BufWriter<File>,
    name: String,
    hasher: Sha256,
    rows: u64,
    bytes: u64,
}

impl SectionWriter {
    pub(super) fn create(path: &Path, name: String) -> Result<Self> {
        let file = File::create(path).map_err(|error| failed("cannot be written", path, error))?;
        Ok(Self { file: BufWriter::new(file), name, hasher: Sha256::new(), rows: 0, bytes: 0 })
    }

    pub(super) fn push(&mut self, rows: &[Value]) -> Result<()> {
        for row in rows {
            self.rows = self.rows.saturating_add(1);
            let row = row.to_string();
            let line = format!("{OPEN}{}{BETWEEN}{row}{CLOSE}\n", sum(self.rows, &row));
            self.hasher.update(&line);
            self.bytes = self.bytes.saturating_add(line.len() as u64);
            let written = self.file.write_all(line.as_bytes());
            written.map_err(|error| failed("cannot be written", Path::new(&self.name), error))?;
        }
        Ok(())
    }

    /// Brings the section to the disk.
    pub(super) fn finish(mut self) -> Result<SectionSum> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| failed("cannot be written", Path::new(&self.name), error))?;
        let sha256 = Digest::from_bytes(self.hasher.finalize().into());
        Ok(SectionSum { rows: self.rows, bytes: self.bytes, sha256 })
    }
}

/// Reads a section and checks every line.
pub(super) struct SectionReader {
    file: BufReader<File>,
    name: String,
    hasher: Sha256,
    line: u64,
    bytes: u64,
}

impl SectionReader {
    pub(super) fn open(path: &Path, name: String) -> Result<Self> {
        let file = File::open(path).map_err(|error| failed("cannot be read", path, error))?;
        Ok(Self { file: BufReader::new(file), name, hasher: Sha256::new(), line: 0, bytes: 0 })
    }

    /// The next rows with their line numbers; none at the end.
    pub(super) fn next(&mut self, limit: usize) -> Result<Vec<(u64, Value)>> {
        let (mut rows, mut read) = (Vec::new(), 0_usize);
        while rows.len() < limit && read < PAGE_BYTES {
            let mut line = Vec::new();
            let taken = self.file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let taken = taken.map_err(|error| failed("cannot be read", Path::new(&self.name), error))?;
            if taken == 0 {
                break;
            }
            read = read.saturating_add(taken);
            self.line = self.line.saturating_add(1);
            self.hasher.update(&line);
            self.bytes = self.bytes.saturating_add(taken as u64);
            rows.push((self.line, self.row(&line)?));
        }
        Ok(rows)
    }

    fn row(&self, line: &[u8]) -> Result<Value> {
        let damaged = |why: &str| damaged(&self.name, self.line, why);
        let line = line.strip_suffix(b"\n").ok_or_else(|| damaged("ends in the middle"))?;
        let text = std::str::from_utf8(line).map_err(|_| damaged("is no text"))?;
        let foreign = || damaged("does not have the form of a row");
        let rest = text.strip_prefix(OPEN).ok_or_else(foreign)?;
        let (given, rest) = rest.split_at_checked(SUM_DIGITS).ok_or_else(foreign)?;
        let row = rest.strip_prefix(BETWEEN).and_then(|rest| rest.strip_suffix(CLOSE)).ok_or_else(foreign)?;
        if given != sum(self.line, row) {
            return Err(damaged("was changed after it was written, or is not where it was"));
        }
        serde_json::from_str(row).map_err(|error| damaged("is no JSON").caused_by(error))
    }

    /// What the file is called in the archive.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the section is now.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// What was read so far.
    pub(super) fn sum(&self) -> SectionSum {
        let sha256 = Digest::from_bytes(self.hasher.clone().finalize().into());
        SectionSum { rows: self.line, bytes: self.bytes, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agentforge_core::error::ErrorKind;
    use serde_json::json;

    use super::*;

    fn written() -> (tempfile::TempDir, std::path::PathBuf, SectionSum) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut writer = SectionWriter::create(&path, "rows.jsonl".to_owned()).unwrap();
        let rows: Vec<Value> = (0..5).map(|n| json!({ "n": n, "text": "a\nb", "f": 0.1 })).collect();
        writer.push(&rows).unwrap();
        let sum = writer.finish().unwrap();
        (folder, path, sum)
    }

    fn read(path: &Path) -> Result<(Vec<Value>, SectionSum)> {
        let mut reader = SectionReader::open(path, "rows.jsonl".to_owned())?;
        let mut rows = Vec::new();
        loop {
            let page = reader.next(2)?;
            if page.is_empty() {
                return Ok((rows, reader.sum()));
            }
            rows.extend(page.into_iter().map(|(_, row)| row));
        }
    }

    #[test]
    fn rows_come_back_with_the_same_sum() {
        let (_folder, path, sum) = written();
        let (rows, found) = read(&path).unwrap();
        assert_eq!((rows.len(), found), (5, sum));
        assert_eq!(rows.last(), Some(&json!({ "n": 4, "text": "a\nb", "f": 0.1 })));
    }

    #[test]
    fn damage_names_its_line() {
        let (_folder, path, _) = written();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let swapped = format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]);
        for (damaged, line) in [
            (text.replacen("\"n\":2", "\"n\":7", 1), 3),
            (text[..text.len() - 4].to_owned(), 5),
            (swapped, 2),
            (format!("{text}{}\n", lines[4]), 6),
            (format!("{}\nnonsense\n", lines[0]), 2),
        ] {
            fs::write(&path, damaged).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_eq!(error.get("line"), Some(&json!(line)), "{error}");
        }
    }
}
