//! A part of a page as Markdown or plain text, made for reading and not for rendering: nothing is escaped.

use url::Url;

use super::{
    readable::Part,
    tree::{Node, Tree},
};

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Markdown,
    Plain,
}

/// How much is written at most.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How deep quotes and lists are indented.
const MOST_INDENTS: usize = 8;
/// The longest address of a link that is worth reading.
const LONGEST_LINK: usize = 2000;

/// The text of a part.
pub(super) fn write(tree: &Tree, part: &Part, style: Style, base: Option<&Url>) -> String {
    let mut writer = Writer::new(style, base);
    let mut steps = vec![Step::Enter(part.root)];
    while let Some(step) = steps.pop() {
        if writer.out.len() > MOST_BYTES {
            break;
        }
        match step {
            Step::Enter(index) => {
                let Some(node) = tree.node(index) else { continue };
                if part.dropped.get(index).copied().unwrap_or_default() {
                    continue;
                }
                if node.name.is_empty() {
                    writer.text(&node.text);
                    continue;
                }
                let parent = tree.node(node.parent);
                writer.enter(node, parent);
                steps.push(Step::Leave(index));
                steps.extend(node.children.iter().rev().map(|child| Step::Enter(*child)));
            }
            Step::Leave(index) => {
                if let Some(node) = tree.node(index) {
                    writer.leave(node);
                }
            }
        }
    }
    writer.out
}

enum Step {
    Enter(usize),
    Leave(usize),
}

/// What a line begins with inside a quote or an item.
struct Indent {
    mark: String,
    /// Whether the mark stands on every line, or on the first alone.
    every: bool,
    written: bool,
}

/// An open link: where its text begins, so that an empty one can be taken back.
struct Link {
    at: usize,
    target: String,
}

struct Writer<'a> {
    out: String,
    style: Style,
    base: Option<&'a Url>,
    /// Line ends that are due before the next text.
    gap: usize,
    /// A blank is due before the next text.
    blank: bool,
    /// The next word follows without a blank.
    tight: bool,
    /// Depth of text whose blanks count.
    verbatim: usize,
    indents: Vec<Indent>,
    /// Elements of lists and quotes beyond the depth that is indented.
    beyond: usize,
    /// Numbers of the next items, per open list; none where items have no number.
    lists: Vec<Option<u64>>,
    links: Vec<Link>,
    /// Cells of the present row, and whether a rule is due after it.
    cells: usize,
    rows: usize,
}

impl<'a> Writer<'a> {
    const fn new(style: Style, base: Option<&'a Url>) -> Self {
        Writer {
            out: String::new(),
            style,
            base,
            gap: 0,
            blank: false,
            tight: false,
            verbatim: 0,
            indents: Vec::new(),
            beyond: 0,
            lists: Vec::new(),
            links: Vec::new(),
            cells: 0,
            rows: 0,
        }
    }

    fn is_markdown(&self) -> bool {
        self.style == Style::Markdown
    }

    fn text(&mut self, text: &str) {
        if self.verbatim > 0 {
            for (number, line) in text.split('\n').enumerate() {
                if number > 0 {
                    self.begin_line();
                    self.out.push('\n');
                    self.indent();
                }
                if !line.is_empty() {
                    self.begin_line();
                    self.out.push_str(line.trim_end_matches('\r'));
                }
            }
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.blank = true;
        }
        for (number, word) in text.split_whitespace().enumerate() {
            if number > 0 {
                self.blank = true;
            }
            self.word(word);
        }
        if text.ends_with(char::is_whitespace) {
            self.blank = true;
        }
    }

    /// Text without blanks, after whatever is due.
    fn word(&mut self, word: &str) {
        self.begin_line();
        if self.blank && !self.tight && !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
        (self.blank, self.tight) = (false, false);
        self.out.push_str(word);
    }

    /// A mark that belongs to the next word, such as the stars of strong text.
    fn opening(&mut self, mark: &str) {
        self.word(mark);
        self.tight = true;
    }

    /// A mark that belongs to the last word.
    fn closing(&mut self, mark: &str) {
        self.out.push_str(mark);
    }

    /// Writes the line ends that are due, and what the new line begins with.
    fn begin_line(&mut self) {
        if self.out.is_empty() {
            if self.gap > 0 || !self.indents.is_empty() {
                self.gap = 0;
                self.indent();
            }
            return;
        }
        if self.gap == 0 {
            return;
        }
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        for number in 1..=self.gap {
            self.out.push('\n');
            if number < self.gap {
                self.quotes();
            }
        }
        self.gap = 0;
        self.blank = false;
        self.indent();
    }

    /// What a line begins with.
    fn indent(&mut self) {
        for indent in &mut self.indents {
            if indent.every || !indent.written {
                self.out.push_str(&indent.mark);
                indent.written = true;
            } else {
                self.out.extend(std::iter::repeat_n(' ', indent.mark.len()));
            }
        }
    }

    /// What an empty line begins with.
    fn quotes(&mut self) {
        let quotes: Vec<&str> =
            self.indents.iter().filter(|indent| indent.every).map(|indent| indent.mark.trim_end()).collect();
        self.out.push_str(&quotes.join(" "));
    }

    /// A new block at the top of a list, a new line inside another one.
    fn list(&mut self) {
        if self.lists.is_empty() {
            self.block();
        } else {
            self.line();
        }
    }

    fn line(&mut self) {
        self.gap = self.gap.max(1);
    }

    fn block(&mut self) {
        self.gap = self.gap.max(2);
    }

    fn push_indent(&mut self, mark: String, every: bool) {
        if self.indents.len() < MOST_INDENTS {
            self.indents.push(Indent { mark, every, written: false });
        } else {
            self.beyond += 1;
        }
    }

