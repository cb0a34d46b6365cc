//! The table of segments on disk: which records each begins with, and whether it may retire.

use std::collections::VecDeque;

use edge_event::Position;

/// A segment that is or was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// Its first record; `None` while it has none.
    pub(crate) first: Option<Position>,
    /// Its last record that has commands.
    pub(crate) last_command: Option<Position>,
    /// Bytes it takes on disk.
    pub(crate) bytes: u64,
}

/// Segments by rising number; the last is the one in use.
#[derive(Debug, Default)]
pub(crate) struct Segments(VecDeque<Segment>);

impl Segments {
    pub(crate) fn push(&mut self, segment: Segment) {
        assert!(
            self.0.back().is_none_or(|s| s.number < segment.number),
            "segments are numbered in the order of their use"
        );
        self.0.push_back(segment);
    }

    pub(crate) fn current(&mut self) -> &mut Segment {
        self.0.back_mut().expect("a spool always has a segment in use")
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.0.front().expect("a spool always has a segment in use").number
    }

    /// The segment where a committed record stands.
    pub(crate) fn of(&self, position: Position) -> u64 {
        let holder = self.0.iter().rev().find(|s| s.first.is_some_and(|f| f <= position));
        holder.map_or(self.oldest(), |s| s.number)
    }

    /// The number of the oldest segment that must stay, when everything up to `settled` is delivered and the last complete
    /// checkpoint began at `checkpoint`.
    pub(crate) fn first_to_keep(&self, settled: Position, checkpoint: Option<Position>) -> u64 {
        let Some(checkpoint) = checkpoint else { return self.oldest() };
        let begun_in = self.of(checkpoint);
        let keep = self.0.iter().find(|s| s.number >= begun_in || s.last_command.is_some_and(|p| p > settled));
        keep.map_or(begun_in, |s| s.number)
    }

    /// Whether the oldest segment stays for want of a checkpoint alone: its commands are settled.
    pub(crate) fn wait_for_checkpoint(&self, settled: Position, checkpoint: Option<Position>) -> bool {
        let is_settled = self.0.front().is_some_and(|s| s.last_command.is_none_or(|p| p <= settled));
        self.0.len() > 1 && is_settled && self.first_to_keep(settled, checkpoint) <= self.oldest()
    }

    /// How many segments are younger than the one where a checkpoint began; all, when there is none.
    pub(crate) fn newer_than(&self, checkpoint: Option<Position>) -> usize {
        let begun_in = checkpoint.map_or(0, |position| self.of(position));
        self.0.iter().rev().take_while(|s| s.number > begun_in).count()
    }

    /// Takes out what is older than `first`.
    pub(crate) fn retire_before(&mut self, first: u64) -> Vec<Segment> {
        let count = self.0.iter().take_while(|s| s.number < first).count();
        self.0.drain(..count).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|s| s.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use edge_event::StartEpoch;

    use super::*;

    fn at(n: u64) -> Position {
        Position { epoch: StartEpoch(1), n }
    }

    fn table() -> Segments {
        let mut segments = Segments::default();
        for (number, first, last_command) in [(1, 1, Some(4)), (2, 6, None), (3, 9, Some(11)), (4, 20, None)] {
            segments.push(Segment { number, first: Some(at(first)), last_command: last_command.map(at), bytes: 10 });
        }
        segments
    }

    #[test]
    fn a_segment_waits_for_its_commands_and_for_a_checkpoint_behind_it() {
        let segments = table();
        assert_eq!(segments.first_to_keep(at(30), None), 1, "no checkpoint");
        assert_eq!(segments.first_to_keep(at(3), Some(at(21))), 1, "a command of segment 1 is not settled");
        assert_eq!(segments.first_to_keep(at(4), Some(at(21))), 3, "segment 2 has no commands");
        assert_eq!(segments.first_to_keep(at(11), Some(at(21))), 4, "the checkpoint began in segment 4");
        assert_eq!(segments.first_to_keep(at(11), Some(at(7))), 2, "the checkpoint began in segment 2");
    }

    #[test]
    fn retired_segments_leave_the_table() {
        let mut segments = table();
        assert_eq!(segments.retire_before(3).len(), 2);
        assert_eq!((segments.oldest(), segments.len(), segments.bytes()), (3, 2, 20));
    }
}
