//! Compiles a definition once into dense indices, and reports every problem on the way.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

use agentforge_core::{
    error::{Error, Result},
    json::Digest,
    schema::{Schema, Validator, Violation},
    tool::Registry,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Definition, NodeDefinition, Problems,
    check::{MAX_EDGES, MAX_NODES, check_shape},
    faults,
    graph::Graph,
    or_nearest,
    references::{Stand, fault},
};
use crate::{
    node::{Builder, Catalogue, Node, NodeType, Outcome, WithoutEdge},
    template::TemplateValue,
};

/// A node's place in its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(u32);

impl NodeIndex {
    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// A definition that was checked and built. Immutable; runs share it.
#[derive(Debug)]
pub struct Compiled {
    definition: Definition,
    hash: Digest,
    nodes: Vec<CompiledNode>,
    edges: Vec<CompiledEdge>,
    by_id: BTreeMap<String, NodeIndex>,
    start: NodeIndex,
    input: Validator,
    output: Option<TemplateValue>,
}

/// A node with what it does and its edges by index.
pub struct CompiledNode {
    /// The id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// How it can end.
    pub outcomes: &'static [Outcome],
    pub(crate) behaviour: Arc<dyn Node>,
    pub(crate) incoming: Vec<usize>,
    pub(crate) outgoing: Vec<usize>,
}

/// An edge by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledEdge {
    /// The node that it leaves.
    pub from: NodeIndex,
    /// The node that it leads to.
    pub to: NodeIndex,
    /// The outcome on which it is taken.
    pub on: &'static str,
}

/// Checks a definition and compiles it. The error lists every problem with the node it belongs to; see [`Problems`].
///
/// With the tools that exist, names and arguments of tool nodes are checked too. Without them, as when a run goes on
/// with its pinned definition, a missing tool shows when its node is reached.
///
/// ```
/// use agentforge_process::{Catalogue, Definition, compile};
/// let definition = Definition::parse(&serde_json::json!({
///     "v": 1, "name": "leave",
///     "nodes": [{"id": "ask", "type": "approvl", "config": {"title": "Leave for {{ input.nam }}?"}}],
/// }))?;
/// let error = compile(definition, &Catalogue::standard(), None).unwrap_err();
/// assert_eq!(error.get("problems").unwrap()[0]["node"], "ask");
/// assert!(error.message().contains("`approval`"), "{error}");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub fn compile(definition: Definition, catalogue: &Catalogue, tools: Option<&Registry>) -> Result<Compiled> {
    let (nodes, edges) = (definition.nodes.len(), definition.edges.len());
    if nodes > MAX_NODES || edges > MAX_EDGES {
        return Err(Error::invalid(format!(
            "the definition has {nodes} nodes and {edges} edges; at most {MAX_NODES} and {MAX_EDGES} are allowed"
        )));
    }
    let mut problems = Problems::default();
    let graph = Graph::of(&definition);
    check_shape(&definition, &graph, catalogue, &mut problems);

    let input = Validator::new(&Schema::from_value(definition.input.clone()));
    if let Err(error) = &input {
        problems.of_whole("/input", error.message());
    }
    let mut behaviours = Vec::with_capacity(nodes);
    let mut smith =
        Smith { definition: &definition, graph: &graph, catalogue, tools, forms: BTreeMap::new() };
    for (place, node) in definition.nodes.iter().enumerate() {
        behaviours.push(smith.build(place, node, &mut problems).map(|built| (node, built)));
    }
    let output = build_output(&definition, &graph, &mut problems);

    let starts = graph.starts();
    let built: Option<Vec<_>> = behaviours.into_iter().collect();
    let (true, Ok(input), Some(built), [start]) = (problems.is_empty(), input, built, starts.as_slice())
    else {
        problems.sort_by_place(|problem| {
            problem.node.as_deref().map_or(usize::MAX, |id| graph.place(id).unwrap_or(usize::MAX))
        });
        return Err(problems.into());
    };

    let mut compiled_nodes: Vec<_> = built
        .into_iter()
        .map(|(node, (kind, behaviour))| CompiledNode {
            id: node.id.clone(),
            title: node.title().to_owned(),
            outcomes: kind.outcomes(),
            behaviour,
            incoming: Vec::new(),
            outgoing: Vec::new(),
        })
        .collect();
    let mut compiled_edges = Vec::with_capacity(edges);
    for (place, edge) in definition.edges.iter().enumerate() {
        let ends = graph.ends(place);
        let kind = ends.and_then(|(from, _)| catalogue.get(&definition.nodes.get(from)?.kind));
        let on = kind.and_then(|kind| outcome_of(kind.as_ref(), edge.on.as_deref()));
        let (Some((from, to)), Some(on)) = (ends, on) else {
            return Err(Error::internal("an edge passed the checks and joins nothing"));
        };
        if let Some(node) = compiled_nodes.get_mut(from) {
            node.outgoing.push(place);
        }
        if let Some(node) = compiled_nodes.get_mut(to) {
            node.incoming.push(place);
        }
        compiled_edges.push(CompiledEdge { from: index(from), to: index(to), on });
    }
    Ok(Compiled {
        hash: definition.hash()?,
        by_id: compiled_nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (node.id.clone(), index(place)))
            .collect(),
        nodes: compiled_nodes,
        edges: compiled_edges,
        start: index(*start),
        input,
        output,
        definition,
    })
}

