//! Whether threads turn: each beats once a turn, and whoever looks sees for how long one has been silent.
//!
//! What comes in: beats, a relaxed store each. What goes out: which threads stand still and what the kernel says of them; and, told
//! once each, what an operator should hear. A silence that everybody shares is the process's own (a stopped process, a paused
//! machine), and no thread is blamed for it.
//!
//! Deliberately absent: what to do about a thread that stands still, and pulses of `main` and `signals`. These two wait for a
//! thread's last word and for a signal, and for nothing else; they would turn only to beat, and a silence would take a node out
//! of service (`/readyz`) that serves everybody. Held from outside all the same: without `signals`, `edgectl drain` works;
//! without `main`, neither a drain nor a thread that fails ends the process, and whoever wants its end kills it.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A thread that has not turned for this long stands still. Every thread's longest sleep is a twentieth of it.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(2);
/// A thread that has stood still for this long will hardly go on by itself: the process is better started anew.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(30);

/// Before the first beat and after the last: nobody waits for one.
const AT_REST: u64 = u64::MAX;

/// One thread's pulse: written by that thread, read by any.
pub(crate) struct Pulse {
    thread: String,
    origin: Instant,
    /// Milliseconds from `origin` to the latest beat.
    beat: AtomicU64,
    /// The longest silence of at least [`STUCK_AFTER`] between two beats that nobody has taken note of, milliseconds.
    gap: AtomicU64,
    /// The kernel's number of the thread; 0 before the first beat.
    tid: AtomicU32,
}

impl Pulse {
    fn new(thread: &str, origin: Instant) -> Pulse {
        let (beat, gap, tid) = (AtomicU64::new(AT_REST), AtomicU64::new(0), AtomicU32::new(0));
        Pulse { thread: thread.to_owned(), origin, beat, gap, tid }
    }

    /// The thread turns. Called by that thread alone.
    pub(crate) fn beat(&self, now: Instant) {
        let now = millis(now.saturating_duration_since(self.origin));
        let before = self.beat.load(Ordering::Relaxed);
        if before == AT_REST {
            self.tid.store(own_tid().unwrap_or(0), Ordering::Relaxed);
        } else if now.saturating_sub(before) >= millis(STUCK_AFTER) {
            self.gap.fetch_max(now - before, Ordering::Relaxed);
        }
        self.beat.store(now, Ordering::Relaxed);
    }

    /// The thread has ended, or nothing is awaited of it any more.
    pub(crate) fn rest(&self) {
        self.beat.store(AT_REST, Ordering::Relaxed);
    }

    /// For how long it has not turned; `None` while nobody waits for it.
    fn silent(&self, now: Instant) -> Option<Duration> {
        let beat = self.beat.load(Ordering::Relaxed);
        let now = millis(now.saturating_duration_since(self.origin));
        (beat != AT_REST).then(|| Duration::from_millis(now.saturating_sub(beat)))
    }

    fn take_gap(&self) -> Duration {
        Duration::from_millis(self.gap.swap(0, Ordering::Relaxed))
    }

    /// What the kernel says of the thread: its state, and where it waits.
    fn state(&self) -> Option<String> {
        let task = format!("/proc/self/task/{}", self.tid.load(Ordering::Relaxed));
        let stat = std::fs::read_to_string(format!("{task}/stat")).ok()?;
        let letter = stat.rsplit_once(") ")?.1.chars().next()?;
        let meaning = match letter {
            'R' => "running",
            'S' => "asleep",
            'D' => "in an uninterruptible wait, most often for a disk",
            'T' => "stopped",
            't' => "stopped by a tracer",
            _ => "otherwise",
        };
        let place = std::fs::read_to_string(format!("{task}/wchan")).unwrap_or_default();
        let place = if place.is_empty() || place == "0" { String::new() } else { format!(", in {place}") };
        Some(format!("{letter}: {meaning}{place}"))
    }
}

/// The calling thread's number, as the kernel's file system tells it: `PID/task/TID`.
fn own_tid() -> Option<u32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(AT_REST - 1)
}

/// The pulses of all threads, in the order of their starts.
#[derive(Clone)]
pub(crate) struct Pulses {
    origin: Instant,
    /// Locked by who starts a thread and by who looks, never by a beat.
    all: Arc<Mutex<Vec<Arc<Pulse>>>>,
}

/// A thread that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent {
    pub(crate) thread: String,
    pub(crate) silent: Duration,
    /// What the kernel says of it, where it says something.
    pub(crate) state: Option<String>,
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the thread `{}` has not turned for {:.1} s", self.thread, self.silent.as_secs_f64())?;
        self.state.iter().try_for_each(|state| write!(f, " ({state})"))
    }
}

