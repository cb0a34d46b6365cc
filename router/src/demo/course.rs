//! When things happen to one simulated player: match after match, by the table's rates and the dice.
//!
//! What comes in: the table, a seed, the player's number. What goes out: [`Moment`]s in the order of game time, without end.
//! Players come in pairs that meet in the same matches: what both must agree on (length, winner) is thrown by dice that both
//! share. Deliberately absent: what events say (`script.rs`).

use std::sync::Arc;

use super::dice::Dice;
use super::mix::Mix;

/// Something happens.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Moment {
    /// Game time since the demo began. Milliseconds.
    pub(crate) at_ms: u64,
    /// How much of the match has passed, 0 to 1.
    pub(crate) age: f64,
    /// The event type's place in the table.
    pub(crate) of: usize,
    pub(crate) turn: Turn,
}

/// What a moment is in the match.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Turn {
    Joined,
    Played,
    Left,
    Ended,
}

/// One player's course.
#[derive(Debug)]
pub(crate) struct Course {
    mix: Arc<Mix>,
    seed: u64,
    player: u64,
    dice: Dice,
    /// The number of the match.
    match_number: u64,
    /// When the match began. Milliseconds of game time.
    began_ms: f64,
    length_ms: f64,
    won: bool,
    /// When each type comes next, milliseconds into the match; never where it does not come in this match.
    next_ms: Vec<f64>,
    /// What gaps are multiplied by, so that their mean meets the type's rate; 0 where the table tells no gaps.
    stretch: Vec<f64>,
    /// What is left to tell of the match's begin or end, last first.
    pending: Vec<Moment>,
    joined: usize,
    left: usize,
    ended: usize,
}

/// Between two matches. Milliseconds of game time.
pub(crate) const LOBBY_MS: f64 = 5_000.0;
/// Multiples of it are spread evenly over a circle, better than dice would.
const GOLDEN: f64 = 0.618_033_988_749_894_8;

impl Course {
    /// Player number `player` of `seed`.
    ///
    /// # Panics
    /// The table knows no begin or end of a match.
    pub(crate) fn new(mix: Arc<Mix>, seed: u64, player: u64) -> Course {
        let place = |name| mix.place_of(name).unwrap_or_else(|| panic!("the table must tell of {name}"));
        let (joined, left, ended) = (place("match_joined"), place("match_left"), place("match_ended"));
        let stretch = |mean_ms: f64, a_second: f64| if mean_ms > 0.0 { 1000.0 / a_second / mean_ms } else { 0.0 };
        let stretch = mix.types.iter().map(|of| stretch(mix.mean(&of.gap_ms), of.a_second)).collect();
        let mut course = Course {
            seed,
            player,
            dice: Dice::new(seed, &[1, player]),
            match_number: 0,
            began_ms: 0.0,
            length_ms: 0.0,
            won: false,
            next_ms: Vec::new(),
            stretch,
            pending: Vec::new(),
            joined,
            left,
            ended,
            mix,
        };
        course.begin_match();
        course
    }

    /// Names the match for both who play in it.
    pub(crate) fn match_id(&self) -> String {
        format!("d{:04}-{}", self.player / 2, self.match_number)
    }

    /// What both players of the match throw alike.
    pub(crate) fn shared_dice(&self) -> Dice {
        Dice::new(self.seed, &[2, self.player / 2, self.match_number])
    }

    /// Whether the player wins the match.
    pub(crate) fn won(&self) -> bool {
        self.won
    }

    /// How long the match is.
    pub(crate) fn seconds(&self) -> f64 {
        self.length_ms / 1000.0
    }

    fn begin_match(&mut self) {
        let mut shared = self.shared_dice();
        let length_ms = self.mix.value(&self.mix.recording.stay_s, shared.unit()) * 1000.0;
        // Whoever looks comes into the middle of things: the first match has been under way for a while.
        self.length_ms = if self.match_number == 0 { length_ms * shared.unit() } else { length_ms };
        self.won = shared.hits(0.5) == self.player.is_multiple_of(2);
        let offset = Dice::new(self.seed, &[3]).unit();
        let presence = (offset + (self.player + 101 * self.match_number) as f64 * GOLDEN).fract();
        self.next_ms = (0..self.mix.types.len()).map(|of| self.first_ms(of, presence)).collect();
        self.pending.push(self.moment(0.0, self.joined, Turn::Joined));
    }

    fn end_match(&mut self) {
        let leaves = self.mix.types[self.left].count as f64 / self.mix.types[self.ended].count.max(1) as f64;
        self.pending.push(self.moment(self.length_ms, self.ended, Turn::Ended));
        if self.dice.hits(leaves) {
            self.pending.push(self.moment(self.length_ms, self.left, Turn::Left));
        }
    }

