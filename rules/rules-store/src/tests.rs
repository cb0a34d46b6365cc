//! A node's years with its rules: loads, crashes, steps back, and hands in the files.

use proptest::prelude::*;
use rules_bundle::{Manifest, SigningKey, TrustedKeys, Unsigned, VerifiedBundle};
use rules_catalogue::compile::{Sources, compile};
use rules_engine::ir::{IR_FORMAT, RuleSetIr};

use super::*;

const PROTO: &str = include_str!("../../../tests/edge-sim/story/sim.proto");

fn key() -> SigningKey {
    SigningKey::from_seed([3; 32], "test")
}

fn bundle(revision: u64) -> VerifiedBundle {
    let sources = Sources::new().with("sim/v1/sim.proto", PROTO);
    let catalogue = compile(&sources).expect("the catalogue compiles").catalogue;
    let rules = RuleSetIr {
        format: IR_FORMAT,
        tenant: "t".to_owned(),
        revision,
        catalogue_digest: *catalogue.digest(),
        lateness_ms: 10_000,
        packages: Vec::new(),
        events: Vec::new(),
        consts: Vec::new(),
        params: Vec::new(),
        sets: Vec::new(),
        regexes: Vec::new(),
        zones: Vec::new(),
        regions: Vec::new(),
        calendars: Vec::new(),
        groups: Vec::new(),
        definitions: Vec::new(),
        rules: Vec::new(),
    };
    let manifest = Manifest {
        tenant: "t".to_owned(),
        packages: Vec::new(),
        revision,
        created_ms: 0,
        expires_ms: None,
        catalogue: catalogue.name().to_owned(),
        lineage: vec![*catalogue.digest()],
        builder: "test".to_owned(),
    };
    let bytes = Unsigned::emit(&manifest, &catalogue, &rules).expect("it fits").sign(&[&key()]);
    VerifiedBundle::verify(bytes, &TrustedKeys::new([key().public()])).expect("it is signed")
}

fn deed(what: &str) -> Deed {
    Deed { what: what.to_owned(), at_ms: 1_000, uid: Some(0), by: "ops".to_owned(), ..Deed::default() }
}

fn name(revision: u64) -> Name {
    Name { revision, digest: [revision as u8; 32] }
}

/// The store of a folder as the next start finds it.
fn reopened(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path()).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn what_serves_is_kept_to_the_byte_and_older_ones_are_refused_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = reopened(&folder);
    let (six, seven) = (bundle(6), bundle(7));
    store.take(&six, How::Load, deed("load")).unwrap();
    store.take(&seven, How::Load, deed("load")).unwrap();
    for store in [store, reopened(&folder)] {
        assert_eq!(store.memory().serving(), Some(Name::from(&seven)));
        assert_eq!(store.bytes_of(Name::from(&seven)).unwrap(), seven.bytes().to_vec());
        assert!(store.bytes_of(Name::from(&six)).unwrap_err().to_string().contains("is gone"), "it never proved good");
        assert!(store.ratchet().check(&six).is_err());
        assert!(store.ratchet().check(&seven).is_ok());
        assert_eq!(store.broken(), None);
        let deeds: Vec<_> = store.chain().entries().iter().map(|e| (e.n, e.deed.revision)).collect();
        assert_eq!(deeds, [(1, 6), (2, 7)]);
    }
}

#[test]
fn a_step_back_takes_what_proved_good_and_leaves_the_ratchet_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = reopened(&folder);
    store.take(&bundle(6), How::Load, deed("load")).unwrap();
    store.confirm(deed("proved_good")).unwrap();
    store.confirm(deed("proved_good")).unwrap();
    store.take(&bundle(7), How::Load, deed("load")).unwrap();
    let back = store.memory().step_back().expect("6 proved good");
    assert_eq!(back.revision, 6);
    store.take(&bundle(6), How::StepBack, deed("rollback")).unwrap();

    let store = reopened(&folder);
    assert!(store.memory().is_pinned());
    assert!(store.ratchet().check(&bundle(6)).is_err(), "loading it is another thing");
    // What is deployed is what was stepped back from: it must be newer to serve again.
    let chosen = |revision| store.memory().choose(Some(Name::from(&bundle(revision)))).unwrap();
    assert_eq!((chosen(7).name.revision, chosen(7).source), (6, Source::Remembered));
    assert_eq!((chosen(8).name.revision, chosen(8).source), (8, Source::Deployed));
    assert_eq!(store.chain().entries().len(), 4, "to prove good twice is no news");
}

