//! What the scenarios' rules must have ordered: an oracle of a page, which knows no engine.
//!
//! What comes in: each player's events, in the order of their numbers. What goes out: the commands that these must order, no
//! more and no less. It holds for players with one producer whose events of a kind stay in one class.

use std::collections::BTreeSet;

/// An event, as far as a rule looks at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A hit: how hard, where.
    Hit {
        /// 0 to 100.
        power: i32,
        /// E.g. `catacombs`.
        zone: String,
    },
    /// A login.
    Login,
    /// A kill.
    Kill,
    /// Nothing any rule cares for.
    Noise,
}

/// One command of one event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ordered {
    /// By which rule.
    pub rule: String,
    /// Which of its actions.
    pub action: u64,
    /// The event's producer.
    pub producer: String,
    /// The event's class.
    pub class: u8,
    /// The event's number.
    pub seq: u64,
}

/// One player's story.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The producer's id, as the lines show it.
    pub producer: String,
    /// What was sent, by class; the first has seq 1.
    pub told: [Vec<Told>; 4],
}

impl Story {
    /// Every command that the events order.
    pub fn ordered(&self) -> BTreeSet<Ordered> {
        let mut all = BTreeSet::new();
        for (class, told) in self.told.iter().enumerate() {
            let (mut kills, mut logins) = (0, 0);
            for (before, event) in told.iter().enumerate() {
                let mut order = |rule: &str, action| {
                    let (rule, producer) = (rule.to_owned(), self.producer.clone());
                    all.insert(Ordered { rule, action, producer, class: class as u8, seq: before as u64 + 1 });
                };
                match event {
                    Told::Hit { power, zone } => {
                        order("audit", 0);
                        if *power >= 50 && (zone == "catacombs" || zone == "sky_fortress") {
                            order("hard_hit", 0);
                            order("hard_hit", 1);
                        }
                    }
                    Told::Login => {
                        logins += 1;
                        if logins == 1 {
                            order("welcome", 0);
                        }
                    }
                    Told::Kill => {
                        kills += 1;
                        if kills >= 3 {
                            order("streak", 0);
                        }
                    }
                    Told::Noise => {}
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_orders_what_its_rules_say() {
        let mut story = Story { producer: "p".into(), ..Story::default() };
        let hit = |power| Told::Hit { power, zone: "catacombs".into() };
        story.told[1] = vec![Told::Login, Told::Kill, Told::Login, Told::Kill, Told::Kill, hit(49), hit(50)];
        let seen: Vec<_> = story.ordered().into_iter().map(|o| (o.rule, o.action, o.seq)).collect();
        let wanted = [("audit", 0, 6), ("audit", 0, 7), ("hard_hit", 0, 7), ("hard_hit", 1, 7), ("streak", 0, 5)];
        let mut wanted: Vec<_> = wanted.map(|(rule, action, seq)| (rule.to_owned(), action, seq)).into();
        wanted.push(("welcome".to_owned(), 0, 1));
        assert_eq!(seen, wanted);
    }
}
