//! How heavy the project is in what does not depend on the machine: the crates that a newcomer compiles.

use crate::policy::{self, Policy};
use crate::step::Outcome;
use crate::tree;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, String> {
    let allowed = Policy::read(workspace)?.weight.max_crates;
    let crates = tree::crates(workspace, &["-p", "agentforge", "-e", "normal,build,dev"])?.len();
    println!("  {crates} crates in `cargo tree -p agentforge -e normal,build,dev`, {allowed} allowed");
    if crates > allowed {
        return Ok(Outcome::failed(format!(
            "{crates} crates, {allowed} allowed: drop a dependency or a feature, or raise max_crates in {}",
            policy::FILE
        )));
    }
    Ok(Outcome::passed(format!("{crates} of {allowed} crates")))
}
