//! A small bundle, signed, changed, cut and replayed.

use edge_event::{EventTypeId, UnixMillis};
use expect_test::expect;
use proptest::prelude::*;
use rules_catalogue::{
    Cardinality, Catalogue, CatalogueData, EventType, Field, Kind, Limits, MessageIndex, MessageType, PersonalData,
    Position, Provenances,
};
use rules_engine::ir::{EventIr, IR_FORMAT, Mode, RuleIr, RuleSetIr};

use super::*;

fn catalogue() -> Catalogue {
    let field = Field {
        number: 1,
        name: "level".to_owned(),
        kind: Kind::Int32,
        cardinality: Cardinality::Implicit,
        oneof: None,
        limits: Limits::default(),
        personal_data: PersonalData::None,
        deprecated: false,
        doc: String::new(),
        position: Position::default(),
    };
    let event_type = EventType {
        id: EventTypeId(1),
        name: "Hit".to_owned(),
        message: MessageIndex(0),
        provenance: Provenances::Client,
        subject: None,
        owner: "team".to_owned(),
        tags: Vec::new(),
        personal_data: PersonalData::None,
        idempotent: false,
        deprecated: false,
        max_payload_bytes: 64,
        doc: String::new(),
        position: Position::default(),
    };
    let message = MessageType {
        full_name: "t.v1.Hit".to_owned(),
        fields: vec![field],
        oneofs: Vec::new(),
        doc: String::new(),
        position: Position::default(),
    };
    let data = CatalogueData {
        name: "t.v1".to_owned(),
        types: vec![event_type],
        messages: vec![message],
        enums: Vec::new(),
        files: vec!["t.proto".to_owned()],
    };
    Catalogue::new(data).expect("the test's catalogue is sound")
}

fn rules(revision: u64) -> RuleSetIr {
    let rule = RuleIr {
        id: "always".to_owned(),
        package: 0,
        doc: String::new(),
        owner: "team".to_owned(),
        contact: String::new(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        on: EventTypeId(1),
        when: None,
        lets: Vec::new(),
        active: None,
        variations: Vec::new(),
        rollout: None,
        once: None,
        cooldown: None,
        group: None,
        rate_limit: None,
        precedence: 0,
        mode: Mode::Live,
        enabled: true,
        actions: Vec::new(),
    };
    RuleSetIr {
        format: IR_FORMAT,
        tenant: "acme".to_owned(),
        revision,
        catalogue_digest: *catalogue().digest(),
        lateness_ms: 10_000,
        packages: vec!["p".to_owned()],
        events: vec![EventIr { event_type: EventTypeId(1), slots: Vec::new() }],
        consts: Vec::new(),
        params: Vec::new(),
        sets: Vec::new(),
        regexes: Vec::new(),
        zones: Vec::new(),
        regions: Vec::new(),
        calendars: Vec::new(),
        groups: Vec::new(),
        definitions: Vec::new(),
        rules: vec![rule],
    }
}

fn manifest(revision: u64) -> Manifest {
    Manifest {
        tenant: "acme".to_owned(),
        packages: vec!["p".to_owned()],
        revision,
        created_ms: 1_790_000_000_000,
        expires_ms: Some(1_790_000_001_000),
        catalogue: "t.v1".to_owned(),
        lineage: vec![*catalogue().digest()],
        builder: "test".to_owned(),
    }
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32], "a key of the tests")
}

fn unsigned(revision: u64) -> Unsigned {
    Unsigned::emit(&manifest(revision), &catalogue(), &rules(revision)).expect("the parts agree")
}

fn trusted(keys: &[u8]) -> TrustedKeys {
    TrustedKeys::new(keys.iter().map(|n| key(*n).public()))
}

fn verified(revision: u64) -> VerifiedBundle {
    VerifiedBundle::verify(unsigned(revision).sign(&[&key(1)]), &trusted(&[1])).expect("a good bundle")
}

