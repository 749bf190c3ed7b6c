//! The circuit of one model: closed while it answers, open after failures, half-open while one call tries it again.
//! Pure: instants and chance are given.

use std::{collections::VecDeque, time::Duration};

use agentforge_core::time::Timestamp;

/// When a model is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitPolicy {
    /// How many failures in a row open the circuit.
    pub consecutive: u32,
    /// How many of a hundred calls must fail to open it, counted over the last `window`; 0 leaves this rule out.
    pub failures_per_hundred: u32,
    /// How many calls the share is taken over; before so many were made it says nothing.
    pub window: usize,
    /// How long it stays open before one call tries the model. Up to a tenth more comes by chance, so that processes
    /// that failed together do not return together; a longer wait that the provider asked for is kept.
    pub cool_down: Duration,
}

impl Default for CircuitPolicy {
    fn default() -> Self {
        Self { consecutive: 5, failures_per_hundred: 50, window: 20, cool_down: Duration::from_secs(30) }
    }
}

/// How a model's circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// It is asked.
    Closed,
    /// It is left alone until then.
    Open(Timestamp),
    /// The next call tries it, or one does already.
    HalfOpen,
}

/// Whether a call may go to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Call,
    /// It may, and all others wait for how it begins.
    Probe,
    /// It may not until then; `None` while another call tries the model.
    Refused(Option<Timestamp>),
}

#[derive(Debug, Default)]
pub(super) struct Circuit {
    open_until: Option<Timestamp>,
    probing: bool,
    in_a_row: u32,
    outcomes: VecDeque<bool>,
}

impl Circuit {
    pub(super) fn state(&self, now: Timestamp) -> CircuitState {
        match self.open_until {
            None => CircuitState::Closed,
            Some(until) if now < until => CircuitState::Open(until),
            Some(_) => CircuitState::HalfOpen,
        }
    }

    pub(super) fn admit(&mut self, now: Timestamp) -> Admission {
        match self.state(now) {
            CircuitState::Closed => Admission::Call,
            CircuitState::Open(until) => Admission::Refused(Some(until)),
            CircuitState::HalfOpen if self.probing => Admission::Refused(None),
            CircuitState::HalfOpen => {
                self.probing = true;
                Admission::Probe
            }
        }
    }

    /// The first event of a call came. A probe closes the circuit here: a long answer must not keep others waiting.
    pub(super) fn began(&mut self, probe: bool) {
        if probe {
            *self = Self::default();
        }
    }

    /// A probe ended without a word about the model: it was dropped, or failed for a reason of its own.
    pub(super) fn abandoned(&mut self, probe: bool) {
        if probe {
            self.probing = false;
        }
    }

    pub(super) fn succeeded(&mut self, policy: &CircuitPolicy) {
        self.in_a_row = 0;
        self.note(true, policy);
    }

    /// A failure that lies with the model; `wait` is what the provider asked for, `chance` from zero to one.
    pub(super) fn failed(
        &mut self,
        probe: bool,
        now: Timestamp,
        wait: Option<Duration>,
        chance: f64,
        policy: &CircuitPolicy,
    ) {
        // Calls that began before the circuit opened say nothing new.
        if self.open_until.is_some() && !probe {
            return;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.note(false, policy);
        if probe || self.in_a_row >= policy.consecutive.max(1) || self.fails_too_often(policy) {
            let rest = policy.cool_down + (policy.cool_down / 10).mul_f64(chance);
            let rest = rest.max(wait.unwrap_or_default());
            *self = Self { open_until: Some(now.after(rest)), ..Self::default() };
        }
    }

    fn note(&mut self, success: bool, policy: &CircuitPolicy) {
        self.outcomes.push_back(success);
        while self.outcomes.len() > policy.window {
            self.outcomes.pop_front();
        }
    }

    fn fails_too_often(&self, policy: &CircuitPolicy) -> bool {
        let failures = self.outcomes.iter().filter(|success| !**success).count();
        policy.failures_per_hundred > 0
            && policy.window > 0
            && self.outcomes.len() >= policy.window
            && (failures as u64).saturating_mul(100)
                >= u64::from(policy.failures_per_hundred).saturating_mul(self.outcomes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CircuitPolicy = CircuitPolicy {
        consecutive: 3,
        failures_per_hundred: 50,
        window: 4,
        cool_down: Duration::from_secs(10),
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.after(Duration::from_secs(seconds))
    }

    fn fail(circuit: &mut Circuit, probe: bool, seconds: u64) {
        circuit.failed(probe, at(seconds), None, 0.0, &POLICY);
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_good_answer_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..2 {
            fail(&mut circuit, false, 0);
            circuit.succeeded(&CircuitPolicy { failures_per_hundred: 0, ..POLICY });
        }
        assert_eq!(circuit.state(at(0)), CircuitState::Closed);
        let mut circuit = Circuit::default();
        (0..3).for_each(|_| fail(&mut circuit, false, 0));
        assert_eq!(circuit.state(at(0)), CircuitState::Open(at(10)));
    }

    #[test]
    fn a_share_of_failures_opens_it_once_the_window_is_full() {
        let mut circuit = Circuit::default();
        fail(&mut circuit, false, 0);
        circuit.succeeded(&POLICY);
        fail(&mut circuit, false, 0);
        assert_eq!(circuit.state(at(0)), CircuitState::Closed);
        circuit.succeeded(&POLICY);
        fail(&mut circuit, false, 0);
        assert!(matches!(circuit.state(at(0)), CircuitState::Open(_)));
    }

    #[test]
    fn one_probe_at_a_time_and_its_beginning_decides() {
        let mut circuit = Circuit::default();
        (0..3).for_each(|_| fail(&mut circuit, false, 0));
        assert_eq!(circuit.admit(at(9)), Admission::Refused(Some(at(10))));
        assert_eq!(circuit.admit(at(10)), Admission::Probe);
        assert_eq!(circuit.admit(at(10)), Admission::Refused(None));
        fail(&mut circuit, true, 11);
        assert_eq!(circuit.admit(at(12)), Admission::Refused(Some(at(21))));
        assert_eq!(circuit.admit(at(21)), Admission::Probe);
        circuit.began(true);
        assert_eq!(circuit.admit(at(21)), Admission::Call);
    }

    #[test]
    fn a_probe_that_is_dropped_makes_room_for_the_next() {
        let mut circuit = Circuit::default();
        (0..3).for_each(|_| fail(&mut circuit, false, 0));
        assert_eq!(circuit.admit(at(10)), Admission::Probe);
        circuit.abandoned(true);
        assert_eq!(circuit.admit(at(10)), Admission::Probe);
    }

    #[test]
    fn a_late_failure_does_not_lengthen_the_rest_and_a_wait_of_the_provider_does() {
        let mut circuit = Circuit::default();
        (0..3).for_each(|_| fail(&mut circuit, false, 0));
        fail(&mut circuit, false, 9);
        assert_eq!(circuit.state(at(9)), CircuitState::Open(at(10)));
        let mut circuit = Circuit { in_a_row: 2, ..Circuit::default() };
        circuit.failed(false, at(0), Some(Duration::from_mins(1)), 1.0, &POLICY);
        assert_eq!(circuit.state(at(0)), CircuitState::Open(at(60)));
    }
}
