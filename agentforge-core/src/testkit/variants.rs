//! Every kind of change by name. A new variant of [`Change`] does not compile here until it has a name, and the tenant
//! wall's case fails until the suite has a sample of it.

use crate::store::Change;

macro_rules! variants {
    ($($variant:pat => $name:literal,)*) => {
        /// Every kind of change.
        pub(super) const VARIANTS: &[&str] = &[$($name,)*];

        /// The kind of a change.
        pub(super) const fn variant_of(change: &Change) -> &'static str {
            match change { $($variant => $name,)* }
        }
    };
}

variants! {
    Change::Put { .. } => "put",
    Change::Delete { .. } => "delete",
    Change::AcquireLease { .. } => "acquire lease",
    Change::RenewLease { .. } => "renew lease",
    Change::ReleaseLease { .. } => "release lease",
    Change::Append { .. } => "append",
    Change::SetTimer(_) => "set timer",
    Change::CancelTimer { .. } => "cancel timer",
    Change::Signal(_) => "signal",
    Change::ConsumeSignal { .. } => "consume signal",
    Change::Count { .. } => "count",
    Change::PutSegment { .. } => "put segment",
    Change::SwapSegments { .. } => "swap segments",
    Change::RetainBlob(_) => "retain blob",
    Change::ReleaseBlob(_) => "release blob",
    Change::Enqueue { .. } => "enqueue",
    Change::Dequeue { .. } => "dequeue",
    Change::Emit { .. } => "emit",
    Change::Delivered { .. } => "delivered",
    Change::Post { .. } => "post",
    Change::TakeInbox { .. } => "take inbox",
    Change::Audit(_) => "audit",
    Change::EraseAuditDetail { .. } => "erase audit detail",
}
