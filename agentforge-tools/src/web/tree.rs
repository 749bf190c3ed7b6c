//! A page as a small tree. Tags are read by the rules of browsers; the tree is plainer than theirs: it knows which tags
//! end by themselves, holds what a reader needs of each element, and is bounded in depth and size, so that whatever is
//! done with it takes time in proportion to the page.

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};

/// How deep elements nest; what lies deeper stands beside each other.
const MOST_DEPTH: usize = 200;
/// How many nodes are kept.
const MOST_NODES: usize = 200_000;

/// A page.
pub(super) struct Tree {
    /// The first is the root; children come after their parents.
    pub(super) nodes: Vec<Node>,
    pub(super) title: String,
    /// What relative addresses are relative to, when the page says so.
    pub(super) base: Option<String>,
}

/// A piece of text or an element.
pub(super) struct Node {
    pub(super) parent: usize,
    pub(super) children: Vec<usize>,
    /// The name in lower case; empty for text.
    pub(super) name: String,
    /// The text; for an element where it leads or what it shows.
    pub(super) text: String,
    /// What the author calls it: its id, its classes and its role, in lower case.
    pub(super) hint: String,
    /// Not shown to people.
    pub(super) hidden: bool,
}

impl Tree {
    /// The tree of a page.
    pub(super) fn of(page: &str) -> Self {
        let mut emitter = DefaultEmitter::<()>::default();
        emitter.naively_switch_states(true);
        let mut builder = Builder::new();
        for token in Tokenizer::new_with_emitter(page, emitter) {
            let Ok(token) = token;
            if builder.tree.nodes.len() >= MOST_NODES {
                break;
            }
            match token {
                Token::StartTag(tag) => builder.start(&tag),
                Token::EndTag(tag) => builder.end(&lossy(&tag.name)),
                Token::String(text) => builder.text(&lossy(&text.value)),
                _ => {}
            }
        }
        builder.tree
    }

    /// A node; the root for a number that is none.
    pub(super) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }
}

fn lossy(text: &HtmlString) -> String {
    String::from_utf8_lossy(&text.0).into_owned()
}

struct Builder {
    tree: Tree,
    /// The open elements, the root first.
    open: Vec<usize>,
    /// The element whose text is no text of the page.
    aside: Option<String>,
}

const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements of which browsers show nothing, or something else than their text.
const UNSEEN: &[&str] = &[
    "canvas", "datalist", "dialog", "map", "math", "object", "select", "svg", "template", "textarea",
    "video", "audio",
];
/// Elements whose text is no HTML.
const RAW: &[&str] = &["iframe", "noembed", "noframes", "noscript", "script", "style", "title"];
/// Elements that end an open paragraph.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "ul",
];
/// Elements that no tag inside them ends from within.
const WALLS: &[&str] = &["table", "td", "th", "caption"];

impl Builder {
    fn new() -> Self {
        let root = Node {
            parent: 0,
            children: Vec::new(),
            name: "body".to_owned(),
            text: String::new(),
            hint: String::new(),
            hidden: false,
        };
        let tree = Tree { nodes: vec![root], title: String::new(), base: None };
        Self { tree, open: vec![0], aside: None }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        if self.aside.is_some() {
            return;
        }
        let name = lossy(&tag.name);
        let attribute = |wanted: &str| {
            tag.attributes.get(wanted.as_bytes()).map(|value| lossy(&value.value)).unwrap_or_default()
        };
        match name.as_str() {
            "html" | "head" | "body" | "meta" | "link" => return,
            "base" => {
                let href = attribute("href");
                if !href.is_empty() {
                    self.tree.base.get_or_insert(href);
                }
                return;
            }
            raw if RAW.contains(&raw) => {
                self.aside = Some(name);
                return;
            }
            _ => {}
        }
        self.close_what_ends_before(&name);
        let text = match name.as_str() {
            "a" => attribute("href"),
            "img" => attribute("alt"),
            "td" | "th" => attribute("colspan"),
            "ol" => attribute("start"),
            _ => String::new(),
        };
        let style = attribute("style").to_ascii_lowercase().replace(' ', "");
        let flag = |wanted: &str| tag.attributes.contains_key(wanted.as_bytes());
        let hidden = UNSEEN.contains(&name.as_str())
            || flag("hidden")
            || attribute("aria-hidden").eq_ignore_ascii_case("true")
            || style.contains("display:none")
            || style.contains("visibility:hidden");
        let hint =
            format!("{} {} {}", attribute("id"), attribute("class"), attribute("role")).to_ascii_lowercase();
        let is_void = VOID.contains(&name.as_str());
        let index = self.push(Node { parent: 0, children: Vec::new(), name, text, hint, hidden });
        // The slash of a self-closing tag means nothing in HTML, only in the drawings that are not shown.
        if !is_void && self.open.len() < MOST_DEPTH {
            self.open.push(index);
        }
    }

    fn end(&mut self, name: &str) {
        if self.aside.as_deref() == Some(name) {
            self.aside = None;
            return;
        }
        if self.aside.is_some() {
            return;
        }
        let walls: &[&str] = match name {
            "table" => &[],
            "td" | "th" | "tr" | "tbody" | "thead" | "tfoot" | "caption" => &["table"],
            _ => WALLS,
        };
        self.close(&[name], walls);
    }

    fn text(&mut self, text: &str) {
        match self.aside.as_deref() {
            Some("title") => {
                if self.tree.title.len() < 1000 {
                    self.tree.title.push_str(text);
                }
            }
            Some(_) => {}
            None => {
                let text = text.to_owned();
                let (name, hint) = (String::new(), String::new());
                self.push(Node { parent: 0, children: Vec::new(), name, text, hint, hidden: false });
            }
        }
    }

    fn push(&mut self, mut node: Node) -> usize {
        let index = self.tree.nodes.len();
        node.parent = self.open.last().copied().unwrap_or_default();
        if let Some(parent) = self.tree.nodes.get_mut(node.parent) {
            parent.children.push(index);
        }
        self.tree.nodes.push(node);
        index
    }

    fn close_what_ends_before(&mut self, name: &str) {
        if BLOCKS.contains(&name) {
            self.close(&["p"], WALLS);
        }
        match name {
            "li" => self.close(&["li"], &["ul", "ol", "menu", "table", "td", "th"]),
            "dt" | "dd" => self.close(&["dt", "dd"], &["dl", "table", "td", "th"]),
            "td" | "th" => self.close(&["td", "th"], &["tr", "table"]),
            "tr" => self.close(&["tr"], &["table"]),
            "tbody" | "thead" | "tfoot" => self.close(&["tbody", "thead", "tfoot", "tr"], &["table"]),
            "a" => self.close(&["a"], WALLS),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let name =
                    self.open.last().and_then(|open| self.tree.node(*open)).map(|node| node.name.as_str());
                if matches!(name, Some("h1" | "h2" | "h3" | "h4" | "h5" | "h6")) {
                    self.open.pop();
                }
            }
            _ => {}
        }
    }

    /// Ends the innermost open element of one of these names, with all inside it, unless a wall stands before it.
    fn close(&mut self, names: &[&str], walls: &[&str]) {
        for at in (1..self.open.len()).rev() {
            let name =
                self.open.get(at).and_then(|open| self.tree.node(*open)).map(|node| node.name.as_str());
            let Some(name) = name else { return };
            if names.contains(&name) {
                self.open.truncate(at);
                return;
            }
            if walls.contains(&name) {
                return;
            }
        }
    }
}
