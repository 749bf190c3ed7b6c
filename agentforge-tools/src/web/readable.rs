//! Which part of a page a reader came for. What the author marked wins; else where the running text is; and when in
//! doubt, more of the page rather than less.

use super::tree::{Node, Tree};

/// What lies below a node, without what is not shown and what only leads elsewhere.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// Letters of text.
    text: usize,
    /// Letters of text in links.
    links: usize,
    /// How much running text its children hold.
    score: usize,
}

impl Weight {
    /// Whether more than this share of the text, in hundredths, is links.
    const fn is_links(self, share: usize) -> bool {
        self.links * 100 > self.text * share
    }
}

/// The part to show, and the nodes that are not shown anywhere.
pub(super) struct Part {
    pub(super) root: usize,
    pub(super) dropped: Vec<bool>,
}

/// The readable part of a page.
pub(super) fn readable(tree: &Tree) -> Part {
    let hidden: Vec<bool> = tree.nodes.iter().map(|node| node.hidden).collect();
    let all = weigh(tree, &hidden);
    let total = all.first().copied().unwrap_or_default().text;
    let dropped: Vec<bool> = tree
        .nodes
        .iter()
        .zip(&all)
        .map(|(node, weight)| node.hidden || is_around(node, *weight, total))
        .collect();
    let weights = weigh(tree, &dropped);
    let left = weights.first().copied().unwrap_or_default().text;
    // A page that is nothing but menus is read as it is.
    if left * 10 < total {
        return Part { root: 0, dropped: hidden };
    }
    let marked = best(tree, &weights, |node, weight| if is_marked(node) { weight.text } else { 0 });
    let root = match marked {
        Some((root, text)) if text >= 200 && text * 4 >= left => root,
        _ => running_text(tree, &weights, left),
    };
    Part { root, dropped }
}

/// The whole page without what is not shown.
pub(super) fn whole(tree: &Tree) -> Part {
    Part { root: 0, dropped: tree.nodes.iter().map(|node| node.hidden).collect() }
}

fn running_text(tree: &Tree, weights: &[Weight], left: usize) -> usize {
    let unlinked =
        |weight: &Weight| weight.score * weight.text.saturating_sub(weight.links) / weight.text.max(1);
    let Some((mut root, _)) = best(tree, weights, |_, weight| unlinked(&weight)) else { return 0 };
    let weight = |index: usize| weights.get(index).copied().unwrap_or_default();
    if weight(root).text * 3 < left {
        return 0;
    }
    // Up to what holds more of the same.
    while let Some(node) = tree.node(root).filter(|_| root != 0) {
        let above = weight(node.parent);
        if above.text * 10 <= weight(root).text * 11 || above.is_links(30) {
            break;
        }
        root = node.parent;
    }
    root
}

/// The node with the highest value above zero, the first of several.
fn best(tree: &Tree, weights: &[Weight], value: impl Fn(&Node, Weight) -> usize) -> Option<(usize, usize)> {
    let mut best = None;
    for (index, (node, weight)) in tree.nodes.iter().zip(weights).enumerate() {
        let value = value(node, *weight);
        if value > best.map_or(0, |(_, most)| most) {
            best = Some((index, value));
        }
    }
    best
}

fn weigh(tree: &Tree, dropped: &[bool]) -> Vec<Weight> {
    let mut weights = vec![Weight::default(); tree.nodes.len()];
    // Children come after their parents, so that going backwards each node is whole when its turn comes.
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        if dropped.get(index).copied().unwrap_or_default() {
            if let Some(weight) = weights.get_mut(index) {
                *weight = Weight::default();
            }
            continue;
        }
        let mut own = weights.get(index).copied().unwrap_or_default();
        if node.name.is_empty() {
            own.text = node.text.split_whitespace().map(str::len).sum();
        }
        if node.name == "a" {
            own.links = own.text;
        }
        if let Some(weight) = weights.get_mut(index) {
            *weight = own;
        }
        if index == 0 {
            continue;
        }
        let points = points(node, own);
        if let Some(parent) = weights.get_mut(node.parent) {
            parent.text += own.text;
            parent.links += own.links;
            parent.score += points;
        }
        let above = tree.node(node.parent).map_or(0, |parent| parent.parent);
        if above != node.parent
            && let Some(above) = weights.get_mut(above)
        {
            above.score += points / 2;
        }
    }
    weights
}

/// How much running text an element is.
fn points(node: &Node, weight: Weight) -> usize {
    let running = matches!(node.name.as_str(), "p" | "pre" | "blockquote" | "td" | "dd" | "li");
    if !running || weight.text < 25 || weight.is_links(50) {
        return 0;
    }
    10 + (weight.text / 10).min(50)
}

fn is_marked(node: &Node) -> bool {
    matches!(node.name.as_str(), "main" | "article")
        || node.hint.split_whitespace().any(|word| word == "main")
}

/// Words by which authors call what stands around a text.
const AROUND: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "advertisement",
    "banner",
    "breadcrumb",
    "breadcrumbs",
    "comments",
    "consent",
    "contentinfo",
    "cookie",
    "cookies",
    "footer",
    "masthead",
    "menu",
    "modal",
    "nav",
    "navbar",
    "navigation",
    "newsletter",
    "popup",
    "promo",
    "related",
    "search",
    "share",
    "sharing",
    "sidebar",
    "skip",
    "social",
    "sponsored",
    "toolbar",
];

/// Whether an element stands around the text: menus, footers, and what calls itself so and is the smaller part.
fn is_around(node: &Node, weight: Weight, total: usize) -> bool {
    match node.name.as_str() {
        "nav" | "button" | "menu" => return true,
        "footer" | "aside" | "form" => return weight.text * 2 < total,
        "" | "main" | "article" => return false,
        _ => {}
    }
    let words = node.hint.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.into_iter().any(|word| AROUND.contains(&word)) && weight.text * 2 < total
}
