//! One area's results and the three files that hold them: Markdown to read, JSON to compute with, SVG to show.

use serde::Serialize;

use crate::bench::areas::Area;
use crate::bench::machine::Machine;
use crate::bench::sample::Measured;
use crate::bench::{chart, table};
use crate::command::Command;
use crate::workspace::Workspace;

#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) area: &'static str,
    pub(crate) title: &'static str,
    pub(crate) work: &'static str,
    pub(crate) machine: Machine,
    pub(crate) rustc: String,
    pub(crate) repeats: usize,
    /// Our own first.
    pub(crate) programs: Vec<Measured>,
}

impl Results {
    pub(crate) fn new(area: &Area, programs: Vec<Measured>, repeats: usize) -> Self {
        let (area, title, work) = (area.name, area.title, area.work);
        Self { area, title, work, machine: Machine::this(), rustc: rustc(), repeats, programs }
    }

    pub(crate) fn markdown(&self) -> String {
        table::markdown(self)
    }

    /// Writes `benches/results/<area>.{md,json,svg}`.
    pub(crate) fn write(&self, workspace: &Workspace) -> Result<(), String> {
        let folder = workspace.root().join("benches/results");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let json = serde_json::to_string_pretty(self).map_err(|error| format!("results to JSON: {error}"))?;
        let markdown = format!("{}\n![{}]({}.svg)\n", self.markdown(), self.title, self.area);
        for (extension, text) in [("md", markdown), ("json", json + "\n"), ("svg", chart::svg(self))] {
            let path = folder.join(format!("{}.{extension}", self.area));
            std::fs::write(&path, text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            println!("wrote benches/results/{}.{extension}", self.area);
        }
        Ok(())
    }
}

fn rustc() -> String {
    let version = Command::new("rustc").args(["--version"]).stdout().unwrap_or_default();
    version.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::sample::tests::sample;

    pub(crate) fn results() -> Results {
        let measured = |peer, cpu: u64| Measured::new(vec![sample(peer, cpu + 10)]).unwrap();
        let programs = vec![measured("agentforge", 50_000), measured("slow&co", 5_000_000)];
        let machine =
            Machine { cores: 2, processor: None, arch: "x", os: "y".into(), date: "2025-01-31".into() };
        let (area, title, work) = ("agents", "Overhead of one agent run", "One run.");
        Results { area, title, work, machine, rustc: "1.0.0".into(), repeats: 1, programs }
    }
}
