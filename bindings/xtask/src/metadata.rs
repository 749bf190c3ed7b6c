//! What `cargo metadata` says of the workspace, cut down to the fields that the commands read.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::workspace::Workspace;

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    id: String,
    /// `None` for a package of this workspace, else the registry it came from.
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) manifest_path: PathBuf,
    /// `Some([])` for `publish = false`.
    publish: Option<Vec<String>>,
    pub(crate) readme: Option<String>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Metadata {
    /// The whole resolve, for every platform and feature.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, String> {
        let arguments = ["metadata", "--format-version", "1", "--all-features"];
        let text = workspace.cargo(arguments).stdout()?;
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata does not parse: {error}"))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The members that a registry would get.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.publish.as_ref().is_none_or(|list| !list.is_empty()))
    }
}

impl Package {
    /// The folder of the manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// `name version`, as messages name it.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

impl Target {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}
