//! When a failing key is tried again: waits that grow with every failure, kept in this process. A process that starts
//! anew tries at once.

use std::{collections::BTreeMap, time::Duration};

use super::DeliveryOptions;
use crate::{context::CallContext, error::Error, id::TenantId, time::Timestamp};

/// The longest wait that a sink may ask for.
const LONGEST_ADVICE: Duration = Duration::from_hours(1);

/// The keys that failed last, by tenant.
#[derive(Default)]
pub(super) struct Waits(BTreeMap<TenantId, BTreeMap<String, Wait>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// How often the key failed since it last succeeded.
    pub(super) failures: u32,
    /// When it is tried again.
    pub(super) until: Timestamp,
}

impl Waits {
    /// The keys of a tenant that are not to be tried yet.
    pub(super) fn waiting(&self, tenant: TenantId, now: Timestamp) -> Vec<String> {
        let keys = self.0.get(&tenant).into_iter().flatten();
        keys.filter(|(_, wait)| wait.until > now).map(|(key, _)| key.clone()).collect()
    }

    /// Notes a failure of a key.
    pub(super) fn failed(
        &mut self,
        cx: &CallContext,
        options: &DeliveryOptions,
        key: &str,
        error: &Error,
    ) -> Wait {
        let keys = self.0.entry(cx.tenant()).or_default();
        let failures = keys.get(key).map_or(1, |wait| wait.failures.saturating_add(1));
        let advised = error.wait().unwrap_or_default().min(LONGEST_ADVICE);
        let until = cx.now().after(grown(cx, options, failures).max(advised));
        let wait = Wait { failures, until };
        keys.insert(key.to_owned(), wait);
        wait
    }

    /// Forgets the failures of a key that has succeeded.
    pub(super) fn succeeded(&mut self, tenant: TenantId, key: &str) {
        if let Some(keys) = self.0.get_mut(&tenant) {
            keys.remove(key);
        }
        self.0.retain(|_, keys| !keys.is_empty());
    }

    /// Forgets the keys of a tenant for which there is nothing to deliver any more.
    pub(super) fn keep(&mut self, tenant: TenantId, there: impl Fn(&str) -> bool) {
        if let Some(keys) = self.0.get_mut(&tenant) {
            keys.retain(|key, _| there(key));
        }
        self.0.retain(|_, keys| !keys.is_empty());
    }

    /// When the first key of a tenant is to be tried again.
    pub(super) fn next(&self, tenant: TenantId) -> Option<Timestamp> {
        self.0.get(&tenant).into_iter().flatten().map(|(_, wait)| wait.until).min()
    }
}

/// The wait after so many failures: doubled for each, at most the longest, less a random part of up to a half, so that
/// what failed together is not tried again together.
fn grown(cx: &CallContext, options: &DeliveryOptions, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = options.first_wait.saturating_mul(factor).min(options.longest_wait.max(options.first_wait));
    let mut random = [0; 4];
    cx.random().fill(&mut random);
    let part = f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX);
    whole.mul_f64(1.0 - part / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::ErrorKind,
        testing::{FixedClock, fixed_context_with},
        time::Clock,
    };

    #[test]
    fn waits_double_up_to_the_longest_and_lose_at_most_a_half() {
        let clock = FixedClock::new();
        let (cx, options, mut waits) =
            (fixed_context_with(&clock), DeliveryOptions::default(), Waits::default());
        let broken = Error::internal("broken");
        for (failure, whole) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].into_iter().enumerate() {
            let wait = waits.failed(&cx, &options, "k", &broken);
            let (whole, waited) = (Duration::from_secs(whole), wait.until.since(clock.now()));
            assert!(waited <= whole && waited >= whole / 2, "{failure}: {waited:?} of {whole:?}");
        }
        let many = Wait { failures: u32::MAX, until: clock.now() };
        waits.0.entry(cx.tenant()).or_default().insert("k".to_owned(), many);
        let wait = waits.failed(&cx, &options, "k", &broken);
        assert!(wait.until.since(clock.now()) <= options.longest_wait);
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let clock = FixedClock::new();
        let (cx, options, mut waits) =
            (fixed_context_with(&clock), DeliveryOptions::default(), Waits::default());
        let broken = Error::internal("broken");
        waits.failed(&cx, &options, "a", &broken);
        waits.failed(&cx, &options, "a", &broken);
        assert_eq!(waits.waiting(cx.tenant(), clock.now()), ["a"]);
        waits.succeeded(cx.tenant(), "a");
        assert_eq!(waits.next(cx.tenant()), None);
        assert_eq!(waits.failed(&cx, &options, "a", &broken).failures, 1);
        clock.advance(options.first_wait);
        assert!(waits.waiting(cx.tenant(), clock.now()).is_empty());
        waits.keep(cx.tenant(), |_| false);
        assert_eq!(waits.next(cx.tenant()), None);
    }

    #[test]
    fn a_sink_may_ask_for_more_time() {
        let clock = FixedClock::new();
        let (cx, mut waits) = (fixed_context_with(&clock), Waits::default());
        for (asked, waited) in [(120, 120), (1_000_000, 3_600)] {
            let error =
                Error::new(ErrorKind::RateLimited, "slow down").retry_after(Some(Duration::from_secs(asked)));
            let wait = waits.failed(&cx, &DeliveryOptions::default(), "k", &error);
            assert_eq!(wait.until.since(clock.now()), Duration::from_secs(waited));
        }
    }
}
