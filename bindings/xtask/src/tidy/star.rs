//! The dependency star: which of our packages may import which. Read from manifests and from the paths in the code,
//! so that neither a dependency nor a `use` that a build happens to resolve slips by.

use std::collections::BTreeMap;

use crate::tidy::Problem;
use crate::tidy::files::{File, Tree};
use crate::tidy::source::code_only;

/// A room of the house. What lies in one folder may import what the table in `may_import` says, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Core,
    Llm,
    Tools,
    Process,
    Store,
    Facade,
    /// Bindings, examples and benches: what stands outside and sees only what a host sees.
    Outside,
}

impl Room {
    /// The room that a file or a package's folder lies in. Packages at the root are the facade.
    fn of(path: &str) -> Option<Self> {
        let first = path.split('/').next().unwrap_or_default();
        Some(match first {
            "" | "Cargo.toml" => Self::Facade,
            "agentforge-core" => Self::Core,
            "agentforge-llm" => Self::Llm,
            "agentforge-tools" => Self::Tools,
            "agentforge-process" => Self::Process,
            "agentforge-store" => Self::Store,
            "bindings" if path == "bindings/rust" || path.starts_with("bindings/rust/") => Self::Facade,
            "bindings" | "examples" | "benches" => Self::Outside,
            _ => return None,
        })
    }

    fn may_import(self, other: Self) -> bool {
        match (self, other) {
            (Self::Core, other) => other == Self::Core,
            (Self::Facade, other) => other != Self::Outside,
            (Self::Outside, other) => matches!(other, Self::Facade | Self::Outside),
            // A package nested in a room (the macros of tools) belongs to it.
            (own, other) => other == own || other == Self::Core,
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Core => "core imports nothing of ours: make it a port that another room implements",
            Self::Llm | Self::Tools | Self::Process | Self::Store => {
                "llm, tools, process and store import core only, never each other: put what they share into core"
            }
            Self::Facade => "the facade imports the five rooms and nothing that stands on it: move it down",
            Self::Outside => {
                "bindings, examples and benches import only the facade: re-export what a host needs there"
            }
        }
    }
}

/// One of our packages.
struct Package<'a> {
    name: String,
    folder: &'a str,
    manifest: &'a File,
    table: toml::Table,
    /// Other names that its code gives to its own library, as the tests of the macro do.
    aliases: Vec<String>,
}

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut packages = Vec::new();
    for (folder, manifest) in tree.manifests() {
        match toml::from_str::<toml::Table>(&manifest.text) {
            Ok(table) => {
                let name = table.get("package").and_then(|it| it.get("name")).and_then(toml::Value::as_str);
                if let Some(name) = name.map(str::to_owned) {
                    let aliases = aliases(tree, folder, &name.replace('-', "_"));
                    packages.push(Package { name, folder, manifest, table, aliases });
                }
            }
            Err(error) => problems.push(Problem::new(&manifest.path, format!("does not parse: {error}"))),
        }
    }
    let folders: BTreeMap<&str, &str> = packages.iter().map(|it| (it.name.as_str(), it.folder)).collect();
    for package in &packages {
        check_manifest(package, &folders, &mut problems);
    }
    for file in tree.rust() {
        let owner = packages
            .iter()
            .filter(|package| {
                package.folder.is_empty() || file.path.starts_with(&format!("{}/", package.folder))
            })
            .max_by_key(|package| package.folder.len());
        check_source(file, owner, &folders, &mut problems);
    }
    problems
}

/// What follows `extern crate OWN as` in the code below a folder.
fn aliases(tree: &Tree, folder: &str, own: &str) -> Vec<String> {
    let declaration = format!("extern crate {own} as ");
    tree.rust()
        .filter(|file| file.path.starts_with(&format!("{folder}/")))
        .flat_map(|file| file.text.lines())
        .filter_map(|line| line.trim().strip_prefix(&declaration))
        .map(|alias| alias.trim_end_matches(';').trim().to_owned())
        .collect()
}

