//! Identifiers: UUIDv7 made from the call context, one newtype per kind of thing.
//!
//! Hyphenated lower case outside, 16 bytes in SQL. An id is never accepted across kinds: a [`RunId`] cannot be
//! passed where an [`AgentId`] belongs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{context::CallContext, error::Error, json::Digest};

/// Makes a UUIDv7 from the clock and the randomness of a call.
pub fn new_uuid(cx: &CallContext) -> Uuid {
    let millis = u64::try_from(cx.now().as_micros() / 1_000).unwrap_or(0);
    let mut random = [0_u8; 10];
    cx.random().fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Makes the one UUID that stands for some bytes: the same bytes give the same id everywhere.
///
/// ```
/// use agentforge_core::id::derived_uuid;
/// assert_eq!(derived_uuid(&[b"run", b"key"]), derived_uuid(&[b"run", b"key"]));
/// assert_ne!(derived_uuid(&[b"run", b"key"]), derived_uuid(&[b"runk", b"ey"]));
/// ```
pub fn derived_uuid(parts: &[&[u8]]) -> Uuid {
    let digest = Digest::of_parts(parts);
    let mut bytes = [0_u8; 16];
    for (target, byte) in bytes.iter_mut().zip(digest.as_bytes()) {
        *target = *byte;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id from the clock and randomness of a call.
            pub fn new(cx: &CallContext) -> Self {
                Self(new_uuid(cx))
            }

            /// The id that a stored or received UUID stands for.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text).map(Self).map_err(|_| {
                    Error::invalid(concat!("not a ", $what, " id; expected a hyphenated UUID"))
                })
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }
    )*};
}

ids! {
    /// An organisation; the wall between customers.
    TenantId, "tenant";
    /// A person.
    UserId, "user";
    /// A project inside a tenant.
    ProjectId, "project";
    /// A team inside a tenant.
    TeamId, "team";
    /// A key that a program presents.
    ApiKeyId, "API key";
    /// A named set of permissions.
    RoleId, "role";
    /// An agent.
    AgentId, "agent";
    /// A run of an agent or of a process.
    RunId, "run";
    /// A question to a person that a run waits for.
    ApprovalId, "approval";
    /// A conversation.
    ConversationId, "conversation";
    /// A knowledge base.
    KnowledgeBaseId, "knowledge base";
    /// A document of a knowledge base.
    DocumentId, "document";
    /// A piece of a document.
    ChunkId, "chunk";
    /// A published process.
    ProcessId, "process";
    /// An event.
    EventId, "event";
    /// A set of changes; repeating it returns the first answer.
    ChangeSetId, "change set";
    /// What joins everything that one outside request caused.
    CorrelationId, "correlation";
    /// A memory of an agent.
    MemoryId, "memory";
    /// A person's place in a team.
    MembershipId, "membership";
    /// A line of an access list.
    AccessId, "access entry";
    /// A setting.
    SettingId, "setting";
    /// A published version of an agent.
    AgentVersionId, "agent version";
    /// A template.
    TemplateId, "template";
    /// A message of a conversation.
    MessageId, "message";
    /// A link that shows a conversation.
    ShareId, "share";
    /// A tool that was set up in a tenant.
    ToolId, "tool";
    /// One version of a tool's settings.
    ToolVersionId, "tool version";
    /// One execution of a tool.
    ToolExecutionId, "tool execution";
    /// What starts a process by itself.
    TriggerId, "trigger";
    /// A provider of models that a tenant set up.
    ModelProviderId, "model provider";
    /// A model that a tenant enabled.
    EnabledModelId, "enabled model";
    /// A line of usage.
    UsageId, "usage";
    /// A limit on what may be spent.
    BudgetId, "budget";
    /// A secret of a tenant.
    SecretId, "secret";
    /// A key that a tenant's data is sealed with.
    DataKeyId, "data key";
}

impl TenantId {
    /// The installation itself: it owns the list of tenants and the settings of the system. No person belongs to
    /// it; only a system context reaches it.
    pub const PLATFORM: TenantId = TenantId(Uuid::nil());
}
