//! Cuts a text into chunks along its structure: sections first, then blocks, list items and rows, then sentences.
//!
//! A chunk is a byte range of the text, never an edited copy. The time is linear in the text: a cut within the budget
//! is at least `min` characters after the one before, so no character is looked at more than `max / min` times.

mod outline;
mod within;

use std::ops::Range;

use agentforge_core::error::{Error, Result};

use outline::{Mark, Outline, Section, Strength};

/// Changes when the same text and settings give other chunks.
const VERSION: u32 = 1;

/// What stands between the headings above a chunk.
pub const HEADING_SEPARATOR: &str = " › ";

/// How large chunks are, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSettings {
    max: usize,
    min: usize,
}

impl Default for ChunkSettings {
    /// At most 900 characters, and at least 200 where the structure allows.
    fn default() -> Self {
        Self { max: 900, min: 200 }
    }
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes in the text; begins and ends with what is not blank.
    pub range: Range<usize>,
    /// The headings that hold for all of it, outermost first.
    pub heading: String,
}

impl ChunkSettings {
    /// Chunks of at most `max` characters. One is shorter than `min` only when its section is.
    pub fn new(max: usize, min: usize) -> Result<Self> {
        if min == 0 || min > max / 2 {
            return Err(Error::invalid(format!(
                "chunks of {min} to {max} characters cannot be cut; the least must be 1 or more and at most half of the most"
            ))
            .with("field", "min"));
        }
        Ok(Self { max, min })
    }

    /// What the chunks of a text depend on; other chunks come with another fingerprint.
    pub fn fingerprint(&self) -> String {
        format!("markdown/{VERSION} {}..{}", self.min, self.max)
    }

    /// The chunks of a text, in order. Together they hold everything that is not blank.
    ///
    /// ```
    /// use agentforge_tools::knowledge::ChunkSettings;
    /// let text = "# Leave\n\n## Sick leave\n\nCall before nine.\n";
    /// let chunks = ChunkSettings::default().split(text);
    /// assert_eq!(chunks[0].heading, "Leave › Sick leave");
    /// assert!(text[chunks[0].range.clone()].ends_with("before nine."));
    /// ```
    pub fn split(&self, text: &str) -> Vec<Chunk> {
        let outline = Outline::of(text);
        let mut headings = Headings { text, sections: &outline.sections };
        let mut marks = outline.marks.as_slice();
        let mut chunks = Vec::new();
        let mut place = Place { at: 0, chars: 0, level: Some(0) };
        loop {
            let rest = text.get(place.at..).unwrap_or_default();
            let blank = rest.len() - rest.trim_start().len();
            if blank == rest.len() {
                return chunks;
            }
            place.chars += rest.get(..blank).unwrap_or_default().chars().count();
            place.at += blank;
            let passed = marks.iter().take_while(|mark| mark.at <= place.at).count();
            marks = marks.get(passed..).unwrap_or_default();
            let next = self.cut(text, place, marks, outline.chars);
            let piece = text.get(place.at..next.at).unwrap_or_default();
            let range = place.at..place.at + piece.trim_end().len();
            let heading = headings.over(&range);
            chunks.push(Chunk { range, heading });
            place = next;
        }
    }

    /// Where the chunk that begins at a place ends; `marks` are those behind the place.
    fn cut(&self, text: &str, place: Place, marks: &[Mark], chars: usize) -> Place {
        let (mut line, mut block, mut heading) = (None, None, None);
        for mark in marks {
            let length = mark.chars - place.chars;
            if length > self.max {
                break;
            }
            match mark.strength {
                Strength::Heading { level } => {
                    let keeps_on = place.level.is_some_and(|own| own <= level) && length < self.min;
                    if !keeps_on {
                        return mark.place();
                    }
                    heading = Some(mark);
                }
                Strength::Block if length >= self.min => block = Some(mark),
                Strength::Line if length >= self.min => line = Some(mark),
                Strength::Block | Strength::Line => {}
            }
        }
        if chars - place.chars <= self.max {
            return Place { at: text.len(), chars, level: None };
        }
        if let Some(mark) = block.or(heading).or(line) {
            return mark.place();
        }
        let (length, count) = within::cut(text.get(place.at..).unwrap_or_default(), self.min, self.max);
        Place { at: place.at + length, chars: place.chars + count, level: None }
    }
}

/// Where a chunk begins.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    /// Characters before it.
    chars: usize,
    /// The level of the heading that begins here, 0 for the text itself; none in the middle of a section.
    level: Option<u8>,
}

impl Mark {
    const fn place(&self) -> Place {
        let level = match self.strength {
            Strength::Heading { level } => Some(level),
            Strength::Block | Strength::Line => None,
        };
        Place { at: self.at, chars: self.chars, level }
    }
}

/// Finds the headings above ranges that only move forward.
struct Headings<'a> {
    text: &'a str,
    sections: &'a [Section],
}

impl Headings<'_> {
    /// The headings shared by every section whose content is in the range.
    fn over(&mut self, range: &Range<usize>) -> String {
        while self.sections.get(1).is_some_and(|next| next.start <= range.start) {
            self.sections = self.sections.get(1..).unwrap_or_default();
        }
        let touched = self.sections.iter().take_while(|section| section.start < range.end);
        let mut shared: Option<&[Option<Range<usize>>]> = None;
        let mut last: &[Option<Range<usize>>] = &[];
        for section in touched {
            last = &section.path;
            if section.content.is_some_and(|content| content < range.end) {
                let common = shared.map_or(last.len(), |path| {
                    path.iter().zip(last).take_while(|(left, right)| left == right).count()
                });
                shared = last.get(..common);
            }
        }
        let titles = shared.unwrap_or(last).iter().flatten().filter_map(|title| self.text.get(title.clone()));
        titles.collect::<Vec<_>>().join(HEADING_SEPARATOR)
    }
}

#[cfg(test)]
mod tests;
