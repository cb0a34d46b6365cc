//! What a seed decides about a second node: whether there is one, which trouble meets it, and who moves there and back.
//!
//! In: the seed's generator, the plan so far. Out: the same trouble, some of it elsewhere, and clients that roam. Deliberately
//! absent: clients that turn to the other node by themselves, because theirs does not answer (see [`cast`](crate::cast)).

use std::time::Duration;

use edge_door::sim::Rng;

use super::Trouble;

/// How many nodes a story has: a second one costs as much real time as the first.
pub(super) fn draw(rng: &mut Rng) -> usize {
    if rng.chance(300_000) { 2 } else { 1 }
}

/// Lets some trouble happen to the other node, and some clients go there in mid-story.
pub(super) fn spread(rng: &mut Rng, clients: usize, length: Duration, troubles: &mut Vec<(Duration, Trouble)>) {
    for (_, trouble) in troubles.iter_mut() {
        if meets_a_node(trouble) && rng.chance(450_000) {
            *trouble = Trouble::Elsewhere(Box::new(trouble.clone()));
        }
    }
    for _ in 0..super::pick(rng, 1, 5) {
        let roam = Trouble::Roam { client: rng.index(clients), leaves: rng.chance(500_000) };
        troubles.push((rng.duration(length), roam));
    }
}

fn meets_a_node(trouble: &Trouble) -> bool {
    !matches!(
        trouble,
        Trouble::Cut { .. }
            | Trouble::Weather(_)
            | Trouble::BlackHole { .. }
            | Trouble::Deny { .. }
            | Trouble::Rebind { .. }
            | Trouble::Supersede { .. }
            | Trouble::Close { .. }
            | Trouble::ClientDeath { .. }
            | Trouble::Burst { .. }
            | Trouble::Roam { .. }
    )
}
