//! The cases, one file per area.

pub(super) mod approvals;
pub(super) mod calls;
pub(super) mod crashes;
pub(super) mod leases;
pub(super) mod runs;
pub(super) mod starting;

/// Lists cases: `area: [function, …]` becomes one case per function, named `area::function`.
macro_rules! cases {
    ($area:literal: [$($case:ident),* $(,)?]) => {
        pub(in crate::testkit) const CASES: &[agentforge_core::testkit::Case] = &[$(
            agentforge_core::testkit::Case {
                name: concat!($area, "::", stringify!($case)),
                needs: None,
                run: |harness| Box::pin($case(harness)),
            },
        )*];
    };
}

use cases;
