//! Overload: what a shard stops doing, the least urgent first, while its queues are near full.
//!
//! What comes in: how full the fullest queue is, and for how long nothing has moved. What goes out: a [`Strain`], one step at
//! a time. A step up needs persistence, because every change of a class visits every session, and while a queue is only full
//! now and then the rings' own backpressure serves everybody better. A step down comes soon: a shard that could work and
//! does not is worse than one that reads too much. Deliberately absent: queues and sessions. Nothing here drops a reliable
//! event.
//!
//! | strain | what has stopped | from, of the fullest queue | back below |
//! |---|---|---|---|
//! | `Datagrams` | datagram events are read | 4/8 | 2/8 |
//! | `Class3` | class 3 is read | 5/8 | 3/8 |
//! | `Class2` | class 2 is read | 6/8 | 4/8 |
//! | `Class1` | class 1 is read, new sessions are let in | 7/8 | 5/8 |
//! | `Standstill` | class 0 is read | nothing moved for 100 ms | something moves |

use std::time::{Duration, Instant};

use edge_event::Class;

/// What a shard does not do at the moment; each includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Strain {
    /// It does everything.
    #[default]
    None = 0,
    /// Datagram events are shed (counted by the sessions).
    Datagrams = 1,
    /// Class 3 is not read.
    Class3 = 2,
    /// Class 2 is not read.
    Class2 = 3,
    /// Class 1 is not read, and new sessions are refused.
    Class1 = 4,
    /// Nothing moves, so nothing is read. Connections are still kept alive, closed and refused.
    Standstill = 5,
}

/// How it stands with a shard's queues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    /// How full the fullest queue is, in eighths, rounded down.
    pub(crate) eighths: usize,
    /// For how long an event has waited for room while none found any.
    pub(crate) stalled_for: Duration,
}

/// From how many eighths on the next strain is called for. One is left again two eighths below.
const UP_EIGHTHS: [usize; 4] = [4, 5, 6, 7];
const SLACK_EIGHTHS: usize = 2;
/// How long a queue must be that full, at every look.
const UP_AFTER: Duration = Duration::from_millis(100);
/// How long it must be below.
const DOWN_AFTER: Duration = Duration::from_millis(10);
/// From when on a shard that waits for room counts as standing still.
const STANDSTILL_AFTER: Duration = Duration::from_millis(100);

/// Goes up and down the strains.
#[derive(Debug)]
pub(crate) struct Ladder {
    strain: Strain,
    wish: Wish,
    /// Since when it is wished.
    since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Up(Duration),
    Stay,
    Down(Duration),
}

impl Ladder {
    pub(crate) fn new(now: Instant) -> Ladder {
        Ladder { strain: Strain::None, wish: Wish::Stay, since: now }
    }

    pub(crate) fn strain(&self) -> Strain {
        self.strain
    }

    /// Takes at most one step, and says where it leads.
    pub(crate) fn judge(&mut self, now: Instant, load: Load) -> Option<Strain> {
        let wish = self.strain.wish(load);
        if wish != self.wish {
            (self.wish, self.since) = (wish, now);
        }
        let at = self.due()?;
        if at > now {
            return None;
        }
        self.strain = match wish {
            Wish::Up(_) => Strain::ALL[self.strain as usize + 1],
            Wish::Down(_) => Strain::ALL[self.strain as usize - 1],
            Wish::Stay => self.strain,
        };
        self.since = now;
        Some(self.strain)
    }

    /// When the next step is due, if nothing changes.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.wish {
            Wish::Up(after) | Wish::Down(after) => Some(self.since + after),
            Wish::Stay => None,
        }
    }
}

impl Strain {
    const ALL: [Strain; 6] =
        [Strain::None, Strain::Datagrams, Strain::Class3, Strain::Class2, Strain::Class1, Strain::Standstill];

    /// Whether a class is not read.
    pub(crate) fn pauses(self, class: Class) -> bool {
        self as usize + class.index() >= Strain::Standstill as usize
    }

    fn wish(self, load: Load) -> Wish {
        let is_still = load.stalled_for >= STANDSTILL_AFTER;
        match self as usize {
            5 if is_still => Wish::Stay,
            5 => Wish::Down(Duration::ZERO),
            4 if is_still => Wish::Up(Duration::ZERO),
            level if level < 4 && load.eighths >= UP_EIGHTHS[level] => Wish::Up(UP_AFTER),
            level if level > 0 && load.eighths + SLACK_EIGHTHS < UP_EIGHTHS[level - 1] => Wish::Down(DOWN_AFTER),
            _ => Wish::Stay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn load(eighths: usize) -> Load {
        Load { eighths, stalled_for: Duration::ZERO }
    }

    /// Judges every millisecond from `from` on and says the steps with their times.
    fn steps(ladder: &mut Ladder, from: Instant, ms: u32, load: Load) -> Vec<(u32, Strain)> {
        (0..ms).filter_map(|at| ladder.judge(from + at * MS, load).map(|strain| (at, strain))).collect()
    }

    #[test]
    fn a_queue_that_stays_full_is_answered_step_by_step_the_least_urgent_first() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        let up = steps(&mut ladder, start, 500, load(8));
        assert_eq!(up, [(100, Strain::Datagrams), (200, Strain::Class3), (300, Strain::Class2), (400, Strain::Class1)]);
        let down = steps(&mut ladder, start + 500 * MS, 2_000, load(0));
        assert_eq!(down, [(10, Strain::Class2), (20, Strain::Class3), (30, Strain::Datagrams), (40, Strain::None)]);
    }

    #[test]
    fn a_burst_that_the_next_turn_swallows_changes_nothing() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        for at in 0..1_000 {
            let eighths = if at % 99 == 0 { 0 } else { 8 };
            assert_eq!(ladder.judge(start + at * MS, load(eighths)), None);
        }
    }

    #[test]
    fn between_the_two_marks_it_stays() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        assert_eq!(steps(&mut ladder, start, 110, load(4)).len(), 1);
        for eighths in [2, 3, 4] {
            assert_eq!(steps(&mut ladder, start + 110 * MS, 3_000, load(eighths)), [], "{eighths}");
        }
    }

    #[test]
    fn class_0_is_paused_only_while_nothing_moves_at_all() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        steps(&mut ladder, start, 401, load(8));
        let still = Load { eighths: 8, stalled_for: STANDSTILL_AFTER };
        assert_eq!(ladder.judge(start + 410 * MS, still), Some(Strain::Standstill));
        assert_eq!(ladder.judge(start + 10_000 * MS, still), None);
        assert_eq!(ladder.judge(start + 10_001 * MS, load(8)), Some(Strain::Class1), "at once");
        let paused = |strain: Strain| Class::ALL.map(|class| strain.pauses(class));
        assert_eq!(paused(Strain::Datagrams), [false; 4]);
        assert_eq!(paused(Strain::Class3), [false, false, false, true]);
        assert_eq!(paused(Strain::Class1), [false, true, true, true]);
        assert_eq!(paused(Strain::Standstill), [true; 4]);
    }

    #[test]
    fn the_next_step_is_due_when_it_is_taken() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        assert_eq!(ladder.due(), None);
        ladder.judge(start, load(8));
        let due = ladder.due().unwrap();
        assert_eq!(ladder.judge(due - MS, load(8)), None);
        assert!(ladder.judge(due, load(8)).is_some());
    }
}
