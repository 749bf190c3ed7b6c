//! Nothing ties the project to one machine or one mirror: no home folders, no download hosts of registries, and lock
//! files that name versions and hashes but no addresses.

use crate::tidy::Problem;
use crate::tidy::files::{File, Tree};

/// Folders that exist on somebody's machine. Split, so that this file does not hold what it forbids.
const FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/")];

/// Where registries serve their files; a link to a project's page is no matter.
const HOSTS: &[&str] = &[
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("crates.io", "/api"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.org", "/simple"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    tree.files()
        .iter()
        .flat_map(|file| {
            file.lines().filter_map(move |(number, line)| Some((file, number, problem(file, line)?)))
        })
        .map(|(file, number, message)| Problem::at(&file.path, number, message))
        .collect()
}

fn problem(file: &File, line: &str) -> Option<String> {
    if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
        return Some(format!("holds the machine path `{folder}`: use a path from the root, or a variable"));
    }
    if let Some(host) = HOSTS.iter().find(|host| line.contains(**host)) {
        return Some(format!("names the download host `{host}`: leave it to the user's registry settings"));
    }
    let name = file.name();
    let locked = match name {
        "Cargo.lock" => line.starts_with("source = ") && !line.contains(CRATES_IO),
        "package-lock.json" | "npm-shrinkwrap.json" => line.trim_start().starts_with("\"resolved\""),
        "uv.lock" | "poetry.lock" => line.contains("://"),
        _ if name.starts_with("requirements") => {
            line.contains("://")
                || ["--index-url", "--extra-index-url", "--find-links"].iter().any(|it| line.contains(it))
        }
        _ => false,
    };
    locked.then(|| "a lock file names an address: keep the version and its hash only".to_owned())
}

/// Whether the line holds the folder as the start of an absolute path; `docs/work/x` holds none.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|it| it.is_alphanumeric() || "_.-~}".contains(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn check_line(path: &str, line: &str, expected: bool) {
        let fixture = Fixture::new(&[(path, &format!("\n{line}\n"))]);
        let problems = check(&Tree::read(fixture.root()).unwrap());
        assert_eq!(!problems.is_empty(), expected, "{path}: {line}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.line == Some(2)));
    }

    #[test]
    fn machine_paths_fail() {
        for folder in FOLDERS {
            check_line("README.md", &format!("see {folder}x"), true);
            check_line("a/src/lib.rs", &format!("const A: &str = \"{folder}x\";"), true);
            check_line("README.md", &format!("see docs{folder}x and ${{A}}{folder}x"), false);
        }
    }

    #[test]
    fn download_hosts_fail_and_project_pages_do_not() {
        for host in HOSTS {
            check_line("README.md", &format!("https://{host}/x"), true);
        }
        check_line(
            "README.md",
            "https://crates.io/crates/serde and https://pypi.org/project/pydantic",
            false,
        );
    }

    #[test]
    fn lock_files_hold_no_addresses() {
        check_line("Cargo.lock", &format!("source = \"{CRATES_IO}\""), false);
        check_line("Cargo.lock", "source = \"git+https://example.com/a#1\"", true);
        check_line(
            "bindings/node/package-lock.json",
            "      \"resolved\": \"https://example.com/a.tgz\",",
            true,
        );
        check_line("bindings/node/package-lock.json", "      \"integrity\": \"sha512-x\",", false);
        check_line("benches/peers/a/requirements.txt", "a==1.0 --hash=sha256:00", false);
        check_line("benches/peers/a/requirements.txt", "a @ https://example.com/a.whl", true);
        check_line("benches/peers/a/requirements.txt", "--index-url=x", true);
    }
}