#[test]
fn a_bundle_that_is_started_in_vain_gives_way_to_one_that_proved_good() {
    let mut memory = Memory::default();
    memory.take(name(6), How::Load);
    memory.confirm();
    memory.take(name(7), How::Load);
    for _ in 0..IN_VAIN_MAX {
        assert_eq!(memory.choose(Some(name(7))).unwrap().name, name(7));
        memory.take(name(7), How::Start);
    }
    let choice = memory.choose(Some(name(7))).unwrap();
    assert_eq!(choice, Choice { name: name(6), source: Source::FellBack { from: 7, starts: IN_VAIN_MAX } });
    memory.take(name(6), How::FallBack);
    assert_eq!(memory.choose(Some(name(7))).unwrap().name, name(6), "it stays away");
    assert_eq!(memory.choose(Some(name(8))).unwrap().name, name(8), "a mended one comes to service");
    // An end in good order is no crash, however short the life was.
    let mut memory = Memory::default();
    memory.take(name(6), How::Load);
    memory.confirm();
    memory.take(name(7), How::Load);
    for _ in 0..10 {
        memory.rest();
        assert_eq!(memory.choose(None).unwrap().name, name(7));
        memory.take(name(7), How::Start);
    }
}

#[test]
fn where_nothing_proved_good_the_only_bundle_goes_on_serving() {
    let mut memory = Memory::default();
    assert_eq!(memory.choose(None), None);
    for _ in 0..10 {
        memory.take(name(7), How::Start);
        assert_eq!(memory.choose(None), Some(Choice { name: name(7), source: Source::Remembered }));
    }
}

#[test]
fn no_more_bundles_are_kept_than_stated() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = reopened(&folder);
    for revision in 1..=KEPT_MAX as u64 + 3 {
        store.take(&bundle(revision), How::Load, deed("load")).unwrap();
        store.confirm(deed("proved_good")).unwrap();
    }
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let bundles = files.filter(|file| file.path().extension().is_some_and(|e| e == "bundle")).count();
    assert_eq!(bundles, KEPT_MAX);
    assert_eq!(store.memory().proven().first().unwrap().revision, 4);
}

#[test]
fn a_changed_or_missing_line_of_the_audit_log_shows_and_a_torn_one_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = reopened(&folder);
    for revision in 1..=4 {
        store.take(&bundle(revision), How::Load, deed("load")).unwrap();
    }
    let path = folder.path().join("audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |lines: &[&str]| {
        std::fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
        reopened(&folder).broken().map(|fault| fault.line)
    };
    assert_eq!(broken(&lines), None);
    assert_eq!(broken(&[lines[0], lines[2], lines[3]]), Some(2), "a line is missing");
    assert_eq!(broken(&[lines[1], lines[0], lines[2], lines[3]]), Some(1), "two are swapped");
    let forged = lines[2].replace("\"by\":\"ops\"", "\"by\":\"you\"");
    assert_eq!(broken(&[lines[0], lines[1], &forged, lines[3]]), Some(3), "a name was changed");
    assert_eq!(broken(&[lines[0], "rubbish", lines[2]]), Some(2));

    std::fs::write(&path, format!("{text}{{\"n\":5,\"de")).unwrap();
    let mut store = reopened(&folder);
    assert_eq!(store.broken(), None);
    store.write_down(deed("reload")).unwrap();
    let store = reopened(&folder);
    assert_eq!((store.broken(), store.chain().entries().len()), (None, 5));
}

#[test]
fn malformed_files_are_told_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let said = |file: &str, text: &str| {
        std::fs::write(folder.path().join(file), text).unwrap();
        let said = Store::open(folder.path()).err().map(|why| why.to_string()).unwrap_or_default();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        said
    };
    for (file, text) in [
        ("memory.json", "{"),
        (
            "memory.json",
            r#"{"serving":{"revision":1,"digest":"00"},"is_pinned":false,"in_vain":0,"good":[],"highest":1}"#,
        ),
        ("revisions", "x"),
        ("memory.json", "\u{fffd}\u{0}"),
    ] {
        assert!(said(file, text).contains(file), "{file}: {text}");
    }
}

#[test]
fn without_a_folder_nothing_is_kept_and_nothing_fails() {
    let mut store = Store::in_memory();
    store.take(&bundle(3), How::Load, deed("load")).unwrap();
    assert!(store.ratchet().check(&bundle(2)).is_err());
    assert!(store.bytes_of(Name::from(&bundle(3))).is_err());
    assert_eq!(store.chain().entries().len(), 1);
}

proptest! {
    #[test]
    fn a_memory_reads_back(steps in proptest::collection::vec((0_u8..6, 0_u64..6), 0..40)) {
        let mut memory = Memory::default();
        for (step, revision) in steps {
            match step {
                0 => memory.take(name(revision), How::Load),
                1 => memory.take(name(revision), How::StepBack),
                2 => memory.take(name(revision), How::Start),
                3 => memory.take(name(revision), How::FallBack),
                4 => { memory.confirm(); }
                _ => { memory.rest(); }
            }
            prop_assert_eq!(&Memory::from_text(&memory.to_text()).unwrap(), &memory);
            // Whatever happened, there is something to start with once something has served.
            prop_assert_eq!(memory.choose(None).is_some(), memory.serving().is_some());
        }
    }
}
