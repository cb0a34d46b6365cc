//! CEL as its specification's test data has it.
//!
//! What comes in: the data of the npm package that `expected.toml` pins, which `cargo xtask cel-spec` fetches and the test
//! command with it. What goes out: scores by suite, printed, and a failure where one is another than `expected.toml` says.
//! Without the data the tests say that they are skipped; with `CI` set they fail.

#![allow(clippy::print_stdout)]

mod data;
mod expected;
mod messages;
mod notation;
mod run;
mod trees;
mod types;
mod values;

use expected::{Expected, Tally};

/// Every case has the value, or the failure, that it should have.
#[test]
fn values_are_as_specified() {
    let Some(data) = data::Data::load() else { return };
    let mut tally = Tally::new("values");
    for case in data.cases("conformance") {
        tally.count(&case, run::value(&case, &data));
    }
    tally.settle(&Expected::load());
}

/// Every case that is well typed has the type that it should have.
#[test]
fn types_are_as_specified() {
    let Some(data) = data::Data::load() else { return };
    let mut tally = Tally::new("types");
    for case in ["conformance", "checking", "parsing"].into_iter().flat_map(|group| data.cases(group)) {
        if let Some(result) = run::ty(&case, &data) {
            tally.count(&case, result);
        }
    }
    tally.settle(&Expected::load());
}

/// Where ours is a type and the data has dyn, ours is the type of the value.
#[test]
fn types_that_are_left_out_are_those_of_the_values() {
    let Some(data) = data::Data::load() else { return };
    let (expected, mut asked) = (Expected::load(), 0);
    for case in data.cases("conformance").iter().filter(|case| expected.leaves_out("types", &case.name)) {
        asked += 1;
        if let Err(why) = run::is_of_its_type(case, &data) {
            panic!("{}: {why}", case.name);
        }
    }
    assert!(asked > 0, "strike this test");
}

/// Every case that parses has the tree that it should have.
#[test]
fn trees_are_as_specified() {
    let Some(data) = data::Data::load() else { return };
    let mut tally = Tally::new("trees");
    for case in ["conformance", "parsing", "checking", "comprehension"].into_iter().flat_map(|group| data.cases(group))
    {
        if let Some(result) = run::tree(&case) {
            tally.count(&case, result);
        }
    }
    tally.settle(&Expected::load());
}

/// What is told stands where the data has its first mistake.
#[test]
fn places_are_as_specified() {
    let Some(data) = data::Data::load() else { return };
    let mut tally = Tally::new("places");
    for case in ["parsing", "checking"].into_iter().flat_map(|group| data.cases(group)) {
        if let Some(result) = run::place(&case, &data) {
            tally.count(&case, result);
        }
    }
    tally.settle(&Expected::load());
}

/// What does not parse, or is not well typed, is told so.
#[test]
fn mistakes_are_as_specified() {
    let Some(data) = data::Data::load() else { return };
    let mut tally = Tally::new("mistakes");
    for case in data.cases("parsing").iter().filter(|case| case.ast.is_none()) {
        tally.count(case, run::does_not_parse(case));
    }
    for case in data.cases("checking").iter().filter(|case| case.error.is_some()) {
        tally.count(case, run::does_not_check(case, &data));
    }
    tally.settle(&Expected::load());
}
