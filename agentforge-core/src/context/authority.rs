//! The only mint of call contexts.
//!
//! The host's handle makes one and keeps it; models, tools, guardrails and stores see contexts, never an authority.

use std::sync::Arc;

use super::{CallContext, Principal, Randomness, Scope};
use crate::{
    error::{Error, Result},
    event::{Event, EventSink},
    id::TenantId,
    time::Clock,
};

/// Mints contexts for verified principals, and for the system with a reason that is audited first.
#[derive(Clone)]
pub struct Authority {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    elevations: Arc<dyn EventSink>,
}

impl Authority {
    /// An authority over a clock, a source of randomness and the sink that audits every elevation.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Randomness>, elevations: Arc<dyn EventSink>) -> Self {
        Self { clock, random, elevations }
    }

    /// A context for a principal that the caller has verified. The platform has no people: its tenant is refused.
    pub fn enter(&self, tenant: TenantId, principal: Principal) -> Result<CallContext> {
        if tenant == TenantId::PLATFORM {
            return Err(Error::denied("nobody but the system acts for the platform; use a tenant"));
        }
        if matches!(principal, Principal::System { .. }) {
            return Err(Error::denied("a system principal comes only from an audited reason"));
        }
        Ok(CallContext::mint(Scope::new(tenant, principal), self.clock.clone(), self.random.clone()))
    }

    /// A context of the platform itself. The reason is written to the audit sink first; when that fails there is no
    /// context.
    pub async fn system(&self, reason: &str) -> Result<CallContext> {
        if reason.trim().is_empty() {
            return Err(Error::invalid("acting as the system needs a reason that an auditor understands"));
        }
        if reason.contains('\0') {
            return Err(Error::invalid(
                "the reason for acting as the system holds a NUL character; remove it",
            )
            .with("field", "reason"));
        }
        let principal = Principal::System { reason: reason.to_owned() };
        let scope = Scope::new(TenantId::PLATFORM, principal);
        let cx = CallContext::mint(scope, self.clock.clone(), self.random.clone());
        let event = Event::new(&cx, "system.entered", serde_json::json!({ "reason": reason }));
        self.elevations.emit(&cx, event).await?;
        Ok(cx)
    }
}
