//! Canonical bytes, digest and what the check refuses.

use proptest::prelude::*;

use super::*;
use crate::model::Limits;
use crate::testing::catalogue;

#[test]
fn bytes_return_and_are_canonical() {
    let catalogue = catalogue();
    let bytes = catalogue.to_bytes();
    let back = Catalogue::from_bytes(&bytes).unwrap();
    assert_eq!(back, catalogue);
    assert_eq!(back.to_bytes(), bytes);
    assert_eq!(Catalogue::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(LoadError::Malformed));
    assert_eq!(Catalogue::from_bytes(&[]), Err(LoadError::Malformed));
    assert_eq!(Catalogue::from_bytes(&[2]), Err(LoadError::Format { found: 2, known: 1 }));
    // The name's length, spelled with a byte more than it needs.
    let long = [&bytes[..1], &[bytes[1] | 0x80, 0], &bytes[2..]].concat();
    assert_eq!(Catalogue::from_bytes(&long), Err(LoadError::Malformed));
    let huge = vec![FORMAT; MAX_CATALOGUE_BYTES + 1];
    assert_eq!(Catalogue::from_bytes(&huge).unwrap_err().code(), "catalogue_too_large");
}

#[test]
fn every_truncation_is_refused() {
    let bytes = catalogue().to_bytes();
    for len in 0..bytes.len() {
        assert!(Catalogue::from_bytes(&bytes[..len]).is_err(), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn flipped_bytes_are_refused_or_make_another_sound_catalogue(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = catalogue().to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(changed) = Catalogue::from_bytes(&bytes) {
            prop_assert_eq!(changed.to_bytes(), bytes);
            for t in changed.event_types() {
                prop_assert!(changed.event_type(t.id).is_some());
                let _ = changed.validate(t, &[0x08, 0x01, 0x12, 0x02, 0x08, 0x01]);
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Catalogue::from_bytes(&[&[FORMAT][..], &bytes].concat()).is_err());
    }
}

#[test]
fn look_ups() {
    let catalogue = catalogue();
    let kinds = catalogue.event_type(EventTypeId(1)).unwrap();
    assert_eq!(catalogue.event_type_by_name("Kinds"), Some(kinds));
    assert_eq!(catalogue.event_type(EventTypeId(0)), None);
    assert_eq!(catalogue.event_type(EventTypeId(3)), None);
    assert_eq!(catalogue.nearest_event_type("Kind"), Some(kinds));
    assert_eq!(catalogue.nearest_event_type("Zzz"), None);
    assert_eq!(catalogue.event_type_of_record("kinds"), Some(kinds));
    assert_eq!(catalogue.event_type_of_record("kind"), None);
    assert_eq!(catalogue.message_by_name("t.v1.Nobody"), None);
}

#[test]
fn recorded_names_are_camel_case_names() {
    for (camel, snake, same) in [
        ("UnitBorn", "unit_born", true),
        ("UnitBorn", "unit_bor", false),
        ("UnitBorn", "unit_borne", false),
        ("UnitBorn", "unitborn", false),
        ("A1b", "a1b", true),
        ("", "", true),
    ] {
        assert_eq!(is_camel_of(camel, snake), same, "{camel} {snake}");
    }
}

/// Each change makes a sound catalogue unsound.
#[test]
fn the_check_refuses() {
    type Change = fn(&mut CatalogueData);
    let changes: [(&str, Change); 27] = [
        ("catalogue_name", |d| d.name.clear()),
        ("catalogue_name", |d| d.types[0].name = "a b".to_owned()),
        ("catalogue_name", |d| d.types[0].owner.clear()),
        ("catalogue_name", |d| d.messages[0].full_name = ".".to_owned()),
        ("catalogue_name", |d| d.enums[0].values[0].short.clear()),
        ("catalogue_order", |d| d.types.swap(0, 1)),
        ("catalogue_order", |d| d.types[1].name = "Kinds".to_owned()),
        ("catalogue_order", |d| d.messages.swap(0, 1)),
        ("catalogue_order", |d| d.messages[1].fields.swap(0, 1)),
        ("catalogue_order", |d| d.types[0].tags = vec!["b".to_owned(), "a".to_owned()]),
        ("catalogue_number", |d| d.types[1].id = EventTypeId(65_536)),
        ("catalogue_number", |d| d.types[0].id = EventTypeId(0)),
        ("catalogue_number", |d| d.types[0].max_payload_bytes = 65_537),
        ("catalogue_dangling", |d| d.types[0].message = MessageIndex(99)),
        ("catalogue_dangling", |d| kinds_field(d, "inner").kind = Kind::Message(MessageIndex(99))),
        ("catalogue_dangling", |d| kinds_field(d, "color").kind = Kind::Enum(EnumIndex(99))),
        ("catalogue_dangling", |d| kinds_field(d, "one_text").oneof = Some(1)),
        ("catalogue_dangling", |d| d.types[0].position.file = 99),
        ("catalogue_limits", |d| kinds_field(d, "text").limits = Limits::default()),
        ("catalogue_limits", |d| kinds_field(d, "ints").limits = Limits::default()),
        ("catalogue_limits", |d| kinds_field(d, "by_name").limits.max_key_len = None),
        ("catalogue_limits", |d| kinds_field(d, "i32").limits.range = Some(Range::Uint { min: 0, max: 1 })),
        ("catalogue_limits", |d| kinds_field(d, "i32").limits.range = Some(Range::Int { min: 2, max: 1 })),
        ("catalogue_shape", |d| kinds_field(d, "inner").cardinality = Cardinality::Implicit),
        ("catalogue_depth", |d| {
            let kinds = d.types[0].message;
            kinds_field(d, "inner").kind = Kind::Message(kinds);
        }),
        ("catalogue_subject", |d| d.types[1].subject = None),
        ("catalogue_subject", |d| d.types[1].subject = Some("level".to_owned())),
    ];
    for (at, (code, change)) in changes.into_iter().enumerate() {
        let mut data = catalogue().data().clone();
        change(&mut data);
        let refused = Catalogue::new(data).expect_err("it must be refused");
        assert_eq!(refused.code(), code, "change {at}: {refused}");
    }
}

fn kinds_field<'d>(data: &'d mut CatalogueData, name: &str) -> &'d mut Field {
    let message = usize::from(data.types[0].message.0);
    data.messages[message].fields.iter_mut().find(|f| f.name == name).expect("it is there")
}