fn refusal(bytes: Vec<u8>, keys: &[u8]) -> &'static str {
    VerifiedBundle::verify(bytes, &trusted(keys)).map(|_| "").map_err(|e| e.code()).unwrap_or_else(|code| code)
}

#[test]
fn a_bundle_travels_and_loads() {
    let bytes = unsigned(7).sign(&[&key(1)]);
    assert_eq!(bytes, unsigned(7).sign(&[&key(1)]), "the same input gives the same bytes");
    let bundle = VerifiedBundle::verify(bytes.clone(), &trusted(&[1, 2])).expect("a good bundle");
    assert_eq!(bundle.manifest(), &manifest(7));
    assert_eq!(bundle.digest(), &unsigned(7).digest());
    assert_eq!(bundle.signers(), [key(1).public().id()]);
    assert_eq!(bundle.bytes()[..], bytes[..]);
    let loaded = bundle.load().expect("sound parts");
    assert_eq!(loaded.rule_set.revision(), 7);
    assert_eq!(loaded.catalogue.name(), "t.v1");
    assert!(loaded.manifest.reads_catalogue(loaded.catalogue.digest()));
    assert!(!loaded.manifest.is_expired(UnixMillis(1_790_000_000_999)));
    assert!(loaded.manifest.is_expired(UnixMillis(1_790_000_001_000)));
}

#[test]
fn the_format_does_not_drift() {
    let bundle = unsigned(7);
    let digest: String = bundle.digest().iter().map(|b| format!("{b:02x}")).collect();
    expect!["77420d698071a599a2b326a01674a7e347d9c9edb7f3428826091ce198eeb6d1"].assert_eq(&digest);
}