    fn pop_indent(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else {
            self.indents.pop();
        }
    }

    fn enter(&mut self, node: &Node, parent: Option<&Node>) {
        let in_item = parent.is_some_and(|parent| matches!(parent.name.as_str(), "li" | "td" | "th" | "dd"));
        match node.name.as_str() {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.block();
                if self.is_markdown() {
                    let level =
                        node.name.bytes().last().map_or(1, |digit| usize::from(digit.saturating_sub(b'0')));
                    self.word(&"#".repeat(level));
                    self.blank = true;
                }
            }
            "br" => self.line(),
            "hr" => {
                self.block();
                if self.is_markdown() {
                    self.word("---");
                    self.block();
                }
            }
            "img" if self.is_markdown() && !node.text.trim().is_empty() => {
                let alt = node.text.split_whitespace().collect::<Vec<_>>().join(" ");
                self.word(&format!("![{alt}]"));
            }
            "strong" | "b" if self.is_markdown() && !self.is_verbatim() => self.opening("**"),
            "em" | "i" if self.is_markdown() && !self.is_verbatim() => self.opening("*"),
            "code" | "kbd" | "samp" if self.is_markdown() && !self.is_verbatim() => self.opening("`"),
            "a" if self.is_markdown() && !self.is_verbatim() => {
                if let Some(target) = self.target(&node.text) {
                    self.opening("[");
                    self.links.push(Link { at: self.out.len(), target });
                } else {
                    self.links.push(Link { at: 0, target: String::new() });
                }
            }
            "pre" => {
                self.block();
                if self.is_markdown() {
                    self.word("```");
                    self.line();
                }
                self.verbatim += 1;
            }
            "blockquote" => {
                self.block();
                self.push_indent("> ".to_owned(), true);
            }
            "ul" | "menu" | "dir" => {
                self.list();
                self.lists.push(None);
            }
            "ol" => {
                self.list();
                self.lists.push(Some(node.text.trim().parse().unwrap_or(1)));
            }
            "li" => {
                self.line();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let mark = format!("{number}. ");
                        *number = number.saturating_add(1);
                        mark
                    }
                    _ => "- ".to_owned(),
                };
                self.push_indent(mark, false);
            }
            "table" => {
                self.block();
                self.rows = 0;
            }
            "tr" => {
                self.line();
                self.cells = 0;
            }
            "td" | "th" => {
                let mark = if self.cells == 0 { "|" } else { " |" };
                self.blank = false;
                if self.is_markdown() {
                    self.word(mark);
                } else if self.cells > 0 {
                    self.word("\t");
                }
                self.blank = self.is_markdown();
                self.cells += 1;
            }
            "dt" => self.block(),
            "dd" => {
                self.line();
                if self.is_markdown() {
                    self.word(":");
                    self.blank = true;
                }
            }
            name if is_block(name) && !in_item => self.block(),
            name if is_block(name) && self.cells == 0 => self.line(),
            name if is_block(name) => self.blank = true,
            _ => {}
        }
    }

    fn leave(&mut self, node: &Node) {
        match node.name.as_str() {
            "strong" | "b" if self.is_markdown() && !self.is_verbatim() => self.closing("**"),
            "em" | "i" if self.is_markdown() && !self.is_verbatim() => self.closing("*"),
            "code" | "kbd" | "samp" if self.is_markdown() && !self.is_verbatim() => self.closing("`"),
            "a" if self.is_markdown() && !self.is_verbatim() => self.end_link(),
            "pre" => {
                self.verbatim = self.verbatim.saturating_sub(1);
                if self.is_markdown() {
                    if !self.out.ends_with('\n') {
                        self.line();
                    }
                    self.word("```");
                }
                self.block();
            }
            "blockquote" => {
                self.pop_indent();
                self.block();
            }
            "ul" | "ol" | "menu" | "dir" => {
                self.lists.pop();
                self.list();
            }
            "li" => {
                self.pop_indent();
                self.line();
            }
            "tr" if self.cells > 0 => {
                if self.is_markdown() {
                    self.blank = false;
                    self.word(" |");
                    if self.rows == 0 {
                        self.line();
                        let rule = "|".to_owned() + &"---|".repeat(self.cells.min(100));
                        self.word(&rule);
                    }
                }
                self.rows += 1;
                self.cells = 0;
                self.line();
            }
            "table" => {
                self.cells = 0;
                self.block();
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.block(),
            name if is_block(name) && self.cells == 0 => self.block(),
            _ => {}
        }
    }

    const fn is_verbatim(&self) -> bool {
        self.verbatim > 0
    }

    fn end_link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        if link.target.is_empty() {
            return;
        }
        // A link without text leads nowhere for a reader.
        if self.out.get(link.at..).is_none_or(|text| text.trim().is_empty()) {
            self.out.truncate(link.at.saturating_sub(1));
            return;
        }
        self.out.push_str("](");
        self.out.push_str(&link.target);
        self.out.push(')');
    }

    /// Where a link leads, whole; none for what is not on the web.
    fn target(&self, href: &str) -> Option<String> {
        let href = href.trim();
        if href.is_empty() || href.starts_with('#') {
            return None;
        }
        let url = match self.base {
            Some(base) => base.join(href).ok()?,
            None => Url::parse(href).ok()?,
        };
        let known = matches!(url.scheme(), "http" | "https" | "mailto");
        Some(url.to_string()).filter(|url| known && url.len() <= LONGEST_LINK)
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "body"
            | "caption"
            | "center"
            | "details"
            | "div"
            | "dl"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "main"
            | "p"
            | "section"
            | "summary"
    )
}
