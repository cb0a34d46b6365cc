//! Commands of a daemon beside those of a replay: equal, or what differs, readably.
//!
//! What comes in: JSON lines of the file sink and of `edgectl rules replay`. What goes out: [`Order`]s, which leave out what
//! depends on a disk, and a comparison as multisets and in each player's order. Deliberately absent: how they came to be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// What a line says of a command wherever it was ordered: all that a replay writes but where it comes from.
const ATTRIBUTES: [&str; 14] = [
    "id",
    "type",
    "subject",
    "time",
    "priority",
    "package",
    "rule",
    "actionindex",
    "revision",
    "producer",
    "class",
    "seq",
    "deadline",
    "data",
];

/// How many differences are shown of either side.
const SHOWN: usize = 10;

/// One command, as both sides must have it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    /// Whom it is about.
    pub player: String,
    /// `package/rule`.
    pub rule: String,
    /// Everything that is compared, as canonical JSON.
    pub text: String,
    is_reply: bool,
}

impl Order {
    /// Reads one line.
    ///
    /// # Panics
    /// Where it is no command.
    pub fn parse(line: &str) -> Order {
        Order::of(&serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
    }

    fn of(line: &Value) -> Order {
        let word = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {line}")).to_owned();
        // A map of serde_json keeps its keys sorted, so equal commands give equal texts.
        let kept = ATTRIBUTES.iter().filter_map(|name| Some(((*name).to_owned(), line.get(*name)?.clone())));
        Order {
            player: word("subject"),
            rule: format!("{}/{}", word("package"), word("rule")),
            text: Value::Object(kept.collect()).to_string(),
            is_reply: word("type") == "edge.command.reply",
        }
    }

    /// The durable commands of a replay's file, and its replies.
    ///
    /// # Panics
    /// Where the file cannot be read.
    pub fn of_replay(file: &Path) -> (Vec<Order>, Vec<Order>) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        text.lines().map(Order::parse).partition(|order| !order.is_reply)
    }

    /// The commands that a daemon delivered into a folder.
    pub fn of_daemon(folder: &Path) -> Vec<Order> {
        crate::lines::read(folder).iter().map(|line| Order::of(line.value())).collect()
    }
}

/// How often each rule ordered something.
pub fn by_rule(orders: &[Order]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for order in orders {
        *counts.entry(order.rule.as_str()).or_default() += 1;
    }
    counts
}

/// `None` where both hold the same commands, each as often, and every player's in the same order; otherwise what differs.
pub fn difference(online: &[Order], offline: &[Order]) -> Option<String> {
    let mut balance: BTreeMap<&Order, i64> = BTreeMap::new();
    online.iter().for_each(|order| *balance.entry(order).or_default() += 1);
    offline.iter().for_each(|order| *balance.entry(order).or_default() -= 1);
    let only = |sign: i64| -> Vec<&Order> {
        let off = balance.iter().filter(|(_, n)| **n * sign > 0);
        off.flat_map(|(order, n)| std::iter::repeat_n(*order, n.unsigned_abs() as usize)).collect()
    };
    let (only_online, only_offline) = (only(1), only(-1));
    if only_online.is_empty() && only_offline.is_empty() {
        return out_of_order(online, offline);
    }
    let mut words = format!("{} commands online, {} offline\n", online.len(), offline.len());
    for (side, orders) in [("online", only_online), ("offline", only_offline)] {
        let _ = writeln!(words, "only {side}: {}", orders.len());
        for order in orders.iter().take(SHOWN) {
            let _ = writeln!(words, "  {} {} {}", order.rule, order.player, order.text);
        }
        if orders.len() > SHOWN {
            let _ = writeln!(words, "  and {} more", orders.len() - SHOWN);
        }
    }
    Some(words)
}

/// Both hold the same commands; lanes promise an order for each player and priority.
fn out_of_order(online: &[Order], offline: &[Order]) -> Option<String> {
    let (online, offline) = (by_lane(online), by_lane(offline));
    for (lane, orders) in &online {
        let theirs = &offline[lane];
        if let Some(at) = (0..orders.len()).find(|at| orders[*at] != theirs[*at]) {
            let (player, priority) = lane;
            return Some(format!(
                "command {} of {player} ({priority}) differs\n  online:  {}\n  offline: {}\n",
                at + 1,
                orders[at],
                theirs[at]
            ));
        }
    }
    None
}

fn by_lane(orders: &[Order]) -> BTreeMap<(&str, String), Vec<&str>> {
    let mut lanes: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for order in orders {
        let value: Value = serde_json::from_str(&order.text).expect("it was written from JSON");
        let priority = value["priority"].as_str().unwrap_or_default().to_owned();
        lanes.entry((order.player.as_str(), priority)).or_default().push(order.text.as_str());
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(player: &str, rule: &str, seq: u64, payload: u64) -> Order {
        let line = format!(
            r#"{{"id":"{player}{rule}{seq}","type":"edge.command.publish","subject":"{player}","priority":"p2","package":"x",
            "rule":"{rule}","producer":"ab","class":1,"seq":"{seq}","data":{{"message":{payload}}},"spool":"{payload}"}}"#
        );
        Order::parse(&line)
    }

    #[test]
    fn what_depends_on_a_disk_is_not_compared_and_all_else_is() {
        let base = order("a", "r", 1, 7);
        assert!(!base.text.contains("spool"), "{}", base.text);
        assert_eq!(difference(std::slice::from_ref(&base), std::slice::from_ref(&base)), None);
        for other in [order("b", "r", 1, 7), order("a", "s", 1, 7), order("a", "r", 2, 7), order("a", "r", 1, 8)] {
            let words = difference(std::slice::from_ref(&base), std::slice::from_ref(&other)).expect("they differ");
            assert!(words.contains("only online: 1") && words.contains("only offline: 1"), "{words}");
        }
    }

    #[test]
    fn one_too_many_and_one_missing_are_differences() {
        let (a, b) = (order("a", "r", 1, 7), order("a", "r", 2, 7));
        let words = difference(&[a.clone(), a.clone(), b.clone()], &[a.clone(), b.clone()]).expect("twice is not once");
        assert!(words.contains("only online: 1") && words.contains("only offline: 0"), "{words}");
        let words = difference(&[], &[a, b]).expect("nothing is not two");
        assert!(words.contains("0 commands online, 2 offline"), "{words}");
    }

    #[test]
    fn a_players_order_counts_and_that_of_players_among_each_other_does_not() {
        let (a1, a2, b1) = (order("a", "r", 1, 7), order("a", "r", 2, 7), order("b", "r", 1, 7));
        let offline = [a1.clone(), a2.clone(), b1.clone()];
        assert_eq!(difference(&[b1.clone(), a1.clone(), a2.clone()], &offline), None);
        let words = difference(&[a2, a1, b1], &offline).expect("swapped");
        assert!(words.contains("command 1 of a (p2) differs"), "{words}");
    }

    #[test]
    fn many_differences_are_not_all_shown() {
        let many: Vec<Order> = (0..50).map(|seq| order("a", "r", seq, 1)).collect();
        let words = difference(&many, &[]).expect("they differ");
        assert_eq!(words.lines().count(), 2 + SHOWN + 1 + 1, "{words}");
        assert!(words.contains("and 40 more"), "{words}");
    }
}