#[test]
fn every_bit_flip_is_refused() {
    let good = unsigned(7).sign(&[&key(1)]);
    let keys = trusted(&[1]);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(VerifiedBundle::verify(bad, &keys).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let good = unsigned(7).sign(&[&key(1)]);
    let keys = trusted(&[1]);
    for len in 0..good.len() {
        assert!(VerifiedBundle::verify(good[..len].to_vec(), &keys).is_err(), "{len} bytes");
    }
    let mut long = good;
    long.push(0);
    assert_eq!(refusal(long, &[1]), "BUNDLE_TRAILING_BYTES");
}

#[test]
fn only_trusted_signatures_count() {
    let bundle = unsigned(7);
    assert_eq!(refusal(bundle.sign(&[]), &[1]), "BUNDLE_UNSIGNED");
    assert_eq!(refusal(bundle.sign(&[&key(2)]), &[1]), "BUNDLE_UNTRUSTED");
    assert_eq!(refusal(bundle.sign(&[&key(1)]), &[]), "BUNDLE_UNTRUSTED");
    assert_eq!(refusal(bundle.sign(&[&key(2), &key(1), &key(1)]), &[1]), "", "keys are replaced by signing with both");
    // A signature of other bytes.
    let other = unsigned(8).sign(&[&key(1)]);
    let mut bad = bundle.sign(&[&key(1)]);
    let at = bad.len() - 64;
    bad[at..].copy_from_slice(&other[other.len() - 64..]);
    assert_eq!(refusal(bad, &[1]), "BUNDLE_BAD_SIGNATURE");
}

#[test]
fn parts_must_agree() {
    let codes = [
        Manifest { tenant: "other".to_owned(), ..manifest(7) },
        Manifest { revision: 8, ..manifest(7) },
        Manifest { packages: Vec::new(), ..manifest(7) },
        Manifest { lineage: Vec::new(), ..manifest(7) },
    ]
    .map(|manifest| Unsigned::emit(&manifest, &catalogue(), &rules(7)).map_err(|e| e.to_string()));
    expect![[r#"
        manifest and rule set name different tenants
        manifest and rule set name different revisions
        manifest and rule set name different packages
        manifest and rule set name different catalogues"#]]
    .assert_eq(&codes.map(|c| c.expect_err("must be refused")).join("\n"));
}

#[test]
fn a_signed_set_that_does_not_load_is_refused() {
    let mut broken = rules(7);
    broken.rules[0].on = EventTypeId(9);
    let bundle = Unsigned::emit(&manifest(7), &catalogue(), &broken).expect("the parts agree").sign(&[&key(1)]);
    let error = VerifiedBundle::verify(bundle, &trusted(&[1])).expect("signed").load().expect_err("no such event type");
    assert_eq!(error.code(), "RULES_DANGLING");
    expect!["the bundle's rules are refused: rule p/always: its event type is not in the set's events"]
        .assert_eq(&error.to_string());
}

#[test]
fn revisions_only_rise() {
    let mut ratchet = Ratchet::default();
    assert_eq!(ratchet.check(&verified(7)), Ok(()));
    ratchet.accept(&verified(7));
    assert_eq!(ratchet.check(&verified(7)), Ok(()), "the very one that serves");
    assert_eq!(ratchet.check(&verified(6)).map_err(|e| e.code()), Err("BUNDLE_OLDER"));
    let fresh = Manifest { created_ms: 1, ..manifest(7) };
    let fresh = Unsigned::emit(&fresh, &catalogue(), &rules(7)).expect("the parts agree").sign(&[&key(1)]);
    let fresh = VerifiedBundle::verify(fresh, &trusted(&[1])).expect("a good bundle");
    assert_eq!(ratchet.check(&fresh).map_err(|e| e.code()), Err("BUNDLE_SAME_REVISION"));
    // Each key has its own.
    let other = VerifiedBundle::verify(unsigned(3).sign(&[&key(2)]), &trusted(&[2])).expect("a good bundle");
    assert_eq!(ratchet.check(&other), Ok(()));
    ratchet.accept(&verified(6));
    assert_eq!(ratchet.check(&verified(6)).map_err(|e| e.code()), Err("BUNDLE_OLDER"), "never goes back");
    let text = ratchet.to_text();
    assert_eq!(Ratchet::from_text(&text), Ok(ratchet));
    assert_eq!(Ratchet::from_text("x 1 y"), Err(RatchetTextError { line: 1 }));
}

#[test]
fn key_files_are_lines_of_text() {
    let secret = key(1);
    expect![[r#"
        edge-key/1 public iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w= a key of the tests
    "#]]
    .assert_eq(&secret.public().to_text());
    let read = SigningKey::parse(&secret.to_secret_text()).expect("own text");
    assert_eq!(read.public(), secret.public());
    assert_eq!(PublicKey::parse(&secret.public().to_text()), Ok(secret.public()));
    let file = format!("# trusted\n\n{}{}", key(1).public().to_text(), key(2).public().to_text());
    assert_eq!(TrustedKeys::parse(&file).map(|k| k.len()), Ok(2));
    let code = |text: &str| PublicKey::parse(text).map_err(|e| e.code());
    assert_eq!(code(&file), Err("KEY_NOT_ONE"));
    assert_eq!(code(""), Err("KEY_NOT_ONE"));
    assert_eq!(code(&secret.to_secret_text()), Err("KEY_OTHER_KIND"));
    assert_eq!(code("edge-key/1 public AAAA"), Err("KEY_MALFORMED"));
    assert_eq!(code("edge-key/2 public AAAA"), Err("KEY_MALFORMED"));
    let shown = format!("{secret:?}");
    assert!(!shown.contains("seed") && !secret.to_secret_text().contains(&shown), "secrets are not shown: {shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(VerifiedBundle::verify(bytes.clone(), &trusted(&[1])).is_err());
        let with_head = [&MAGIC[..], &FORMAT.to_le_bytes(), &bytes].concat();
        prop_assert!(VerifiedBundle::verify(with_head, &trusted(&[1])).is_err());
    }
}
