//! Every target over its seeds, its committed corpus and some neighbours of both, in the plain build.
//!
//! The neighbours follow from fixed seeds, so a failure comes again; for fresh ones there is `cargo xtask fuzz`. Each
//! target is a test of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use edge_fuzz::mutate::Mutator;
use edge_fuzz::{TARGETS, Target};

/// Hands in everything that is known of a target, then so many neighbours.
fn run(name: &str, neighbours: usize) {
    let target = Target::named(name).expect("a target of this build");
    target.warm_up();
    let mut inputs = target.seeds();
    inputs.iter().enumerate().for_each(|(n, bytes)| handed_in(target, bytes, &format!("seed {n}")));
    for (path, bytes) in target.corpus() {
        handed_in(target, &bytes, &path.display().to_string());
        inputs.push(bytes);
    }
    let mut mutator = Mutator::new(0xf022);
    for n in 0..neighbours {
        let bytes = mutator.next(&inputs, target.len_max);
        handed_in(target, &bytes, &format!("neighbour {n}"));
    }
}

fn handed_in(target: &Target, bytes: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| target.check(bytes))).is_err() {
        panic!("{}, {what}: {}", target.name, hex(bytes));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

macro_rules! corpora {
    ($($name:ident $neighbours:literal)+) => {
        $(#[test] fn $name() { run(stringify!($name), $neighbours); })+

        #[test]
        fn no_target_is_left_out() {
            let here = [$(stringify!($name)),+];
            let targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(targets, here);
        }
    };
}

corpora! {
    admin 20_000
    bundle 20_000
    capture 1_000
    catalogue 50
    cel 1_000
    cell 300
    config 500
    extract 20_000
    journal 300
    json 5_000
    keys 10_000
    programs 20
    record 20_000
    reference 2_000
    rules 20
    session 60
    sink 100
    spool 60
    token 2_000
    verify 100
    wire 20_000
}
