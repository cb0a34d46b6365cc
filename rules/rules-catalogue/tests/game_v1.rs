//! The example catalogue: it compiles without a word, and its contract changes only on purpose.

use std::fmt::Write as _;
use std::path::Path;

use expect_test::expect;
use rules_catalogue::Catalogue;
use rules_catalogue::compile::{Sources, compile};

fn game_v1() -> Catalogue {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalogue");
    let compiled = compile(&Sources::read_dir(&root).expect("the example catalogue is there"));
    let compiled =
        compiled.unwrap_or_else(|all| panic!("{}", all.iter().map(|d| format!("{d}\n")).collect::<String>()));
    assert_eq!(compiled.warnings, []);
    compiled.catalogue
}

#[test]
fn the_contract() {
    let catalogue = game_v1();
    let mut table = String::new();
    for t in catalogue.event_types() {
        let subject = t.subject.as_deref().unwrap_or("-");
        let (id, name, owner, limit) = (t.id.0, &t.name, &t.owner, t.max_payload_bytes);
        let (provenance, class, tags) = (t.provenance, t.personal_data, t.tags.join(","));
        writeln!(table, "{id} {name} {provenance:?} {subject} {owner} {class:?} {limit} {tags}").unwrap();
    }
    expect![[r#"
        1 CameraMoved Client - team-core-gameplay None 266 input,telemetry
        2 UnitsSelected Client - team-core-gameplay None 1318 input,telemetry
        3 ControlGroup Client - team-core-gameplay None 273 input,telemetry
        4 AbilityUsed Client - team-core-gameplay None 322 input,order
        5 PointCommanded Client - team-core-gameplay None 334 input,order
        6 UnitTargeted Client - team-core-gameplay None 398 input,order
        10 UnitBorn Client - team-core-gameplay None 338 unit
        11 UnitStarted Client - team-core-gameplay None 338 unit
        12 UnitFinished Client - team-core-gameplay None 328 unit
        13 UnitChanged Client - team-core-gameplay None 328 unit
        14 UnitDied Client - team-core-gameplay None 340 combat,unit
        20 MatchJoined Client - team-matchmaking None 446 match
        21 MatchLeft Client - team-matchmaking None 256 churn,match
        22 MatchEnded Client - team-matchmaking None 267 match
        23 EconomySampled Client - team-matchmaking None 322 economy,match
        24 UpgradeCompleted Client - team-matchmaking None 328 economy,match
        30 ChatSent Client - team-community None 264 chat,social
        31 PingSent Client - team-community None 274 social
        32 ResourcesSent Client - team-community None 268 economy,social
        101 SessionStarted Client - team-live-ops None 302 player,session
        102 SessionEnded Client - team-live-ops None 325 churn,player,session
        103 PlayerDied Client - team-live-ops None 408 combat,player
        104 LevelCompleted Client - team-live-ops None 295 player,progress
        105 TutorialStep Client - team-live-ops None 324 onboarding,player,progress
        110 CartOpened Client - team-monetisation None 356 shop
        111 ItemAdded Client - team-monetisation None 400 shop
        112 Purchase Server player_id team-monetisation Sensitive 4516 money,shop
        113 Trade Server player_id team-monetisation Pseudonymous 4685 economy,fraud,shop
        114 Refund Server player_id team-monetisation Sensitive 395 fraud,money,shop
        120 MatchFinished Server player_id team-matchmaking Pseudonymous 1111 match,reward
        121 QueueJoined Client - team-matchmaking None 286 match
        122 QueueLeft Client - team-matchmaking None 280 churn,match
        140 ReportFiled Client - team-community Pseudonymous 399 moderation,social
        141 FriendInvited Client - team-community Pseudonymous 340 social
    "#]]
    .assert_eq(&table);
}

#[test]
fn every_recorded_name_has_its_event_type() {
    let catalogue = game_v1();
    let recorded = "camera_moved point_commanded units_selected control_group ability_used unit_targeted unit_born \
        unit_started unit_finished unit_changed unit_died economy_sampled chat_sent ping_sent upgrade_completed \
        resources_sent match_left match_joined match_ended";
    for name in recorded.split_whitespace() {
        assert!(catalogue.event_type_of_record(name).is_some(), "{name}");
    }
}

#[test]
fn it_survives_its_bytes_and_documents_every_event() {
    let catalogue = game_v1();
    assert_eq!(Catalogue::from_bytes(&catalogue.to_bytes()).as_ref(), Ok(&catalogue));
    assert!(catalogue.event_types().iter().all(|t| !t.doc.is_empty() && !catalogue.place(t.position).is_empty()));
    let died = catalogue.event_type_by_name("PlayerDied").unwrap();
    let level = catalogue.resolve(died.message, "level").unwrap();
    assert!(catalogue.place(catalogue.field_at(&level).position).starts_with("game/v1/player.proto:"));
    assert_eq!(catalogue.field_at(&level).limits.range.unwrap().to_string(), "1..=200");
}
