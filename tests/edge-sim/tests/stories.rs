//! A handful of stories from fixed seeds: they are clean, they are the same when told again, and together they meet most of
//! the trouble there is. Many fresh seeds are the test command's; see the crate's documentation.

use edge_sim::{Ending, Mix, tell};

fn clean(seed: u64) -> Ending {
    let ending = tell(seed, None);
    assert!(
        ending.violations.is_empty(),
        "seed {seed}: {}\nagain: cargo xtask sim --seeds 1 --from {seed} --trace",
        ending.violations[0]
    );
    ending
}

fn lines_of(seed: u64) -> (Vec<String>, Ending) {
    let mut lines = Vec::new();
    let ending = tell(seed, Some(&mut |line| lines.push(line.to_owned())));
    (lines, ending)
}

#[test]
fn stories_are_clean_and_full_of_trouble() {
    let mut mix = Mix::default();
    for seed in 1..=12 {
        mix.add(&clean(seed).mix);
    }
    assert!(mix.commands > 1_000 && mix.receipts > 1_000, "too little happens:\n{mix}");
    let trouble = [mix.kills, mix.power_losses, mix.connections_lost, mix.packets_lost, mix.resends, mix.duplicates];
    assert!(trouble.iter().all(|count| *count > 0), "too little goes wrong:\n{mix}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let ((first, once), (second, again)) = (lines_of(7), lines_of(7));
    let differs = first.iter().zip(&second).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!((once.hash, once.lasted, once.mix), (again.hash, again.lasted, again.mix));
    assert!(first.len() > 100);
    assert_ne!(once.hash, tell(8, None).hash);
}

#[test]
fn listening_changes_nothing() {
    assert_eq!(lines_of(9).1.hash, tell(9, None).hash);
}
