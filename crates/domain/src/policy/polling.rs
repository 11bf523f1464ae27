//! The schedule of the search for a project that does not exist yet: arithmetic on moments.
//!
//! A new account gets its organization and its default project some time after the login. The search repeats rounds
//! of requests. [`PollSchedule::begin_round`] returns the time limit of a round, and [`PollSchedule::after_round`]
//! the wait after a round without a result.

use crate::clock::Moment;
use std::time::Duration;

/// The first wait of the adaptive schedule. Most projects exist within seconds.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The factor by which each wait of the adaptive schedule exceeds the previous one.
const GROWTH: f64 = 1.25;

/// The longest wait of the adaptive schedule. With this growth, a minute has 20 rounds, and a project that appears
/// after 3 s on average is found 0.6 s later.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The shortest wait of the fixed schedule near the deadline, as in the Codex CLI.
const SHORTEST_FIXED_WAIT: Duration = Duration::from_secs(1);

/// The shortest interval of the fixed schedule. A zero interval would send requests without a pause.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// The time limit of the last round, which begins at the deadline.
const LAST_LOOK: Duration = Duration::from_secs(4);

/// The intervals and the duration of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPolicy {
    pace: Pace,
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Adaptive,
    Fixed(Duration),
}

impl PollPolicy {
    /// The default duration of the search for the default project.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// Returns a policy of growing waits: 0.5 s at first, a quarter longer each time, at most 5 s. The last round
    /// begins when `timeout` is up.
    pub fn adaptive(timeout: Duration) -> Self {
        Self { pace: Pace::Adaptive, timeout }
    }

    /// Returns a policy with a fixed interval and the arithmetic of the Codex CLI: near the end, the wait is the
    /// remaining time in whole seconds, but at least one.
    pub fn fixed(interval: Duration, timeout: Duration) -> Self {
        Self { pace: Pace::Fixed(interval.max(SHORTEST_INTERVAL)), timeout }
    }

    /// Returns the time from the start to the last round.
    pub fn timeout(self) -> Duration {
        self.timeout
    }

    /// Starts the schedule. The first round is due at once.
    pub(crate) fn start(self, now: Moment) -> PollSchedule {
        PollSchedule {
            pace: self.pace,
            next_wait: FIRST_WAIT,
            started: now,
            deadline: now + self.timeout,
            last_look_taken: false,
        }
    }
}

impl Default for PollPolicy {
    /// Returns the adaptive policy with a timeout of 60 s.
    fn default() -> Self {
        Self::adaptive(Self::DEFAULT_TIMEOUT)
    }
}

/// A running [`PollPolicy`].
#[derive(Debug, Clone)]
pub(crate) struct PollSchedule {
    pace: Pace,
    next_wait: Duration,
    started: Moment,
    deadline: Moment,
    last_look_taken: bool,
}

/// A round of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollRound {
    /// The time limit: the deadline, or 4 s after the beginning of the last round.
    pub(crate) ends: Moment,
    /// True for the last round, which begins when the time is up. Its requests are not retried.
    pub(crate) is_last: bool,
}

impl PollSchedule {
    /// Begins a round at `now`.
    pub(crate) fn begin_round(&mut self, now: Moment) -> PollRound {
        let is_last = now >= self.deadline;
        self.last_look_taken |= is_last;
        PollRound { ends: if is_last { now + LAST_LOOK } else { self.deadline }, is_last }
    }

    /// Returns the wait until the next round, after a round without a result that ended at `now`. `None` after the
    /// last round.
    ///
    /// A round that was cut at the deadline is followed by the last round at once.
    pub(crate) fn after_round(&mut self, now: Moment) -> Option<Duration> {
        if self.last_look_taken {
            return None;
        }
        let remaining = self.deadline.since(now);
        if remaining.is_zero() {
            return Some(Duration::ZERO);
        }
        Some(match self.pace {
            Pace::Fixed(interval) => {
                let whole_seconds = Duration::from_secs(remaining.as_secs());
                interval.min(whole_seconds.max(SHORTEST_FIXED_WAIT))
            }
            Pace::Adaptive => {
                let wait = self.next_wait;
                self.next_wait = wait.mul_f64(GROWTH).min(LONGEST_WAIT);
                wait.min(remaining)
            }
        })
    }

