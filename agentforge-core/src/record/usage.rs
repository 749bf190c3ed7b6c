//! What models used and cost, line by line, and limits on what may be spent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    id::{BudgetId, ProjectId, RunId, UsageId, UserId},
    model::{Cost, Usage},
    money::Money,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
    time::Timestamp,
};

/// What one call of a model used and cost. It is written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Its id.
    pub id: UsageId,
    /// When the answer ended.
    pub at: Timestamp,
    /// The provider, by the name of its host.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The run that asked.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The agent or process, by name.
    #[serde(default)]
    pub name: Option<String>,
    /// The person for whom it was asked.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// The project that it is booked on.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// The labels of the call.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The tokens.
    pub usage: Usage,
    /// What they cost.
    pub cost: Cost,
}

impl Record for UsageRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("at", FieldKind::Time),
            FieldSpec::new("provider", FieldKind::Text),
            FieldSpec::new("model", FieldKind::Text),
            FieldSpec::new("run", FieldKind::Id),
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
        ],
        indexes: &[IndexSpec { fields: &["at"] }, IndexSpec { fields: &["project", "at"] }],
        ..CollectionSpec::new("usage_entries")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A limit on what may be spent in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRecord {
    /// Its id.
    pub id: BudgetId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// The project whose spending counts; the whole tenant's when absent.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// The person whose spending counts.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// When counting begins anew.
    pub period: BudgetPeriod,
    /// The most that may be spent.
    pub limit: Money,
    /// Whether it stops calls or only warns.
    #[serde(default)]
    pub beyond: BeyondBudget,
    /// Whether it counts at all.
    pub active: bool,
}

/// When a budget begins anew, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// Every day.
    Day,
    /// Every month.
    Month,
    /// Never.
    Total,
}

/// What happens to a call that would pass a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeyondBudget {
    /// It is refused.
    #[default]
    Refuse,
    /// It is made, and somebody is told.
    Warn,
}

impl Record for BudgetRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("active", FieldKind::Bool),
        ],
        unique: &[UniqueSpec { fields: &["name"] }],
        ..CollectionSpec::new("budgets")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
