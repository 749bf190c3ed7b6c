//! The cases of the store suite, one file per area.

mod audit;
mod blob;
mod change;
mod counter;
mod cursor;
mod dispatch;
mod durability;
mod inbox;
mod journal;
mod lease;
mod limit;
mod mailbox;
mod outbox;
mod portable;
mod query;
mod record;
mod reference;
mod segment;
mod unique;
mod upkeep;
mod wait;
mod wall;
mod words;

pub(super) use self::portable::unmoved;
use super::Case;

/// Makes cases of async functions that take a [`World`](super::world::World).
macro_rules! cases {
    ($(needs $needed:ident;)? $($name:literal => $function:ident,)*) => {
        pub(super) fn cases() -> Vec<$crate::testkit::Case> {
            #[allow(unused_mut, unused_assignments)]
            let mut needs = None;
            $(needs = Some($crate::testkit::Capability::$needed);)?
            vec![$($crate::testkit::Case {
                name: $name,
                needs,
                run: |harness| Box::pin(async move {
                    $function($crate::testkit::world::World::open(harness).await?).await
                }),
            },)*]
        }
    };
}
use cases;

/// Every case of the contract of [`crate::store`].
pub fn store_cases() -> Vec<Case> {
    let areas = [
        record::cases(),
        unique::cases(),
        reference::cases(),
        query::cases(),
        words::cases(),
        cursor::cases(),
        limit::cases(),
        change::cases(),
        journal::cases(),
        lease::cases(),
        mailbox::cases(),
        counter::cases(),
        segment::cases(),
        blob::cases(),
        dispatch::cases(),
        wait::cases(),
        outbox::cases(),
        inbox::cases(),
        audit::cases(),
        portable::cases(),
        durability::cases(),
        upkeep::cases(),
        wall::cases(),
    ];
    areas.into_iter().flatten().collect()
}