    /// Returns the time since the start of the schedule.
    pub(crate) fn elapsed(&self, now: Moment) -> Duration {
        now.since(self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the beginning of each round, if each takes this long.
    fn slow_looks(policy: PollPolicy, took: Duration) -> Vec<Duration> {
        let mut now = Moment::ORIGIN;
        let mut schedule = policy.start(now);
        let mut looks = Vec::new();
        loop {
            looks.push(schedule.elapsed(now));
            let round = schedule.begin_round(now);
            now = (now + took).min(round.ends);
            match schedule.after_round(now) {
                Some(wait) => now = now + wait,
                None => return looks,
            }
        }
    }

    fn looks(policy: PollPolicy) -> Vec<Duration> {
        slow_looks(policy, Duration::ZERO)
    }

    fn seconds(looks: &[Duration]) -> Vec<f64> {
        looks.iter().map(|look| (look.as_secs_f64() * 100.0).round() / 100.0).collect()
    }

    #[test]
    fn the_adaptive_schedule_looks_20_times_a_minute_and_once_at_its_end() {
        let looks = looks(PollPolicy::default());
        assert_eq!(seconds(&looks[..6]), [0.0, 0.5, 1.13, 1.91, 2.88, 4.1]);
        assert_eq!((looks.len(), looks.last()), (20, Some(&Duration::from_secs(60))));
    }

    #[test]
    fn a_project_is_noticed_soon_after_it_exists() {
        for (ready, noticed_within) in [(0.5, 0.7), (3.0, 1.2), (12.0, 1.4), (25.0, 1.4)] {
            let noticed =
                seconds(&looks(PollPolicy::default())).into_iter().find(|look| *look >= ready).unwrap();
            assert!(noticed - ready <= noticed_within, "ready after {ready} s, noticed after {noticed} s");
        }
    }

    #[test]
    fn the_fixed_schedule_is_the_codex_clis() {
        let fixed = |interval, timeout| {
            seconds(&looks(PollPolicy::fixed(
                Duration::from_millis(interval),
                Duration::from_millis(timeout),
            )))
        };
        assert_eq!(fixed(10_000, 60_000), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(fixed(10_000, 25_000), [0.0, 10.0, 20.0, 25.0]);
        // Whole seconds: 2.5 s are left, 2 s are slept, and the shortest wait ends after the deadline.
        assert_eq!(fixed(10_000, 2_500), [0.0, 2.0, 3.0]);
        assert_eq!(fixed(10_000, 0), [0.0]);
    }

    #[test]
    fn a_round_is_cut_at_the_deadline_and_the_last_look_a_little_later() {
        let at = |seconds| Moment::ORIGIN + Duration::from_secs(seconds);
        for (begins, ends, is_last) in [(0, 60, false), (59, 60, false), (60, 64, true), (61, 65, true)] {
            let mut schedule = PollPolicy::adaptive(Duration::from_secs(60)).start(at(0));
            assert_eq!(schedule.begin_round(at(begins)), PollRound { ends: at(ends), is_last });
        }
    }

    #[test]
    fn a_look_that_is_cut_at_the_deadline_is_not_the_last() {
        let slow = |policy, took| seconds(&slow_looks(policy, Duration::from_secs(took)));
        let minute = Duration::from_secs(60);
        assert_eq!(slow(PollPolicy::adaptive(minute), 40), [0.0, 40.5, 60.0]);
        assert_eq!(slow(PollPolicy::fixed(Duration::from_secs(10), minute), 100), [0.0, 60.0]);
    }

    #[test]
    fn a_timeout_beyond_all_clocks_does_not_overflow() {
        let mut schedule = PollPolicy::adaptive(Duration::MAX).start(Moment::ORIGIN + Duration::MAX);
        assert_eq!(schedule.after_round(Moment::ORIGIN), Some(FIRST_WAIT));
    }

    proptest! {
        #[test]
        fn every_schedule_looks_at_the_deadline_and_ends(timeout in 0_u64..30_000, interval in prop::option::of(0_u64..60_000)) {
            let timeout = Duration::from_millis(timeout);
            let looks = looks(interval.map_or(PollPolicy::adaptive(timeout), |interval| PollPolicy::fixed(Duration::from_millis(interval), timeout)));
            let last = *looks.last().unwrap();
            prop_assert!(last >= timeout && last <= timeout + SHORTEST_FIXED_WAIT);
            prop_assert!(looks.iter().rev().skip(1).all(|look| *look < timeout));
        }
    }
}
