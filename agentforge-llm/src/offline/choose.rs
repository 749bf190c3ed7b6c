//! Which tools a request clearly asks for. Doubt means no call: a wrong call does more harm than none.

use std::collections::BTreeSet;

use agentforge_core::model::{ChatRequest, ToolChoice, ToolDefinition};
use serde_json::{Map, Value};

use super::{
    arguments::{Arguments, fill},
    clause::{Clause, clauses, stands_alone},
    material::{Material, share},
    schema::{Form, Parameter, parameters},
    words::stems,
};

/// What is to be done about a request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The calls, in the order in which they were asked for.
    pub(super) calls: Vec<(String, Value)>,
    /// A tool that fits, with the parameters that the request does not give.
    pub(super) incomplete: Option<(String, Vec<String>)>,
}

/// Parameters that hold a question.
const QUESTIONS: &[&str] = &["query", "question", "q", "search", "search_query", "text"];

/// Words in a tool's name or description that say that it finds something.
const SEARCHING: &[&str] = &[
    "search",
    "find",
    "look",
    "lookup",
    "retriev",
    "retrieval",
    "knowledg",
    "document",
    "passag",
    "answer",
    "handbook",
];

/// Those of them that every search has, so that they tell no two apart.
const FINDING: &[&str] = &["search", "find", "look", "lookup", "retriev"];

/// Words in a tool's name that say what it does. A tool that changes something is called only when its own word falls.
const CHANGING: &[&str] = &[
    "accept", "add", "approv", "archiv", "assign", "book", "buy", "cancel", "charg", "clear", "clos",
    "creat", "delet", "deploy", "disabl", "drop", "edit", "enabl", "execut", "fil", "grant", "insert",
    "invit", "mov", "order", "pay", "post", "publish", "refund", "register", "reject", "remov", "renam",
    "replac", "request", "reset", "restart", "revok", "run", "schedul", "send", "set", "shar", "start",
    "stop", "submit", "transfer", "trigger", "updat", "upload", "write",
];

/// The most calls in one turn.
const MOST_CALLS: usize = 8;

struct Candidate<'a> {
    tool: &'a ToolDefinition,
    name: BTreeSet<String>,
    description: BTreeSet<String>,
    parameters: Vec<Parameter>,
    /// The parameter that takes a question, when that is all that the tool wants.
    search: Option<String>,
}

/// What is to be done about what was asked.
pub(super) fn plan(request: &ChatRequest, asked: &str) -> Plan {
    let candidates: Vec<Candidate<'_>> = request
        .tools
        .iter()
        .filter(|tool| match &request.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Tool(name) => tool.name == *name,
            ToolChoice::Among(names) | ToolChoice::RequiredAmong(names) => names.contains(&tool.name),
            ToolChoice::Auto | ToolChoice::Required => true,
        })
        .map(Candidate::new)
        .collect();
    let forced = request.tool_choice.requires_call();
    let mut plan = Plan::default();
    if candidates.is_empty() {
        return plan;
    }
    let material = Material::of(asked);
    let clauses = clauses(asked);
    for clause in &clauses {
        plan.add(&candidates, clause, asked, &material, clauses.len());
    }
    if plan.calls.is_empty() && forced {
        plan.force(&candidates, &clauses, asked, &material);
    }
    if request.settings.parallel_tool_calls == Some(false) {
        plan.calls.truncate(1);
    }
    plan
}

