//! The catalogue of permissions, `resource:action`, and sets of them as bits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Error;

macro_rules! permissions {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        /// What a principal may do: one of a fixed catalogue.
        ///
        /// ```
        /// use agentforge_core::security::Permission;
        /// let permission: Permission = "agents:execute".parse()?;
        /// assert_eq!((permission.resource(), permission.action()), ("agents", "execute"));
        /// # Ok::<(), agentforge_core::error::Error>(())
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $doc] $name,)*
        }

        impl Permission {
            /// The whole catalogue.
            pub const ALL: &'static [Permission] = &[$(Permission::$name,)*];

            /// `resource:action`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $text,)* }
            }

            /// What it allows, in words.
            pub const fn description(self) -> &'static str {
                match self { $(Permission::$name => $doc,)* }
            }
        }
    };
}

permissions! {
    AgentsRead = "agents:read", "See agents.";
    AgentsWrite = "agents:write", "Create and change agents.";
    AgentsDelete = "agents:delete", "Delete agents.";
    AgentsExecute = "agents:execute", "Run agents.";
    ToolsRead = "tools:read", "See tools.";
    ToolsWrite = "tools:write", "Create tools and let agents call tools that write.";
    ToolsDelete = "tools:delete", "Delete tools.";
    ToolsEdit = "tools:edit", "Change tools and their settings.";
    UsersRead = "users:read", "See users.";
    UsersWrite = "users:write", "Create and change users.";
    UsersDelete = "users:delete", "Delete users.";
    RolesRead = "roles:read", "See roles.";
    RolesWrite = "roles:write", "Create, change and assign roles.";
    RolesDelete = "roles:delete", "Delete roles.";
    SecurityAdmin = "security:admin", "Change the security settings of the tenant.";
    SecurityAudit = "security:audit", "Read and verify the audit trail.";
    SecurityMfaManage = "security:mfa_manage", "Manage second factors.";
    SecurityOauthManage = "security:oauth_manage", "Manage OAuth clients and providers.";
    SecurityLdapManage = "security:ldap_manage", "Manage directory connections.";
    KbRead = "kb:read", "Search knowledge bases.";
    KbWrite = "kb:write", "Create knowledge bases and add documents.";
    KbDelete = "kb:delete", "Delete knowledge bases and documents.";
    SettingsRead = "settings:read", "See settings.";
    SettingsWrite = "settings:write", "Change settings.";
    IntegrationsRead = "integrations:read", "See integrations.";
    IntegrationsWrite = "integrations:write", "Create and change integrations.";
    IntegrationsDelete = "integrations:delete", "Delete integrations.";
    DemoAccess = "demo:access", "Use the demo data.";
    DemoManage = "demo:manage", "Create and reset the demo data.";
    InvitationsRead = "invitations:read", "See invitations.";
    InvitationsWrite = "invitations:write", "Send and withdraw invitations.";
    AnalyticsRead = "analytics:read", "See usage and analytics.";
    ProcessesRead = "processes:read", "See processes and their runs.";
    ProcessesWrite = "processes:write", "Create and change processes.";
    ProcessesDelete = "processes:delete", "Delete processes.";
    ProcessesExecute = "processes:execute", "Start processes.";
    ProcessesApprove = "processes:approve", "Decide approvals.";
    ProcessesPublish = "processes:publish", "Publish processes.";
    TeamsRead = "teams:read", "See teams and who belongs to them.";
    TeamsWrite = "teams:write", "Create and change teams and their members.";
    TeamsDelete = "teams:delete", "Delete teams.";
    ProjectsRead = "projects:read", "See projects.";
    ProjectsWrite = "projects:write", "Create and change projects.";
    ProjectsDelete = "projects:delete", "Delete projects.";
    ConversationsRead = "conversations:read", "Read conversations and memories of others.";
    ConversationsWrite = "conversations:write", "Change conversations of others and add to them.";
    ConversationsDelete = "conversations:delete", "Delete conversations and memories of others.";
    SecretsRead = "secrets:read", "See the names of secrets.";
    SecretsWrite = "secrets:write", "Put secrets and describe them.";
    SecretsDelete = "secrets:delete", "Delete secrets.";
    SecretsReveal = "secrets:reveal", "Read the values of secrets.";
    SecretsRotate = "secrets:rotate", "Seal secrets with a new key.";
}

impl Permission {
    /// What it is about, for example `agents`.
    pub fn resource(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(resource, _)| resource)
    }

    /// What it allows to do, for example `execute`.
    pub fn action(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(_, action)| action)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text).ok_or_else(|| {
            Error::invalid(format!("`{text}` is no permission of the catalogue")).with("permission", text)
        })
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A set of permissions as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

// INVARIANT: a permission is a bit of a u64.
const _: () = assert!(Permission::ALL.len() <= 64);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self(0);

    /// Every permission of the catalogue.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    const fn bit(permission: Permission) -> u64 {
        1 << (permission as u8)
    }

    /// Whether the permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions in the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | Self::bit(permission)))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
