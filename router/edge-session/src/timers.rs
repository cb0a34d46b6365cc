//! A lazy timer wheel: which connections to look at, and when.
//!
//! In: "look at connection `n` not later than t". Out: the numbers that are due. It never removes or moves an entry:
//! who is looked at too early says again when it wants to be looked at, so a packet that only pushes a deadline back
//! costs nothing. Deliberately absent: what is due and why; that is read from the connection itself.

use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(1);
const TICKS: u64 = 4096;
const WORDS: usize = (TICKS / 64) as usize;

/// The tick for which a connection is already on the wheel; kept by the connection. `None`: not on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scheduled(Option<u64>);

/// 4,096 slots of a millisecond. What lies beyond is looked at when the wheel has turned, and put back.
pub(crate) struct Wheel {
    origin: Instant,
    /// Every tick below this one has been handed out.
    next_tick: u64,
    slots: Vec<Vec<u32>>,
    /// One bit a slot: not empty.
    occupied: [u64; WORDS],
}

impl Wheel {
    pub(crate) fn new(origin: Instant) -> Wheel {
        Wheel { origin, next_tick: 0, slots: vec![Vec::new(); TICKS as usize], occupied: [0; WORDS] }
    }

    /// Puts `index` on the wheel unless it is there for `deadline` or earlier.
    pub(crate) fn schedule(&mut self, index: u32, scheduled: &mut Scheduled, deadline: Instant) {
        // Rounded up: who is looked at before the deadline would have to be looked at again.
        let nanos = deadline.saturating_duration_since(self.origin).as_nanos();
        let wanted = u64::try_from(nanos.div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX);
        let tick = wanted.clamp(self.next_tick, self.next_tick + TICKS - 1);
        if scheduled.0.is_some_and(|already| already <= tick) {
            return;
        }
        scheduled.0 = Some(tick);
        let slot = (tick % TICKS) as usize;
        self.slots[slot].push(index);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// When the next slot is due. The connections in it may turn out to want nothing.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let tick = self.next_occupied()?;
        Some(self.origin + Duration::from_millis(tick))
    }

    /// Appends to `due` the connections of at least one due slot (all of them until `due` holds `enough`).
    pub(crate) fn advance(&mut self, now: Instant, enough: usize, due: &mut Vec<(u32, DueTick)>) {
        let now_tick = (now.saturating_duration_since(self.origin).as_nanos() / TICK.as_nanos()) as u64;
        while due.len() < enough {
            let Some(tick) = self.next_occupied().filter(|tick| *tick <= now_tick) else {
                self.next_tick = self.next_tick.max(now_tick + 1);
                return;
            };
            let slot = (tick % TICKS) as usize;
            due.extend(self.slots[slot].drain(..).map(|index| (index, DueTick(tick))));
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            self.next_tick = tick + 1;
        }
    }

    /// The first tick at or after `next_tick` whose slot is not empty.
    fn next_occupied(&self) -> Option<u64> {
        let start = (self.next_tick % TICKS) as usize;
        for step in 0..=WORDS {
            let word = (start / 64 + step) % WORDS;
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == WORDS {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (slot + TICKS as usize - start) % TICKS as usize;
                return Some(self.next_tick + ahead as u64);
            }
        }
        None
    }
}

/// The slot in which a due entry stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DueTick(u64);

impl Scheduled {
    /// Whether the entry from `tick` is this connection's current one; an older one was overtaken.
    pub(crate) fn is_at(&self, tick: DueTick) -> bool {
        self.0 == Some(tick.0)
    }

    /// The current entry has left the wheel.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.advance(now, usize::MAX, &mut due);
        due.into_iter().map(|(index, _)| index).collect()
    }

    #[test]
    fn deadlines_come_due_in_order_and_not_before() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        let at = |ms| origin + Duration::from_millis(ms);
        for (index, ms) in [(1, 30), (2, 10), (3, 4000), (4, 10)] {
            wheel.schedule(index, &mut Scheduled::default(), at(ms));
        }
        assert_eq!(wheel.next_due(), Some(at(10)));
        assert!(fired(&mut wheel, at(9)).is_empty());
        assert_eq!(fired(&mut wheel, at(10)), [2, 4]);
        assert_eq!(fired(&mut wheel, at(5000)), [1, 3]);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn an_earlier_wish_overtakes_and_a_later_one_costs_nothing() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        let mut scheduled = Scheduled::default();
        wheel.schedule(7, &mut scheduled, origin + Duration::from_millis(50));
        wheel.schedule(7, &mut scheduled, origin + Duration::from_millis(90));
        wheel.schedule(7, &mut scheduled, origin + Duration::from_millis(20));
        let mut due = Vec::new();
        wheel.advance(origin + Duration::from_secs(1), usize::MAX, &mut due);
        let current: Vec<bool> = due.iter().map(|(_, tick)| scheduled.is_at(*tick)).collect();
        assert_eq!(current, [true, false]);
    }

    #[test]
    fn beyond_the_horizon_is_looked_at_early_and_the_past_at_once() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        wheel.schedule(1, &mut Scheduled::default(), origin + Duration::from_secs(3600));
        assert_eq!(fired(&mut wheel, origin + Duration::from_secs(5)), [1]);
        wheel.schedule(2, &mut Scheduled::default(), origin);
        assert_eq!(wheel.next_due(), Some(origin + Duration::from_millis(5001)));
        assert_eq!(fired(&mut wheel, origin + Duration::from_millis(5001)), [2]);
    }

    #[test]
    fn a_turn_ends_when_it_has_enough() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        for index in 0..10 {
            wheel.schedule(index, &mut Scheduled::default(), origin + Duration::from_millis(u64::from(index)));
        }
        let mut due = Vec::new();
        wheel.advance(origin + Duration::from_secs(1), 4, &mut due);
        assert_eq!(due.len(), 4);
        due.clear();
        wheel.advance(origin + Duration::from_secs(1), 100, &mut due);
        assert_eq!(due.len(), 6);
    }
}