impl Plan {
    fn add(
        &mut self,
        candidates: &[Candidate<'_>],
        clause: &Clause<'_>,
        asked: &str,
        material: &Material,
        of: usize,
    ) {
        let query = if of > 1 && stands_alone(clause) { clause.text } else { asked.trim() };
        match best(candidates, clause, material) {
            Some((candidate, arguments)) if arguments.missing.is_empty() => {
                self.call(&candidate.tool.name, arguments.values.into());
                // A question that also names a search, such as `the handbook`, wants both.
                for search in candidates.iter().filter(|one| one.search.is_some() && clause.question) {
                    let named: BTreeSet<String> = search
                        .name
                        .iter()
                        .filter(|word| !FINDING.contains(&word.as_str()))
                        .cloned()
                        .collect();
                    if share(&named, &clause.stems) > 0 {
                        self.search(search, query);
                    }
                }
                return;
            }
            Some((candidate, arguments)) => {
                self.incomplete.get_or_insert((candidate.tool.name.clone(), arguments.missing));
            }
            None => {}
        }
        let wanted = clause.question
            || candidates.iter().any(|one| one.search.is_some() && one.fits_as_search(clause));
        if wanted && let Some(search) = best_search(candidates, clause) {
            self.search(search, query);
        }
    }

    /// A call is required: the search, else whatever tool can be filled.
    fn force(
        &mut self,
        candidates: &[Candidate<'_>],
        clauses: &[Clause<'_>],
        asked: &str,
        material: &Material,
    ) {
        let Some(clause) = clauses.first() else { return };
        if let Some(search) = best_search(candidates, clause) {
            return self.search(search, asked.trim());
        }
        for candidate in candidates {
            let arguments = fill(&candidate.parameters, clause, material);
            if arguments.missing.is_empty() {
                return self.call(&candidate.tool.name, arguments.values.into());
            }
            self.incomplete.get_or_insert((candidate.tool.name.clone(), arguments.missing));
        }
    }

    fn search(&mut self, candidate: &Candidate<'_>, query: &str) {
        const LONGEST: usize = 1000;
        if let Some(parameter) = &candidate.search {
            let query: String = query.chars().take(LONGEST).collect();
            let arguments = Map::from_iter([(parameter.clone(), Value::String(query))]);
            self.call(&candidate.tool.name, arguments.into());
        }
    }

    fn call(&mut self, name: &str, arguments: Value) {
        let known = self.calls.iter().any(|(own, given)| own == name && *given == arguments);
        if !known && self.calls.len() < MOST_CALLS {
            self.calls.push((name.to_owned(), arguments));
        }
    }
}

impl<'a> Candidate<'a> {
    fn new(tool: &'a ToolDefinition) -> Self {
        let name = stems(&tool.name);
        let description = stems(&tool.description);
        let parameters = parameters(tool.parameters.as_value());
        let mut required = parameters.iter().filter(|parameter| parameter.required);
        let only = required.next().filter(|_| required.next().is_none());
        let speaks_of_search = name.union(&description).any(|word| SEARCHING.contains(&word.as_str()));
        let search = only.filter(|parameter| {
            let named = parameter.name.to_lowercase();
            parameter.form == Form::Text
                && QUESTIONS.contains(&named.as_str())
                && (named != "text" || speaks_of_search)
                && !name.iter().any(|word| CHANGING.contains(&word.as_str()))
        });
        Self { tool, search: search.map(|parameter| parameter.name.clone()), name, description, parameters }
    }

    /// How clearly a clause asks for this tool; `None` when it does not.
    fn score(&self, clause: &Clause<'_>, arguments: &Arguments) -> Option<usize> {
        let silent = |word: &String| CHANGING.contains(&word.as_str()) && !clause.stems.contains(word);
        if self.name.iter().any(silent) {
            return None;
        }
        let changes = self.name.iter().any(|word| CHANGING.contains(&word.as_str()));
        if clause.how_to && changes {
            return None;
        }
        let mut known = BTreeSet::new();
        let mut score = 0;
        for word in &clause.stems {
            let weight = if self.name.contains(word) {
                3
            } else if self.description.contains(word)
                || self.parameters.iter().any(|one| one.words.contains(word))
            {
                1
            } else {
                continue;
            };
            score += weight;
            known.insert(word);
        }
        let explained = clause
            .stems
            .iter()
            .filter(|word| known.contains(word) || arguments.words.contains(*word))
            .count();
        // More than half of what was said must be about this tool, and more than a single plain word.
        let clear = explained * 2 > clause.stems.len() && (score >= 3 || known.len() >= 2);
        clear.then_some(score + arguments.values.len())
    }

    fn fits_as_search(&self, clause: &Clause<'_>) -> bool {
        share(&self.name, &clause.stems) > 0
    }
}

/// The one tool that a clause asks for most clearly, searches aside. Two that fit equally well are none.
fn best<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    clause: &Clause<'_>,
    material: &Material,
) -> Option<(&'c Candidate<'a>, Arguments)> {
    let mut best: Option<(usize, &Candidate<'_>, Arguments)> = None;
    let mut tied = false;
    for candidate in candidates.iter().filter(|candidate| candidate.search.is_none()) {
        let arguments = fill(&candidate.parameters, clause, material);
        let Some(score) = candidate.score(clause, &arguments) else { continue };
        // Complete arguments count for more than any word.
        let score = if arguments.missing.is_empty() { score + 100 } else { score };
        match &best {
            Some((highest, ..)) if score < *highest => {}
            Some((highest, ..)) if score == *highest => tied = true,
            _ => {
                tied = false;
                best = Some((score, candidate, arguments));
            }
        }
    }
    best.filter(|_| !tied).map(|(_, candidate, arguments)| (candidate, arguments))
}

fn best_search<'c, 'a>(candidates: &'c [Candidate<'a>], clause: &Clause<'_>) -> Option<&'c Candidate<'a>> {
    let score = |candidate: &Candidate<'_>| {
        share(&candidate.name, &clause.stems) * 3 + share(&candidate.description, &clause.stems)
    };
    let mut best: Option<(usize, &Candidate<'_>)> = None;
    for candidate in candidates.iter().filter(|candidate| candidate.search.is_some()) {
        let score = score(candidate);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
