//! Rates: a limit of our own as a bucket that refills evenly, and what a provider said is left. Pure; instants are given.

use std::{collections::BTreeMap, time::Duration};

use agentforge_core::{
    model::{RateLimit, RateLimitUnit, Usage},
    time::Timestamp,
};

/// A bucket that refills evenly, kept as the instant at which it will be full again. Whoever takes more than there is
/// takes it ahead of time and waits; the next waits behind it, so that the order of coming is the order of going.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: u64,
    window: i128,
    full_at: i128,
}

impl Bucket {
    pub(super) fn new(limit: u64, window: Duration) -> Self {
        Self {
            limit: limit.max(1),
            window: i128::try_from(window.as_nanos()).unwrap_or(i128::MAX),
            full_at: i128::MIN,
        }
    }

    /// Takes so many, and says from when on they may be used.
    fn take(&mut self, count: u64, now: Timestamp) -> Timestamp {
        self.full_at = self.full_at.max(nanos(now)).saturating_add(self.time_for(count));
        instant(self.full_at.saturating_sub(self.window))
    }

    fn give_back(&mut self, count: u64) {
        self.full_at = self.full_at.saturating_sub(self.time_for(count));
    }

    fn time_for(&self, count: u64) -> i128 {
        i128::from(count).saturating_mul(self.window) / i128::from(self.limit)
    }
}

fn nanos(at: Timestamp) -> i128 {
    i128::from(at.as_micros()) * 1_000
}

/// Never before the given nanosecond.
fn instant(nanos: i128) -> Timestamp {
    let micros = nanos.div_euclid(1_000) + i128::from(nanos.rem_euclid(1_000) > 0);
    i64::try_from(micros).ok().and_then(|micros| Timestamp::from_micros(micros).ok()).unwrap_or_else(|| {
        if micros > 0 { Timestamp::UNIX_EPOCH.after(Duration::MAX) } else { Timestamp::EARLIEST }
    })
}

/// What a request needs of every sort of limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    input: u64,
    output: u64,
}

impl Need {
    pub(super) fn of(usage: &Usage) -> Self {
        Self { input: usage.input.unwrap_or(0), output: usage.output.unwrap_or(0) }
    }

    fn tokens(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn count(self, unit: RateLimitUnit) -> u64 {
        match unit {
            RateLimitUnit::Requests => 1,
            RateLimitUnit::Tokens => self.tokens(),
            RateLimitUnit::InputTokens => self.input,
            RateLimitUnit::OutputTokens => self.output,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Rates {
    pub(super) requests: Option<Bucket>,
    pub(super) tokens: Option<Bucket>,
    /// What the provider said is left, by its name of the limit, until the instant at which it begins anew.
    told: BTreeMap<String, Told>,
    paused_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Told {
    counts: RateLimitUnit,
    remaining: u64,
    until: Timestamp,
}

impl Rates {
    /// Takes a request's share of our own limits, and says from when on it may go.
    pub(super) fn book(&mut self, need: Need, now: Timestamp) -> Timestamp {
        let requests = self.requests.as_mut().map(|bucket| bucket.take(1, now));
        let tokens = self.tokens.as_mut().map(|bucket| bucket.take(need.tokens(), now));
        requests.into_iter().chain(tokens).fold(now, Timestamp::max)
    }

    /// Gives back what a request that was never sent had booked.
    pub(super) fn unbook(&mut self, need: Need) {
        if let Some(bucket) = &mut self.requests {
            bucket.give_back(1);
        }
        self.give_back_tokens(need.tokens());
    }

    /// Corrects what was booked by what was really used.
    pub(super) fn correct(&mut self, booked: Need, used: &Usage, now: Timestamp) {
        let (Some(input), Some(output)) = (used.input, used.output) else { return };
        let (booked, used) = (booked.tokens(), input.saturating_add(output));
        if used <= booked {
            self.give_back_tokens(booked - used);
        } else if let Some(bucket) = &mut self.tokens {
            bucket.take(used - booked, now);
        }
    }

    pub(super) fn give_back_tokens(&mut self, count: u64) {
        if let Some(bucket) = &mut self.tokens {
            bucket.give_back(count);
        }
    }

    /// Lets a request go that may go from `booked` on, and counts it against what the provider said is left; else says
    /// when to ask again.
    pub(super) fn go(&mut self, need: Need, booked: Timestamp, now: Timestamp) -> Result<(), Timestamp> {
        self.told.retain(|_, told| now < told.until);
        let full = self.told.values().filter(|told| told.remaining < need.count(told.counts));
        let at = full.map(|told| told.until).chain(self.paused_until).fold(booked, Timestamp::max);
        if at > now {
            return Err(at);
        }
        for told in self.told.values_mut() {
            told.remaining = told.remaining.saturating_sub(need.count(told.counts));
        }
        Ok(())
    }

    /// Believes what the provider says. Answers overtake each other: within one window the lower count holds.
    pub(super) fn learn(&mut self, limits: &[RateLimit], now: Timestamp) {
        for limit in limits {
            let Some(until) = limit.resets_at.filter(|until| *until > now) else { continue };
            let remaining = match self.told.get(&limit.name) {
                Some(told) if now < told.until && until <= told.until => told.remaining.min(limit.remaining),
                _ => limit.remaining,
            };
            self.told.insert(limit.name.clone(), Told { counts: limit.counts, remaining, until });
        }
    }

    pub(super) fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_bucket_gives_its_whole_content_at_once_and_then_evenly() {
        let mut bucket = Bucket::new(3, Duration::from_secs(30));
        let given: Vec<_> = (0..5).map(|_| bucket.take(1, at(100))).collect();
        assert!(given.iter().take(3).all(|instant| *instant <= at(100)));
        assert_eq!(given[3..], [at(110), at(120)]);
        // After an hour it is full and no fuller.
        let given: Vec<_> = (0..4).map(|_| bucket.take(1, at(3_700))).collect();
        assert_eq!((given[2], given[3]), (at(3_700), at(3_710)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_and_more_than_all_waits_but_is_given() {
        let mut bucket = Bucket::new(10, Duration::from_secs(10));
        bucket.take(10, at(0));
        bucket.give_back(10);
        assert_eq!(bucket.take(10, at(0)), at(0));
        assert_eq!(bucket.take(25, at(10)), at(25));
    }

    #[test]
    fn within_one_window_the_lower_count_holds_and_a_new_window_begins_anew() {
        let told = |remaining, until| {
            [RateLimit {
                name: "requests".to_owned(),
                counts: RateLimitUnit::Requests,
                limit: None,
                remaining,
                resets_at: Some(until),
            }]
        };
        let need = Need { input: 1, output: 1 };
        let mut rates = Rates::default();
        rates.learn(&told(1, at(60)), at(0));
        rates.learn(&told(9, at(60)), at(0));
        assert_eq!(rates.go(need, at(0), at(0)), Ok(()));
        assert_eq!(rates.go(need, at(0), at(0)), Err(at(60)));
        assert_eq!(rates.go(need, at(0), at(60)), Ok(()));
        rates.learn(&told(0, at(60)), at(60));
        assert_eq!(rates.go(need, at(0), at(61)), Ok(()), "a window that is over says nothing");
    }
}
