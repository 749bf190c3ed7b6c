//! The shape of a definition: who leads to whom, by place in the list of nodes.
//!
//! Everything here is a loop over lists: a graph of any shape ends in time linear in its size, or quadratic for what
//! comes before what.

use std::collections::BTreeMap;

use super::{Definition, EdgeDefinition};

/// Nodes and edges by place. Edges whose ends are unknown are left out.
pub(super) struct Graph<'a> {
    ids: BTreeMap<&'a str, usize>,
    /// By edge: the nodes that it joins.
    ends: Vec<Option<(usize, usize)>>,
    /// By node: the nodes that lead to it.
    before: Vec<Vec<usize>>,
    /// By node: the nodes that it leads to.
    after: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(definition: &'a Definition) -> Self {
        let mut ids = BTreeMap::new();
        for (place, node) in definition.nodes.iter().enumerate() {
            ids.entry(node.id.as_str()).or_insert(place);
        }
        let find = |edge: &EdgeDefinition| Some((*ids.get(edge.from.as_str())?, *ids.get(edge.to.as_str())?));
        let ends: Vec<_> = definition.edges.iter().map(find).collect();
        let mut before = vec![Vec::new(); definition.nodes.len()];
        let mut after = before.clone();
        for (from, to) in ends.iter().flatten() {
            if let (Some(before), Some(after)) = (before.get_mut(*to), after.get_mut(*from)) {
                before.push(*from);
                after.push(*to);
            }
        }
        Self { ids, ends, before, after }
    }

    /// The place of a node.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// Every id.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.ids.keys().copied()
    }

    /// The places of the nodes that an edge joins.
    pub(super) fn ends(&self, edge: usize) -> Option<(usize, usize)> {
        self.ends.get(edge).copied().flatten()
    }

    /// Nodes that no edge leads to.
    pub(super) fn starts(&self) -> Vec<usize> {
        self.before
            .iter()
            .enumerate()
            .filter(|(_, before)| before.is_empty())
            .map(|(place, _)| place)
            .collect()
    }

    /// Whether each node can be reached from one of these.
    pub(super) fn reached_from(&self, starts: &[usize]) -> Vec<bool> {
        spread(&self.after, starts)
    }

    /// Whether each node comes before this one on some way; itself only when it lies on a cycle.
    pub(super) fn ancestors(&self, place: usize) -> Vec<bool> {
        spread(&self.before, self.before.get(place).map_or(&[][..], Vec::as_slice))
    }

    /// The nodes of each cycle, one list per knot of nodes that reach each other, in the order of their places.
    pub(super) fn cycles(&self) -> Vec<Vec<usize>> {
        // Peeling off what nothing leads to leaves cycles and what hangs behind them; the same from the other side
        // leaves cycles and what connects them.
        let mut left = vec![true; self.after.len()];
        peel(&self.before, &self.after, &mut left);
        peel(&self.after, &self.before, &mut left);
        let mut cycles: Vec<Vec<usize>> = Vec::new();
        for place in (0..left.len()).filter(|place| left.get(*place) == Some(&true)) {
            let ancestors = self.ancestors(place);
            if ancestors.get(place) != Some(&true) || cycles.iter().any(|cycle| cycle.contains(&place)) {
                continue;
            }
            let descendants = self.reached_from(&[place]);
            let knot = ancestors.iter().zip(&descendants).enumerate();
            cycles.push(knot.filter(|(_, (up, down))| **up && **down).map(|(place, _)| place).collect());
        }
        cycles
    }
}

/// Which nodes are reached along the lists, the beginnings included.
fn spread(along: &[Vec<usize>], from: &[usize]) -> Vec<bool> {
    let mut reached = vec![false; along.len()];
    let mut work = from.to_vec();
    while let Some(place) = work.pop() {
        let Some(seen) = reached.get_mut(place) else { continue };
        if !std::mem::replace(seen, true) {
            work.extend(along.get(place).into_iter().flatten());
        }
    }
    reached
}

/// Takes away, again and again, every node that none of those left leads to.
fn peel(before: &[Vec<usize>], after: &[Vec<usize>], left: &mut [bool]) {
    let is_left = |left: &[bool], place: &usize| left.get(*place) == Some(&true);
    let mut counts: Vec<usize> =
        before.iter().map(|before| before.iter().filter(|place| is_left(left, place)).count()).collect();
    let mut work: Vec<usize> =
        (0..counts.len()).filter(|place| is_left(left, place) && counts.get(*place) == Some(&0)).collect();
    while let Some(place) = work.pop() {
        if let Some(slot) = left.get_mut(place) {
            *slot = false;
        }
        for next in after.get(place).into_iter().flatten() {
            let Some(count) = counts.get_mut(*next) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 && is_left(left, next) {
                work.push(*next);
            }
        }
    }
}