impl Pulses {
    pub(crate) fn new(origin: Instant) -> Pulses {
        Pulses { origin, all: Arc::default() }
    }

    /// A pulse for another thread.
    pub(crate) fn add(&self, thread: &str) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new(thread, self.origin));
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(pulse.clone());
        pulse
    }

    fn all(&self) -> Vec<Arc<Pulse>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every thread that should turn, and for how long it has not.
    pub(crate) fn ages(&self, now: Instant) -> Vec<(String, Duration)> {
        self.all().iter().filter_map(|p| Some((p.thread.clone(), p.silent(now)?))).collect()
    }

    /// The threads that stand still.
    pub(crate) fn silent(&self, now: Instant) -> Vec<Silent> {
        let silent = |p: &Arc<Pulse>| {
            let silent = p.silent(now).filter(|silent| *silent >= STUCK_AFTER)?;
            Some(Silent { thread: p.thread.clone(), silent, state: p.state() })
        };
        self.all().iter().filter_map(silent).collect()
    }
}

/// What an operator should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A thread stands still. Told again whenever its silence has doubled.
    Silent(Silent),
    /// It turns again, after this long.
    GoesOn(String, Duration),
    /// No thread turned for so long, the watching one among them.
    AllStood(Duration),
}

impl News {
    pub(crate) fn tell(&self) {
        match self {
            News::Silent(silent) => tracing::error!(
                thread = silent.thread,
                silent_s = silent.silent.as_secs_f64(),
                kernel = silent.state,
                "a thread does not turn"
            ),
            News::GoesOn(thread, silent) => {
                tracing::warn!(thread, silent_s = silent.as_secs_f64(), "a thread that stood still turns again");
            }
            News::AllStood(silent) => tracing::warn!(
                silent_s = silent.as_secs_f64(),
                "the whole process stood still: it was stopped, or the machine was, or it got no processor"
            ),
        }
    }
}

/// Looks at the pulses from time to time and says what is new.
pub(crate) struct Watch {
    pulses: Pulses,
    /// Of the thread that looks. It says itself what stood still together with it.
    own: Arc<Pulse>,
    /// The one thread to look at, where it is not all others.
    only: Option<&'static str>,
    looked: Instant,
    /// Threads that were told to stand still, and the silence that was told last.
    told: Vec<(String, Duration)>,
}

impl Watch {
    /// A look at every other thread.
    pub(crate) fn of_all(pulses: Pulses, own: Arc<Pulse>, now: Instant) -> Watch {
        Watch { pulses, own, only: None, looked: now, told: Vec::new() }
    }

    /// A look at one thread alone: somebody must look at whoever looks at all.
    pub(crate) fn of_one(pulses: Pulses, own: Arc<Pulse>, thread: &'static str, now: Instant) -> Watch {
        Watch { only: Some(thread), ..Watch::of_all(pulses, own, now) }
    }

    /// What is new since the look before.
    pub(crate) fn look(&mut self, now: Instant) -> Vec<News> {
        let unwatched = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let all = self.pulses.all();
        let is_watched = |p: &&Arc<Pulse>| match self.only {
            Some(thread) => p.thread == thread,
            None => !Arc::ptr_eq(p, &self.own),
        };
        let seen: Vec<_> =
            all.iter().filter(is_watched).filter_map(|p| Some((p, p.silent(now)?, p.take_gap()))).collect();
        if unwatched >= STUCK_AFTER && self.only.is_some() {
            return Vec::new();
        }
        if unwatched >= STUCK_AFTER {
            // Whoever stands still beyond this shows at the next look.
            let stood = |silent: Duration, gap: Duration| silent.max(gap) >= unwatched / 2;
            let is_all = seen.iter().all(|(_, silent, gap)| stood(*silent, *gap));
            return vec![if is_all {
                News::AllStood(unwatched)
            } else {
                News::GoesOn(self.own.thread.clone(), unwatched)
            }];
        }
        let mut news = Vec::new();
        for (pulse, silent, gap) in seen {
            let thread = &pulse.thread;
            let told = self.told.iter().position(|(told, _)| told == thread);
            if silent >= STUCK_AFTER {
                if told.is_some_and(|at| silent < 2 * self.told[at].1) {
                    continue;
                }
                told.map(|at| self.told.swap_remove(at));
                self.told.push((thread.clone(), silent));
                news.push(News::Silent(Silent { thread: thread.clone(), silent, state: pulse.state() }));
            } else if let Some(at) = told {
                let (thread, silent) = self.told.swap_remove(at);
                news.push(News::GoesOn(thread, gap.max(silent)));
            }
        }
        news
    }
}

#[cfg(test)]
mod tests;
