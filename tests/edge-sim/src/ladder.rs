//! A shard's overload as its owner's manual has it: one step at a time, the least urgent first, and all the way back.
//!
//! In: the shard's own word on what it does not do, turn by turn. Out: the spans in which each class was not read, for the
//! checker that asks whether it was read all the same; counts; and a violation where a step was left out. Deliberately absent:
//! how full which queue is.

use std::time::Duration;

use edge_event::Class;
use edge_event::identity::CLASSES;
use edge_shard::Strain;

use crate::scribe::{Promise, Scribe};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct LadderWatch {
    strain: Strain,
    /// Since when each class is not read.
    since: [Option<Duration>; CLASSES],
    /// Spans that are over, by class.
    spans: Vec<Span>,
}

/// A class was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) shard: usize,
    pub(crate) class: Class,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// Which classes `architecture.md` and the protocol say are not read: class 3 first, class 0 only at a standstill.
const fn pauses(strain: Strain, class: Class) -> bool {
    match strain {
        Strain::None | Strain::Datagrams => false,
        Strain::Class3 => class.get() == 3,
        Strain::Class2 => class.get() >= 2,
        Strain::Class1 => class.get() >= 1,
        Strain::Standstill => true,
    }
}

impl LadderWatch {
    /// A turn is over.
    pub(crate) fn see(&mut self, shard: usize, strain: Strain, scribe: &mut Scribe<'_>) {
        if strain == self.strain {
            return;
        }
        scribe.note(format_args!("shard {shard}: {:?} after {:?}", strain, self.strain));
        if (strain as u8).abs_diff(self.strain as u8) != 1 {
            let what = format!("shard {shard} went from {:?} to {strain:?} in one step", self.strain);
            scribe.broken(Promise::Overload, what);
        }
        if strain > self.strain {
            let mix = &mut scribe.mix;
            let counter = match strain {
                Strain::None | Strain::Datagrams => &mut mix.sheds_datagrams,
                Strain::Class3 => &mut mix.pauses_class_3,
                Strain::Class2 => &mut mix.pauses_class_2,
                Strain::Class1 => &mut mix.pauses_class_1,
                Strain::Standstill => &mut mix.standstills,
            };
            *counter += 1;
        } else if strain == Strain::None {
            scribe.mix.recoveries += 1;
        }
        let now = edge_door::sim::SimClock::elapsed(&scribe.clock);
        for class in Class::ALL {
            let since = &mut self.since[class.index()];
            if pauses(strain, class) {
                since.get_or_insert(now);
            } else if let Some(from) = since.take() {
                self.spans.push(Span { shard, class, from, to: now });
            }
        }
        self.strain = strain;
    }

    /// Whether it does everything again.
    pub(crate) fn is_back_to_normal(&self) -> bool {
        self.strain == Strain::None
    }

    /// The spans in which a class was not read, those of now included.
    pub(crate) fn spans(&self, shard: usize, now: Duration) -> Vec<Span> {
        let open = Class::ALL.into_iter().filter_map(|class| Some((class, self.since[class.index()]?)));
        let open = open.map(|(class, from)| Span { shard, class, from, to: now });
        self.spans.iter().copied().chain(open).collect()
    }
}
