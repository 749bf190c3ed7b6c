//! The rules of a definition's shape: names, edges, one start, no dead ends of drawing, no cycle.

use std::collections::BTreeSet;

use super::{Definition, Problems, graph::Graph, or_nearest};
use crate::node::{Catalogue, Outcome};

/// The most nodes that a definition may have.
pub(super) const MAX_NODES: usize = 1_000;

/// The most edges that a definition may have.
pub(super) const MAX_EDGES: usize = 5_000;

/// Checks everything that does not need the nodes to be built.
pub(super) fn check_shape(
    definition: &Definition,
    graph: &Graph<'_>,
    catalogue: &Catalogue,
    problems: &mut Problems,
) {
    if !is_name(&definition.name, |c| c == '_' || c == '-') {
        let name = &definition.name;
        problems.of_whole(
            "/name",
            format!(
                "`{name}` is no name; use 1 to 64 lower-case letters, digits, `_` or `-`, a letter first"
            ),
        );
    }
    check_nodes(definition, graph, problems);
    check_edges(definition, graph, catalogue, problems);
    check_ways(definition, graph, problems);
}

fn check_nodes(definition: &Definition, graph: &Graph<'_>, problems: &mut Problems) {
    for (place, node) in definition.nodes.iter().enumerate() {
        let id = node.id.as_str();
        if !is_name(id, |c| c == '_') {
            problems.of_node(
                id,
                format!("/nodes/{place}/id"),
                format!("`{id}` is no id; use 1 to 64 lower-case letters, digits or `_`, a letter first"),
            );
        }
        if let Some(first) = graph.place(id).filter(|first| *first != place) {
            problems.of_node(
                id,
                format!("/nodes/{place}/id"),
                format!("the id `{id}` is taken by /nodes/{first}; ids are unique"),
            );
        }
    }
}

fn check_edges(definition: &Definition, graph: &Graph<'_>, catalogue: &Catalogue, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (index, edge) in definition.edges.iter().enumerate() {
        let path = format!("/edges/{index}");
        for (key, id) in [("from", &edge.from), ("to", &edge.to)] {
            if graph.place(id).is_none() {
                let hint = or_nearest(id, graph.ids());
                // The edge belongs to whichever of its ends exists.
                let node = [&edge.from, &edge.to].into_iter().find(|id| graph.place(id).is_some());
                let message = format!("the edge has no end: there is no node `{id}`; {hint}");
                match node {
                    Some(node) => problems.of_node(node, format!("{path}/{key}"), message),
                    None => problems.of_whole(format!("{path}/{key}"), message),
                }
            }
        }
        let Some((from, _)) = graph.ends(index) else { continue };
        let Some(kind) = definition.nodes.get(from).and_then(|node| catalogue.get(&node.kind)) else {
            continue;
        };
        let names = || kind.outcomes().iter().map(|outcome: &Outcome| outcome.name);
        let on = match (&edge.on, kind.default_outcome()) {
            (Some(on), _) if names().any(|name| name == on) => on.as_str(),
            (Some(on), _) => {
                let message =
                    format!("a `{}` node never ends in `{on}`; {}", kind.name(), or_nearest(on, names()));
                problems.of_node(&edge.from, format!("{path}/on"), message);
                continue;
            }
            (None, Some(outcome)) => outcome,
            (None, None) => {
                let names: Vec<_> = names().collect();
                let message =
                    format!("say `on` which outcome the edge is taken; one of: {}", names.join(", "));
                problems.of_node(&edge.from, format!("{path}/on"), message);
                continue;
            }
        };
        if !seen.insert((&edge.from, &edge.to, on)) {
            let message = format!("there is already an edge to `{}` on `{on}`; remove one", edge.to);
            problems.of_node(&edge.from, path, message);
        }
    }
}

fn check_ways(definition: &Definition, graph: &Graph<'_>, problems: &mut Problems) {
    let id = |place: usize| definition.nodes.get(place).map_or("", |node| node.id.as_str());
    let cycles = graph.cycles();
    for cycle in &cycles {
        let names: Vec<_> = cycle.iter().map(|place| format!("`{}`", id(*place))).collect();
        let Some(first) = cycle.first() else { continue };
        let message = format!("the nodes {} form a cycle; only a loop node may repeat", names.join(", "));
        problems.of_node(id(*first), format!("/nodes/{first}"), message);
    }
    let starts = graph.starts();
    let Some((start, others)) = starts.split_first() else {
        problems.of_whole("/nodes", "there is no start: a run begins at the one node that no edge leads to");
        return;
    };
    for other in others {
        let message = format!(
            "no edge leads here, and the run already starts at `{}`; connect the node or remove it",
            id(*start)
        );
        problems.of_node(id(*other), format!("/nodes/{other}"), message);
    }
    for (place, reached) in graph.reached_from(&starts).into_iter().enumerate() {
        if !reached {
            let message = format!("no way leads from the start `{}` to this node", id(*start));
            problems.of_node(id(place), format!("/nodes/{place}"), message);
        }
    }
}

fn is_name(text: &str, also: impl Fn(char) -> bool) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also(c))
}
