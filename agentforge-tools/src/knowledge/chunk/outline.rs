//! Reads the lines of a Markdown or plain text once: where it may be cut, and under which headings its parts stand.
//!
//! A reading for cutting, not for rendering: whatever it misunderstands is still text that gets cut somewhere.

use std::ops::Range;

/// The longest title that is kept in a path, in characters.
const MAX_TITLE: usize = 120;

/// How good a place is for a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// A list item, a table row, a line of code.
    Line,
    /// A paragraph, list, table or code block begins.
    Block,
    /// A section begins.
    Heading {
        /// 1 for the outermost.
        level: u8,
    },
}

/// A place where the text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: usize,
    /// Characters before it.
    pub(super) chars: usize,
    pub(super) strength: Strength,
}

/// What stands under one heading, up to the next of any level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Section {
    pub(super) start: usize,
    /// Where its first line that is no heading begins.
    pub(super) content: Option<usize>,
    /// The titles above, by level.
    pub(super) path: [Option<Range<usize>>; 6],
}

#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) marks: Vec<Mark>,
    pub(super) sections: Vec<Section>,
    /// Characters of the whole text.
    pub(super) chars: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading {
        level: u8,
    },
    Paragraph,
    Item,
    Row,
    /// The line under a table's head.
    Rule,
    Fence {
        mark: char,
        length: usize,
    },
}

/// What the reader remembers of the lines before.
struct Reader {
    outline: Outline,
    before: Option<Kind>,
    blank: bool,
    fence: Option<(char, usize)>,
    /// A paragraph of one line so far, which an underline would turn into a heading.
    single: Option<(Line, bool)>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    at: usize,
    chars: usize,
}

impl Outline {
    pub(super) fn of(text: &str) -> Self {
        let outline = Outline { sections: vec![Section::default()], ..Outline::default() };
        let mut reader = Reader { outline, before: None, blank: true, fence: None, single: None };
        let mut line = Line { at: 0, chars: 0 };
        for raw in text.split_inclusive('\n') {
            reader.read(text, line, raw);
            line = Line { at: line.at + raw.len(), chars: line.chars + raw.chars().count() };
        }
        Outline { chars: line.chars, ..reader.outline }
    }

    fn mark(&mut self, line: Line, strength: Strength) {
        // An underline turns a line that may have its mark already into a heading.
        self.marks.pop_if(|mark| mark.at == line.at);
        self.marks.push(Mark { at: line.at, chars: line.chars, strength });
    }

    fn begin_section(&mut self, line: Line, level: u8, title: Range<usize>) {
        self.mark(line, Strength::Heading { level });
        let mut path = self.sections.last().map(|section| section.path.clone()).unwrap_or_default();
        for (above, slot) in (1..).zip(&mut path) {
            if above >= level {
                *slot = (above == level).then(|| title.clone());
            }
        }
        self.sections.push(Section { start: line.at, content: None, path });
    }

    /// Notes content at a line; tells whether it is the first of its section.
    fn content(&mut self, line: Line) -> bool {
        match self.sections.last_mut() {
            Some(section) if section.content.is_none() => {
                section.content = Some(line.at);
                true
            }
            _ => false,
        }
    }

    fn withdraw_content(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            section.content = None;
        }
    }
}

impl Reader {
    fn read(&mut self, text: &str, line: Line, raw: &str) {
        let body = raw.trim();
        if body.is_empty() {
            self.blank = true;
            self.single = None;
            return;
        }
        if let Some((mark, length)) = self.fence {
            self.outline.mark(line, Strength::Line);
            if body.chars().all(|letter| letter == mark) && body.len() >= length {
                self.fence = None;
            }
            self.blank = false;
            return;
        }
        let indent = raw.len() - raw.trim_start().len();
        if let (Some(level), Some((above, was_first))) = (underline(body), self.single.take()) {
            if was_first {
                self.outline.withdraw_content();
            }
            let title = title_range(text, above.at..line.at);
            self.outline.begin_section(above, level, title);
            (self.before, self.blank) = (Some(Kind::Heading { level }), false);
            return;
        }
        let kind = kind_of(body, indent);
        if let Kind::Heading { level } = kind {
            let title = title_range(text, line.at..line.at + raw.len());
            self.outline.begin_section(line, level, title);
        } else {
            self.read_content(line, kind, indent);
        }
        if let Kind::Fence { mark, length } = kind {
            self.fence = Some((mark, length));
        }
        self.blank = false;
    }

    fn read_content(&mut self, line: Line, kind: Kind, indent: usize) {
        let before = self.before;
        let in_list = before == Some(Kind::Item);
        let continues = kind == Kind::Paragraph
            && match before {
                Some(Kind::Paragraph) => !self.blank,
                Some(Kind::Item) => !self.blank || indent >= 2,
                _ => false,
            };
        let strength = match before {
            // A heading stays with what it heads, and the head of a table with its first row.
            Some(Kind::Heading { .. }) => None,
            Some(Kind::Rule) if kind == Kind::Row => None,
            _ if kind == Kind::Rule => None,
            _ if self.blank => Some(if in_list && (kind == Kind::Item || indent >= 2) {
                Strength::Line
            } else {
                Strength::Block
            }),
            _ if continues => None,
            _ => Some(Strength::Line),
        };
        if let Some(strength) = strength {
            self.outline.mark(line, strength);
        }
        let first = self.outline.content(line);
        self.single = (kind == Kind::Paragraph && !continues).then_some((line, first));
        if !(continues && in_list) {
            self.before = Some(kind);
        }
    }
}

fn kind_of(body: &str, indent: usize) -> Kind {
    let hashes = body.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes) && indent < 4 {
        let after = body.as_bytes().get(hashes);
        if after.is_none_or(u8::is_ascii_whitespace) {
            // INVARIANT: hashes is at most 6.
            return Kind::Heading { level: u8::try_from(hashes).unwrap_or(6) };
        }
    }
    for mark in ['`', '~'] {
        let length = body.chars().take_while(|letter| *letter == mark).count();
        if length >= 3 {
            return Kind::Fence { mark, length };
        }
    }
    if body.starts_with('|') {
        let is_rule = body.contains('-') && body.bytes().all(|byte| b"|-: \t".contains(&byte));
        return if is_rule { Kind::Rule } else { Kind::Row };
    }
    if is_item(body) { Kind::Item } else { Kind::Paragraph }
}

fn is_item(body: &str) -> bool {
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let marker = body.get(digits..).unwrap_or_default();
    let closes: &[char] = if digits == 0 { &['-', '*', '+', '•'] } else { &['.', ')'] };
    digits <= 9 && marker.strip_prefix(closes).is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// The level of the heading that a line of this sort makes of the line above.
fn underline(body: &str) -> Option<u8> {
    let made_of = |mark: u8| body.len() >= 2 && body.bytes().all(|byte| byte == mark);
    if made_of(b'=') {
        Some(1)
    } else if made_of(b'-') {
        Some(2)
    } else {
        None
    }
}

/// The title in a heading's line, without its marks.
fn title_range(text: &str, line: Range<usize>) -> Range<usize> {
    let raw = text.get(line.clone()).unwrap_or_default();
    let is_mark = |letter: char| letter == '#' || letter.is_whitespace();
    let title = raw.trim_start_matches(is_mark);
    let start = line.start + (raw.len() - title.len());
    let title = title.trim_end_matches(is_mark);
    let length = title.char_indices().nth(MAX_TITLE).map_or(title.len(), |(at, _)| at);
    start..start + length
}
