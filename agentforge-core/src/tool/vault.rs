//! The vault seals what calls say, under the data key of the tenant.

use async_trait::async_trait;
use serde_json::Value;

use super::SealCalls;
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::ToolExecutionId,
    record::Sealed,
    vault::{Place, Vault},
};

const TABLE: &str = "tool_executions";

#[async_trait]
impl SealCalls for Vault {
    async fn seal(
        &self,
        cx: &CallContext,
        execution: ToolExecutionId,
        field: &str,
        value: &Value,
    ) -> Result<Sealed> {
        Vault::seal(self, cx, &Place::new(TABLE, field, execution), value.to_string().as_bytes()).await
    }

    async fn open(
        &self,
        cx: &CallContext,
        execution: ToolExecutionId,
        field: &str,
        sealed: &Sealed,
    ) -> Result<Value> {
        let opened = Vault::open(self, cx, &Place::new(TABLE, field, execution), sealed).await?;
        serde_json::from_slice(opened.expose()).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "what was sealed of a call is no JSON").caused_by(error)
        })
    }
}