fn check_manifest(package: &Package<'_>, folders: &BTreeMap<&str, &str>, problems: &mut Vec<Problem>) {
    let Some(room) = Room::of(package.folder) else {
        let message =
            "this folder is no room of the house: move the package, or add the room to tidy/star.rs";
        problems.push(Problem::new(&package.manifest.path, message));
        return;
    };
    for (key, section) in dependencies(&package.table) {
        let name = section.get("package").and_then(toml::Value::as_str).unwrap_or(&key);
        let Some(folder) = folders.get(name) else { continue };
        // A package may turn on its own test kit for its own tests.
        if name == package.name {
            continue;
        }
        if !allowed(room, package.folder, folder) {
            let message = format!("`{}` depends on `{name}`, but {}", package.name, room.rule());
            problems.push(Problem::new(&package.manifest.path, message));
        }
    }
}

/// The dependencies of every kind and platform.
fn dependencies(manifest: &toml::Table) -> Vec<(String, toml::Value)> {
    let mut found = Vec::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table()).chain([manifest]);
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let section = table.get(kind).and_then(toml::Value::as_table).into_iter().flatten();
            found.extend(section.map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    found
}

fn check_source(
    file: &File,
    owner: Option<&Package<'_>>,
    folders: &BTreeMap<&str, &str>,
    problems: &mut Vec<Problem>,
) {
    let (Some(room), Some(owner)) = (Room::of(&file.path), owner) else { return };
    // A macro writes paths for the code of its user; what it imports itself stands in its manifest.
    let writes_paths = owner.table.get("lib").and_then(|lib| lib.get("proc-macro")).is_some();
    if writes_paths {
        return;
    }
    let code = code_only(&file.text);
    for (index, line) in code.lines().enumerate() {
        for (name, folder) in folders {
            let aliased = owner.aliases.contains(&name.replace('-', "_"));
            let own = (*name == owner.name || aliased) && room != Room::Outside;
            if !own && names_crate(line, &name.replace('-', "_")) && !allowed(room, owner.folder, folder) {
                let message = format!("names `{}`, but {}", name.replace('-', "_"), room.rule());
                problems.push(Problem::at(&file.path, index + 1, message));
            }
        }
    }
}

/// Core's main package imports nothing but itself, for its tests; what nests in core may import it.
fn allowed(room: Room, importer_folder: &str, imported_folder: &str) -> bool {
    if importer_folder == "agentforge-core" {
        return imported_folder == importer_folder;
    }
    Room::of(imported_folder).is_some_and(|other| room.may_import(other))
}

