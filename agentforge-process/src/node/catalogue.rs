//! The node types that definitions can name.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::error::{Error, Result};

use super::{ApprovalType, NodeType, ToolType, WaitType};

/// Node types by name. A cheap clone.
#[derive(Clone, Default)]
pub struct Catalogue {
    types: Arc<BTreeMap<&'static str, Arc<dyn NodeType>>>,
}

impl Catalogue {
    /// The node types of this release.
    pub fn standard() -> Self {
        let types: [Arc<dyn NodeType>; 3] = [Arc::new(ApprovalType), Arc::new(ToolType), Arc::new(WaitType)];
        Self { types: Arc::new(types.into_iter().map(|kind| (kind.name(), kind)).collect()) }
    }

    /// The catalogue with one more type. A name that is taken is invalid input.
    pub fn with(mut self, kind: Arc<dyn NodeType>) -> Result<Self> {
        let name = kind.name();
        if self.types.contains_key(name) {
            return Err(Error::invalid(format!("two node types are named `{name}`; rename one")));
        }
        Arc::make_mut(&mut self.types).insert(name, kind);
        Ok(self)
    }

    /// The type of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn NodeType>> {
        self.types.get(name)
    }

    /// Every type, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn NodeType>> {
        self.types.values()
    }
}
