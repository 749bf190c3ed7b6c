//! Roles: named sets of permissions that inherit from each other. The built-in ones are data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Permission, PermissionSet};
use crate::error::{Error, Result};

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What users hold, unique in a tenant.
    pub name: String,
    /// What people read.
    pub title: String,
    /// Nobody manages a user whose highest level is at or above their own.
    pub level: u16,
    /// Roles whose permissions it has too.
    #[serde(default)]
    pub inherits: Vec<String>,
    /// Its own permissions.
    pub permissions: Vec<Permission>,
}

/// Roles with everything that they inherit worked out.
#[derive(Debug, Clone)]
pub struct RoleCatalogue {
    roles: BTreeMap<String, (Role, PermissionSet)>,
}

impl RoleCatalogue {
    /// The roles that every tenant has: viewer, member, approver, builder, auditor, manager, admin, owner.
    pub fn built_in() -> Result<Self> {
        let roles: Vec<Role> = serde_json::from_str(include_str!("roles.json"))
            .map_err(|error| Error::internal("the built-in roles cannot be read").caused_by(error))?;
        Self::new(roles)
    }

    /// A catalogue of roles. An unknown parent, a doubled name or a circle is invalid input.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for role in roles {
            if let Some(doubled) = by_name.insert(role.name.clone(), role) {
                return Err(Error::invalid(format!("the role `{}` is defined twice", doubled.name)));
            }
        }
        let mut resolved = BTreeMap::new();
        for role in by_name.values() {
            let permissions = inherited(&by_name, role, &mut Vec::new())?;
            resolved.insert(role.name.clone(), (role.clone(), permissions));
        }
        Ok(Self { roles: resolved })
    }

    /// The role of a name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name).map(|(role, _)| role)
    }

    /// Every role, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().map(|(role, _)| role)
    }

    /// These roles and all that they inherit from, each once. A name that is no role is left out.
    pub fn with_inherited<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut open: Vec<&str> = names.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let Some(role) = self.role(name).filter(|role| found.insert(role.name.clone())) {
                open.extend(role.inherits.iter().map(String::as_str));
            }
        }
        found.into_iter().collect()
    }

    /// The highest level among some roles; zero when there is none.
    pub fn level<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> u16 {
        names.into_iter().filter_map(|name| self.role(name)).map(|role| role.level).max().unwrap_or(0)
    }

    /// All permissions of some roles. A name that is no role grants nothing.
    pub fn permissions<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> PermissionSet {
        names
            .into_iter()
            .filter_map(|name| self.roles.get(name))
            .fold(PermissionSet::EMPTY, |set, (_, permissions)| set.union(*permissions))
    }
}

fn inherited<'a>(
    roles: &'a BTreeMap<String, Role>,
    role: &'a Role,
    path: &mut Vec<&'a str>,
) -> Result<PermissionSet> {
    if path.contains(&role.name.as_str()) {
        return Err(Error::invalid(format!("the role `{}` inherits from itself", role.name)));
    }
    path.push(&role.name);
    let mut set: PermissionSet = role.permissions.iter().copied().collect();
    for parent in &role.inherits {
        let parent = roles.get(parent).ok_or_else(|| {
            Error::invalid(format!("the role `{}` inherits from `{parent}`, which does not exist", role.name))
        })?;
        set = set.union(inherited(roles, parent, path)?);
    }
    path.pop();
    Ok(set)
}
