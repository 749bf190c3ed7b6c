//! The files that belong to the project: tracked by git or about to be, or, without git, all that are not built.

use std::path::Path;

use crate::command::Command;

/// The project's text files, by path from the root with `/` between folders.
pub(crate) struct Tree {
    files: Vec<File>,
}

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut paths = if root.join(".git").exists() { listed_by_git(root)? } else { walked(root)? };
        paths.sort();
        let files = paths
            .into_iter()
            // What is not text (an image, a database) or was just deleted is no matter of these rules.
            .filter_map(|path| Some(File { text: std::fs::read_to_string(root.join(&path)).ok()?, path }))
            .collect();
        Ok(Self { files })
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.has_extension("rs"))
    }

    /// Manifests of Rust packages, with the folder that each is in (`""` for the root).
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().filter_map(|file| {
            let folder = file.path.strip_suffix("Cargo.toml")?;
            (folder.is_empty() || folder.ends_with('/')).then_some((folder.trim_end_matches('/'), file))
        })
    }
}

impl File {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

fn listed_by_git(root: &Path) -> Result<Vec<String>, String> {
    let listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let text = Command::new("git").args(listing).dir(root).stdout()?;
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walked(root: &Path) -> Result<Vec<String>, String> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if !path.is_dir() {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.push(relative.to_string_lossy().replace('\\', "/"));
            } else if !["target", ".git", "node_modules"].iter().any(|name| path.ends_with(name)) {
                folders.push(path);
            }
        }
    }
    Ok(files)
}