    fn moment(&self, in_match_ms: f64, of: usize, turn: Turn) -> Moment {
        let age = if self.length_ms > 0.0 { in_match_ms / self.length_ms } else { 0.0 };
        Moment { at_ms: (self.began_ms + in_match_ms) as u64, age, of, turn }
    }

    /// When a type comes first in a match; its gaps have been running before the match began.
    fn first_ms(&mut self, of: usize, presence: f64) -> f64 {
        if [self.joined, self.left, self.ended].contains(&of) || presence >= self.mix.types[of].present {
            return f64::INFINITY;
        }
        if self.stretch[of] == 0.0 {
            return self.gap_ms(of);
        }
        // A moment falls into a gap with the probability of the gap's length, and anywhere in it.
        let (segment, place) = (self.dice.unit(), self.dice.unit());
        let under_way = self.mix.value_by_weight(&self.mix.types[of].gap_ms, segment, place);
        under_way * self.stretch[of] * self.dice.unit()
    }

    fn gap_ms(&mut self, of: usize) -> f64 {
        let (kind, share) = (&self.mix.types[of], self.dice.unit());
        if self.stretch[of] > 0.0 {
            self.mix.value(&kind.gap_ms, share) * self.stretch[of]
        } else {
            -(1.0 - share).ln() * 1000.0 / kind.a_second
        }
    }

    /// The next moment; there always is one. After a match's last moment its facts stay readable until the next call.
    pub(crate) fn next_moment(&mut self) -> Moment {
        if let Some(moment) = self.pending.pop() {
            return moment;
        }
        let (mut of, mut at_ms) = (self.ended, self.length_ms);
        for (place, next_ms) in self.next_ms.iter().enumerate() {
            if *next_ms < at_ms {
                (of, at_ms) = (place, *next_ms);
            }
        }
        if at_ms < self.length_ms {
            self.next_ms[of] = at_ms + self.gap_ms(of);
            return self.moment(at_ms, of, Turn::Played);
        }
        if self.next_ms.is_empty() {
            self.began_ms += self.length_ms + LOBBY_MS;
            self.match_number += 1;
            self.begin_match();
        } else {
            self.next_ms.clear();
            self.end_match();
        }
        self.pending.pop().expect("INVARIANT: a match's begin and end are moments")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_and_the_rates_are_those_of_the_table() {
        let mix = Arc::new(Mix::embedded());
        let (players, until_ms) = (200, 7_200_000);
        let mut counts = vec![0_u64; mix.types.len()];
        let mut lobby_ms = 0.0;
        for player in 0..players {
            let mut course = Course::new(mix.clone(), 13, player);
            loop {
                let moment = course.next_moment();
                if moment.at_ms >= until_ms {
                    break;
                }
                counts[moment.of] += 1;
                lobby_ms += if moment.turn == Turn::Ended { LOBBY_MS } else { 0.0 };
            }
        }
        let seconds = (players * until_ms) as f64 / 1000.0 - lobby_ms / 1000.0;
        // Everybody enters one match in its middle.
        counts[mix.place_of("match_joined").unwrap()] -= players;
        let total: u64 = counts.iter().sum();
        let (rate, recorded) = (total as f64 / seconds, mix.recording.events as f64 / mix.recording.player_seconds);
        assert!((rate / recorded - 1.0).abs() < 0.02, "{rate} events a second of play, {recorded} recorded");
        for (of, count) in mix.types.iter().zip(&counts) {
            let share = *count as f64 / total as f64;
            let off = share / of.share - 1.0;
            // What is frequent is held tightly; what is rare comes in clumps, in some matches only.
            let clumps = (10.0 / (of.share * total as f64)).sqrt();
            let tolerance = if of.share > 0.03 { 0.03 } else { 0.05 + 3.0 * clumps };
            assert!(
                off.abs() < tolerance,
                "{}: share {share:.5}, recorded {}, off by {off:.3} > {tolerance:.3}",
                of.name,
                of.share
            );
        }
    }

    #[test]
    fn a_match_begins_with_joining_and_ends_once() {
        let mut course = Course::new(Arc::new(Mix::embedded()), 2, 5);
        let moments: Vec<Moment> = (0..20_000).map(|_| course.next_moment()).collect();
        assert!(moments.is_sorted_by_key(|m| m.at_ms));
        assert_eq!(moments[0].turn, Turn::Joined);
        for pair in moments.windows(2) {
            assert_eq!(pair[0].turn == Turn::Ended, pair[1].turn == Turn::Joined, "{pair:?}");
            assert!(pair[0].turn != Turn::Left || pair[1].turn == Turn::Ended, "{pair:?}");
        }
        assert!(moments.iter().all(|m| (0.0..=1.0).contains(&m.age)));
    }
}
