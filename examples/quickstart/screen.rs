//! What the quickstart prints: colour on a terminal, plain otherwise.

use std::io::IsTerminal;

use agentforge::record::{RunRecord, TimelineEntry};

pub(crate) struct Screen {
    colour: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("{}", self.paint("1", text));
    }

    pub(crate) fn step(&self, number: u32, text: &str) {
        println!("\n{} {}", self.paint("36;1", &format!("{number}")), self.paint("1", text));
    }

    pub(crate) fn field(&self, name: &str, value: &str) {
        println!("  {} {value}", self.paint("2", &format!("{name:<8}")));
    }

    pub(crate) fn line(&self, text: &str) {
        println!("  {}", self.paint("0", text));
    }

    pub(crate) fn quiet(&self, text: &str) {
        println!("  {}", self.paint("2", text));
    }

    pub(crate) fn good(&self, text: &str) {
        println!("  {} {text}", self.paint("32", "✓"));
    }

    pub(crate) fn waits(&self, text: &str) {
        println!("  {} {text}", self.paint("33", "…"));
    }

    /// A run and what happened in it, a line an event.
    pub(crate) fn timeline(&self, run: &RunRecord, entries: &[TimelineEntry]) {
        let state = format!("{:?}", run.state).to_lowercase();
        println!("\n  {} {}", self.paint("1", &run.name), self.paint("2", &format!("{} · {state}", run.id)));
        let begin = entries.first().map(|entry| entry.at);
        for entry in entries {
            let millis = begin.map_or(0, |begin| entry.at.since(begin).as_millis());
            let what = match &entry.place {
                Some(place) => format!("{} {place}", entry.kind),
                None => entry.kind.clone(),
            };
            let tokens = entry.usage.and_then(|usage| Some((usage.input?, usage.output?)));
            let tokens = tokens.map(|(input, output)| format!("{input} → {output} tokens"));
            let cost = entry.cost.map(|cost| cost.to_string());
            let spent: Vec<_> = tokens.into_iter().chain(cost).collect();
            println!(
                "  {} {:<28} {}{}",
                self.paint("2", &format!("{millis:>7} ms")),
                shorten(&what, 28),
                shorten(&entry.title, 72),
                if spent.is_empty() {
                    String::new()
                } else {
                    self.paint("2", &format!("  ({})", spent.join(", ")))
                },
            );
        }
        println!("  {}", self.paint("2", &format!("{:>10} in all: {}", "", run.cost)));
    }
}

fn shorten(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let head: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{head}…")
}