/// INVARIANT: a definition has at most [`MAX_NODES`] nodes.
fn index(place: usize) -> NodeIndex {
    NodeIndex(u32::try_from(place).unwrap_or(u32::MAX))
}

fn outcome_of(kind: &dyn NodeType, on: Option<&str>) -> Option<&'static str> {
    match on {
        None => kind.default_outcome(),
        Some(on) => kind.outcomes().iter().map(|outcome| outcome.name).find(|name| *name == on),
    }
}

type Built<'a> = (&'a Arc<dyn NodeType>, Arc<dyn Node>);

/// Builds the nodes of one definition.
struct Smith<'a> {
    definition: &'a Definition,
    graph: &'a Graph<'a>,
    catalogue: &'a Catalogue,
    tools: Option<&'a Registry>,
    /// The schemas of configurations, by type; making one costs more than checking a node.
    forms: BTreeMap<&'static str, (Schema, Validator)>,
}

impl<'a> Smith<'a> {
    fn build(&mut self, place: usize, node: &NodeDefinition, problems: &mut Problems) -> Option<Built<'a>> {
        let Some(kind) = self.catalogue.get(&node.kind) else {
            let hint = or_nearest(&node.kind, self.catalogue.iter().map(|kind| kind.name()));
            let message = format!("there is no node type `{}`; {hint}", node.kind);
            problems.of_node(&node.id, format!("/nodes/{place}/type"), message);
            return None;
        };
        let path = format!("/nodes/{place}/config");
        let found = match self.faults_of(kind.as_ref(), &node.config) {
            Ok(found) => found,
            Err(error) => {
                problems.of_node(&node.id, path, format!("the node type's own schema is wrong: {error}"));
                return None;
            }
        };
        if !found.is_empty() {
            for fault in found {
                problems.of_node(&node.id, format!("{path}{}", fault.path), fault.message);
            }
            return None;
        }
        let mut builder = Builder::new(&node.id, path.clone(), self.tools, problems);
        let behaviour = kind.build(&node.config, &mut builder);
        let references = builder.into_references();
        let ancestors = if references.is_empty() { Vec::new() } else { self.graph.ancestors(place) };
        let stand = Stand::Node { place, ancestors: &ancestors };
        for (path, variables) in references {
            for variable in variables {
                if let Some(message) = fault(&variable, stand, self.graph, &self.definition.input) {
                    problems.of_node(&node.id, path.clone(), message);
                }
            }
        }
        if behaviour.is_none() && problems.is_empty() {
            problems.of_node(&node.id, path, "the node cannot be built");
        }
        behaviour.map(|behaviour| (kind, behaviour))
    }

    fn faults_of(&mut self, kind: &dyn NodeType, config: &Value) -> Result<Vec<Violation>> {
        let form = match self.forms.entry(kind.name()) {
            Entry::Occupied(form) => form.into_mut(),
            Entry::Vacant(place) => {
                let schema = kind.config();
                let validator = Validator::new(&schema)?;
                place.insert((schema, validator))
            }
        };
        Ok(faults(&form.1, form.0.as_value(), config))
    }
}

fn build_output(
    definition: &Definition,
    graph: &Graph<'_>,
    problems: &mut Problems,
) -> Option<TemplateValue> {
    match TemplateValue::parse(definition.output.as_ref()?) {
        Ok(output) => {
            for (path, template) in output.templates() {
                for variable in template.variables() {
                    if let Some(message) = fault(variable, Stand::Output, graph, &definition.input) {
                        problems.of_whole(format!("/output{path}"), message);
                    }
                }
            }
            Some(output)
        }
        Err(faults) => {
            for (path, error) in faults {
                problems.of_whole(format!("/output{path}"), error.message());
            }
            None
        }
    }
}

impl Compiled {
    /// The definition.
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The hash that runs pin.
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The nodes, by index.
    pub fn nodes(&self) -> &[CompiledNode] {
        &self.nodes
    }

    /// The edges, by place in the definition.
    pub fn edges(&self) -> &[CompiledEdge] {
        &self.edges
    }

    /// Where a run starts.
    pub const fn start(&self) -> NodeIndex {
        self.start
    }

    /// The index of a node.
    pub fn index(&self, id: &str) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// Fails with every fault when an input does not fit the form.
    pub fn check_input(&self, input: &Value) -> Result<()> {
        self.input.check("the input", input)
    }

    pub(crate) fn node(&self, index: NodeIndex) -> Result<&CompiledNode> {
        self.nodes
            .get(index.as_usize())
            .ok_or_else(|| Error::internal("a compiled definition points beyond its own nodes"))
    }

    pub(crate) const fn output(&self) -> Option<&TemplateValue> {
        self.output.as_ref()
    }

    /// Whether an edge is taken on an outcome of the node that it leaves.
    pub(crate) fn leaves_on(&self, edge: usize, outcome: &str) -> bool {
        self.edges.get(edge).is_some_and(|edge| edge.on == outcome)
    }
}

impl CompiledNode {
    /// The outcome in which the node ends when it fails by itself.
    pub(crate) fn failure(&self) -> &'static str {
        let fails = |outcome: &&Outcome| outcome.without_edge == WithoutEdge::FailsRun;
        self.outcomes.iter().find(fails).map_or("failed", |outcome| outcome.name)
    }
}

impl fmt::Debug for CompiledNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledNode")
            .field("id", &self.id)
            .field("outgoing", &self.outgoing)
            .finish_non_exhaustive()
    }
}