/// Whether the line holds `name::` or brings `name` in by `use` or `extern crate`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, after) =
            (line.get(..at).unwrap_or_default(), line.get(at + name.len()..).unwrap_or_default());
        let in_word = |it: char| it.is_alphanumeric() || it == '_';
        let whole = !before.ends_with(in_word) && !after.starts_with(in_word);
        // `crate::agentforge::x` is a module of ours, `::agentforge::x` is the crate.
        let module = before.strip_suffix("::").is_some_and(|path| path.ends_with(in_word));
        let imported = before.trim_start().starts_with("use ")
            || before.contains(" use ")
            || before.trim_end().ends_with("extern crate");
        whole && !module && (after.trim_start().starts_with("::") || imported)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{dependencies}\n")
    }

    /// A house that keeps the rule.
    fn house() -> Fixture {
        let fixture = Fixture::new(&[
            ("bindings/rust/lib.rs", "pub use agentforge_core as core;\nuse agentforge_store::memory;\n"),
            ("bindings/rust/tests/main.rs", "use agentforge_process::Run;\n"),
            ("examples/quickstart/main.rs", "use agentforge::Forge;\n"),
            ("benches/src/lib.rs", "use agentforge::Forge;\n"),
            ("agentforge-core/src/lib.rs", "//! Knows `agentforge_store::Sqlite` from hearsay.\n"),
            (
                "agentforge-llm/src/lib.rs",
                "use agentforge_core::Error;\nconst A: &str = \"agentforge_store::X\";\n",
            ),
            ("agentforge-tools/macros/src/lib.rs", "quote! { ::agentforge::tool::Tool }\n"),
            ("agentforge-core/connect/src/lib.rs", "use agentforge_core::Error;\n"),
        ]);
        let core = "[dependencies]\nagentforge-core.workspace = true";
        let rooms =
            "[dependencies]\nagentforge-core = \"1\"\nagentforge-llm = \"1\"\nagentforge-store = \"1\"";
        let facade = "[dependencies]\nagentforge.workspace = true";
        let tools = "[dependencies]\nagentforge-core = \"1\"\nagentforge-tools-macros = \"1\"";
        let own = "[dev-dependencies]\nagentforge-core = { path = \".\", features = [\"testkit\"] }";
        fixture.write("Cargo.toml", &manifest("agentforge", rooms));
        fixture.write("agentforge-core/Cargo.toml", &manifest("agentforge-core", own));
        fixture.write("agentforge-core/connect/Cargo.toml", &manifest("agentforge-core-connect", core));
        fixture.write("agentforge-llm/Cargo.toml", &manifest("agentforge-llm", core));
        fixture.write("agentforge-process/Cargo.toml", &manifest("agentforge-process", core));
        fixture.write("agentforge-store/Cargo.toml", &manifest("agentforge-store", core));
        fixture.write("agentforge-tools/Cargo.toml", &manifest("agentforge-tools", tools));
        fixture.write(
            "agentforge-tools/macros/Cargo.toml",
            &manifest("agentforge-tools-macros", "[lib]\nproc-macro = true"),
        );
        fixture.write("benches/Cargo.toml", &manifest("agentforge-benches", facade));
        fixture
    }

    fn problems(fixture: &Fixture) -> Vec<String> {
        check(&Tree::read(fixture.root()).unwrap()).iter().map(Problem::to_string).collect()
    }

    fn planted(path: &str, text: &str) -> Vec<String> {
        let fixture = house();
        fixture.write(path, text);
        problems(&fixture)
    }

    #[test]
    fn a_house_that_keeps_the_star_passes() {
        assert_eq!(problems(&house()), [] as [String; 0]);
    }

    #[test]
    fn a_manifest_that_names_a_sibling_fails() {
        for section in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let text = manifest("agentforge-llm", &format!("[{section}]\nagentforge-store = \"1\""));
            let found = planted("agentforge-llm/Cargo.toml", &text);
            assert_eq!(found.len(), 1, "{section}: {found:?}");
            assert!(found[0].contains("`agentforge-llm` depends on `agentforge-store`"), "{found:?}");
        }
    }

    #[test]
    fn a_renamed_dependency_is_still_seen() {
        let text = manifest("agentforge-llm", "[dependencies]\ndisk = { package = \"agentforge-store\" }");
        assert_eq!(planted("agentforge-llm/Cargo.toml", &text).len(), 1);
    }

    #[test]
    fn core_that_imports_anything_of_ours_fails() {
        for dependency in ["agentforge-llm", "agentforge", "agentforge-core-connect"] {
            let text = manifest("agentforge-core", &format!("[dependencies]\n{dependency} = \"1\""));
            assert_eq!(planted("agentforge-core/Cargo.toml", &text).len(), 1, "{dependency}");
        }
        assert_eq!(planted("agentforge-core/src/lib.rs", "use agentforge_core_connect::Oidc;\n").len(), 1);
    }

    #[test]
    fn a_path_in_the_code_of_a_sibling_fails() {
        for line in [
            "use agentforge_store::Sqlite;",
            "use agentforge_store as store;",
            "pub(crate) use agentforge_store;",
            "extern crate agentforge_store;",
            "fn open() -> ::agentforge_store::Sqlite {}",
            "use agentforge::Forge;",
        ] {
            let found = planted("agentforge-process/src/lib.rs", &format!("//! Docs.\n{line}\n"));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found[0].starts_with("agentforge-process/src/lib.rs:2:"), "{found:?}");
        }
    }

    #[test]
    fn what_stands_outside_sees_only_the_facade() {
        let found = planted("examples/quickstart/main.rs", "use agentforge_core::Error;\n");
        assert!(found[0].contains("import only the facade"), "{found:?}");
        let text = manifest("agentforge-benches", "[dependencies]\nagentforge-core = \"1\"");
        assert_eq!(planted("benches/Cargo.toml", &text).len(), 1);
    }

    #[test]
    fn the_facade_does_not_stand_on_what_stands_on_it() {
        let text = manifest("agentforge", "[dev-dependencies]\nagentforge-benches = \"1\"");
        assert_eq!(planted("Cargo.toml", &text).len(), 1);
    }

    #[test]
    fn a_package_outside_the_house_fails() {
        let found = planted("extras/Cargo.toml", &manifest("extras", ""));
        assert!(found[0].contains("no room of the house"), "{found:?}");
    }
}
