//! What must catch which mutant, and by which promise.
//!
//! In: a mutant. Out: the suite that is there for it. A story counts where it breaks one of the promises that the mutant is
//! made to break; a test where it fails with the words of its promise. `tests/edge-sim/MUTANTS.md` says the same for people, and a
//! test here compares the two. Deliberately absent: how suites are run.

use edge_mutant::Mutant;

/// What must catch a mutant.
#[derive(Clone, Copy)]
pub(super) enum Suite {
    /// A story of a whole site that breaks one of these promises. Words as in `tests/edge-sim/src/scribe.rs`; and `Panic`
    /// where the code itself asserts what the mutant breaks.
    Simulator(&'static [&'static str]),
    /// A test by its name.
    Test(Test),
}

/// A test of a crate, and how cargo is told to build it.
#[derive(Clone, Copy)]
pub(super) struct Test {
    /// Which crates' tests cargo builds, and with whose features.
    pub(super) selection: &'static [&'static str],
    pub(super) package: &'static str,
    /// Its whole name within the package.
    pub(super) name: &'static str,
    /// What it says when the promise is broken, and not when something else is wrong.
    pub(super) says: &'static str,
}

/// One datagram too many shows only where a first flight is larger than those of the simulated site.
const FIRST_PACKETS: Test = Test {
    selection: &["--package", "edge-session", "--lib"],
    package: "edge-session",
    name: "tests::initials::nobody_gets_more_than_three_times_what_it_sent_whatever_it_sent",
    says: " bytes for ",
};

/// Threads that sleep are the daemon's; in a story nobody sleeps, and whoever is late is late by plan. Selected out of the whole
/// workspace, the daemon's test finds every foreign crate built as for all other tests.
const SLEEPERS: Test = Test {
    selection: &["--workspace", "--bin", "edge-router"],
    package: "router",
    name: "fabric::tests::only_a_sleeper_is_woken_and_only_once",
    says: "assertion failed: was_woken()",
};

/// Which suite is there for which mutant.
pub(super) const fn suite(mutant: Mutant) -> Suite {
    Suite::Simulator(match mutant {
        Mutant::ClampOff => return Suite::Test(FIRST_PACKETS),
        Mutant::LostWakeUp => return Suite::Test(SLEEPERS),
        Mutant::CreditTwice | Mutant::DeniedStillServed | Mutant::ResendIsAFault | Mutant::SupersededStillServed => {
            &["Protocol"]
        }
        Mutant::PausedClassRead => &["Overload"],
        Mutant::BodyKeepsItsChunk => &["P4"],
        Mutant::LedgerOneSided | Mutant::WrongPlaceCounted | Mutant::DatagramForgotten => &["P8"],
        Mutant::TwoRevisions | Mutant::OlderBundleAccepted => &["P6"],
        Mutant::ReceiptBeforeFsync | Mutant::CommitWithoutFsync | Mutant::FsyncRetried => &["Receipt"],
        Mutant::BatchForgotten => &["Liveness"],
        Mutant::OrderSwappedOnResend => &["P2"],
        // The spool asserts what two epochs of one number break, and begins with it.
        Mutant::EpochReused => &["P1", "Panic"],
        Mutant::DedupeTooLow
        | Mutant::DedupeTooHigh
        | Mutant::WindowLostOnSwap
        | Mutant::GateUsedOnRefusal
        | Mutant::ReceiptOnOpenGate
        | Mutant::CursorBeforeData
        | Mutant::UnlinkBeforeCursor
        | Mutant::TornTailAccepted
        | Mutant::DurableGateForgotten
        | Mutant::MarkNotHandedOver
        | Mutant::SinkTailKept
        | Mutant::SinkForgets => &["P1"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    fn read(path: &str) -> String {
        std::fs::read_to_string(tools::root().join(path)).unwrap()
    }

    /// The columns of the page's table that are compared: mutant, promise, what catches it.
    fn told() -> Vec<[String; 3]> {
        let page = read("tests/edge-sim/MUTANTS.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| std::array::from_fn(|at| row.split('|').nth(at + 1).unwrap().trim().to_owned())).collect()
    }

    #[test]
    fn the_page_tells_of_every_mutant_what_catches_it() {
        let told = told();
        let names: Vec<String> = Mutant::ALL.iter().map(|mutant| format!("`{}`", mutant.name())).collect();
        assert_eq!(told.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), names);
        for (mutant, [name, promises, catches]) in Mutant::ALL.iter().zip(&told) {
            match suite(*mutant) {
                Suite::Simulator(accepted) => assert_eq!(promises, &accepted.join(", "), "{name}"),
                Suite::Test(test) => {
                    let words = format!("test `{}` of `{}`", test.name.rsplit("::").next().unwrap(), test.package);
                    assert_eq!(catches, &words, "{name}");
                }
            }
        }
    }

    #[test]
    fn every_promise_is_one_that_the_simulator_knows() {
        let scribe = read("tests/edge-sim/src/scribe.rs");
        for mutant in Mutant::ALL {
            let Suite::Simulator(promises) = suite(*mutant) else { continue };
            assert!(!promises.is_empty(), "{mutant:?}");
            for promise in promises.iter().filter(|promise| **promise != "Panic") {
                assert!(scribe.contains(&format!("\n    {promise},\n")), "{promise} of {mutant:?}");
            }
        }
    }

    #[test]
    fn every_test_is_there_and_says_so() {
        for (test, file) in
            [(FIRST_PACKETS, "router/edge-session/src/tests/initials.rs"), (SLEEPERS, "router/src/fabric.rs")]
        {
            let (source, name) = (read(file), test.name.rsplit("::").next().unwrap());
            assert!(source.contains(&format!("fn {name}()")), "{name}");
            assert!(source.contains(test.says.trim_start_matches("assertion failed: ")), "{}", test.says);
        }
    }
}
