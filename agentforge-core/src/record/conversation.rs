//! Conversations, their messages, links that show them, and what agents remember of people.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Ownership;
use crate::{
    context::CallContext,
    id::{ConversationId, MemoryId, MessageId, RunId, ShareId, UserId, derived_uuid},
    json::Digest,
    memory::MemorySubject,
    message::Message,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, OnDelete, Record, ReferenceSpec, UniqueSpec},
    time::Timestamp,
};

/// A conversation of a person with an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRecord {
    /// Its id.
    pub id: ConversationId,
    /// What people call it.
    pub title: String,
    /// The agent that it is held with, by name.
    #[serde(default)]
    pub agent: Option<String>,
    /// Whether it was put away.
    #[serde(default)]
    pub archived: bool,
    /// Whose it is.
    #[serde(flatten)]
    pub ownership: Ownership,
}

impl ConversationRecord {
    /// A conversation of the person behind a call.
    pub fn new(cx: &CallContext, title: impl Into<String>) -> Self {
        Self {
            id: ConversationId::new(cx),
            title: title.into(),
            agent: None,
            archived: false,
            ownership: Ownership::of(cx),
        }
    }
}

impl Record for ConversationRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("title", FieldKind::Text),
            FieldSpec::new("agent", FieldKind::Text),
            FieldSpec::new("archived", FieldKind::Bool),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("team", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("tags", FieldKind::Text),
        ],
        indexes: &[IndexSpec { fields: &["owner", "updated_at"] }],
        search: &["title", "tags"],
        soft_delete: true,
        ..CollectionSpec::new("conversations")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A message of a conversation. There is one at each place, so that two writers cannot both say what comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Its id, derived from the conversation and the place.
    pub id: MessageId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place, from zero.
    pub ordinal: i64,
    /// What was said.
    pub message: Message,
    /// The run that said it.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Who owns the conversation.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl MessageRecord {
    /// A message at a place of a conversation.
    pub fn new(conversation: &ConversationRecord, ordinal: i64, message: Message) -> Self {
        Self {
            id: Self::id_of(conversation.id, ordinal),
            conversation: conversation.id,
            ordinal,
            message,
            run: None,
            owner: conversation.ownership.owner,
        }
    }

    /// The id of the message at a place.
    pub fn id_of(conversation: ConversationId, ordinal: i64) -> MessageId {
        let conversation = conversation.as_uuid();
        MessageId::from_uuid(derived_uuid(&[b"message", conversation.as_bytes(), &ordinal.to_be_bytes()]))
    }
}

impl Record for MessageRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("conversation", FieldKind::Id),
            FieldSpec::new("ordinal", FieldKind::Int),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        indexes: &[IndexSpec { fields: &["conversation", "ordinal"] }],
        references: &[ReferenceSpec {
            field: "conversation",
            collection: "conversations",
            on_delete: OnDelete::Cascade,
        }],
        soft_delete: true,
        ..CollectionSpec::new("messages")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A link that shows a conversation to whoever has it. The link holds a token, the record only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRecord {
    /// Its id.
    pub id: ShareId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The SHA-256 of the token.
    pub token: Digest,
    /// Until when it works; for ever when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Who owns the conversation.
    #[serde(default)]
    pub owner: Option<UserId>,
}

impl Record for ShareRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("conversation", FieldKind::Id),
            FieldSpec::new("token", FieldKind::Text),
            FieldSpec::new("expires_at", FieldKind::Time),
            FieldSpec::new("owner", FieldKind::Id),
        ],
        unique: &[UniqueSpec { fields: &["token"] }],
        references: &[ReferenceSpec {
            field: "conversation",
            collection: "conversations",
            on_delete: OnDelete::Cascade,
        }],
        ..CollectionSpec::new("shares")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// What an agent remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// Its id, by which a person corrects or deletes it.
    pub id: MemoryId,
    /// The agent, by name; none for what all agents share.
    #[serde(default)]
    pub agent: Option<String>,
    /// The person that it is about and who owns it; none for what all people share.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// What is remembered.
    pub text: String,
    /// Until when; for ever when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl MemoryRecord {
    /// Something to remember.
    pub fn new(cx: &CallContext, subject: &MemorySubject, text: impl Into<String>) -> Self {
        Self {
            id: MemoryId::new(cx),
            agent: subject.agent.clone(),
            owner: subject.user,
            text: text.into(),
            expires_at: None,
        }
    }
}

impl Record for MemoryRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("agent", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("text", FieldKind::Text),
            FieldSpec::new("expires_at", FieldKind::Time),
        ],
        indexes: &[IndexSpec { fields: &["owner", "agent"] }],
        search: &["text"],
        ..CollectionSpec::new("memories")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
