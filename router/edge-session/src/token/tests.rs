//! Tokens and key sets: good ones, and their faults one by one.

use edge_event::Provenance;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::maker::{Maker, NOW_S, b64, claims};
use super::*;

fn verifier(maker: &Maker) -> TokenVerifier {
    TokenVerifier::new(vec![maker.issuer(Provenance::Client)], TokenTimes::default()).unwrap()
}

fn verify(verifier: &TokenVerifier, token: &str) -> Result<Claims, TokenError> {
    verifier.verify(token.as_bytes(), NOW_S * 1000, &DenyList::default())
}

/// Changes one member of good claims; `null` removes it.
fn with(member: &str, value: Value) -> Value {
    let mut claims = claims("p1");
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(member),
        value => claims.as_object_mut().unwrap().insert(member.into(), value),
    };
    claims
}

#[test]
fn a_good_token_of_either_algorithm_is_understood() {
    let maker = Maker::new("players", 1);
    let verifier = verifier(&maker);
    let found = verify(&verifier, &maker.token(&claims("p1"))).unwrap();
    assert_eq!((&*found.sub, &*found.region, &*found.title, &*found.jti), ("p1", "eu", "sc2", "t1"));
    assert_eq!(found.segments, [Arc::from("beta"), Arc::from("whale")]);
    assert_eq!((&*found.issuer, &*found.kid), ("players", "ed-players"));
    assert_eq!(found.ends_unix_ms, (NOW_S + 630) * 1000);
    let found = verify(&verifier, &maker.sign_es256(&claims("p2"))).unwrap();
    assert_eq!((&*found.sub, &*found.kid), ("p2", "ec-players"));
    assert!(verify(&verifier, &maker.token(&with("aud", json!(["other", "edge"])))).is_ok());
    assert!(verify(&verifier, &maker.token(&with("exp", json!(NOW_S as f64 + 60.5)))).is_ok());
    assert!(
        verify(&verifier, &maker.token(&json!({ "sub": "p", "aud": "edge", "exp": NOW_S + 60, "more": {} }))).is_ok()
    );
}

#[test]
fn the_key_decides_the_provenance() {
    let (players, servers) = (Maker::new("players", 1), Maker::new("servers", 2));
    let issuers = vec![players.issuer(Provenance::Client), servers.issuer(Provenance::Server)];
    let verifier = TokenVerifier::new(issuers, TokenTimes::default()).unwrap();
    assert_eq!(verify(&verifier, &players.token(&claims("p1"))).unwrap().provenance, Provenance::Client);
    assert_eq!(verify(&verifier, &servers.token(&claims("s1"))).unwrap().provenance, Provenance::Server);
    // A player's signature under a server's key id.
    let forged = players.sign(&json!({ "alg": "EdDSA", "kid": "ed-servers" }), &claims("p1"));
    assert_eq!(verify(&verifier, &forged), Err(TokenError::BadSignature));
}

#[test]
fn each_claim_has_its_own_refusal() {
    let maker = Maker::new("players", 1);
    let verifier = verifier(&maker);
    for (member, value, error) in [
        ("aud", json!("other"), TokenError::WrongAudience),
        ("aud", Value::Null, TokenError::WrongAudience),
        ("aud", json!(7), TokenError::WrongType),
        ("exp", Value::Null, TokenError::NoExpiry),
        ("exp", json!(NOW_S - 30), TokenError::Expired),
        ("exp", json!(-1), TokenError::WrongType),
        ("exp", json!("soon"), TokenError::WrongType),
        ("exp", json!(1e300), TokenError::WrongType),
        ("exp", json!(NOW_S + 3700), TokenError::LifetimeTooLong),
        ("nbf", json!(NOW_S + 31), TokenError::NotYetValid),
        ("iat", json!(NOW_S + 31), TokenError::IssuedInFuture),
        ("iat", json!(NOW_S - 3100), TokenError::LifetimeTooLong),
        ("sub", Value::Null, TokenError::BadSubject),
        ("sub", json!(""), TokenError::BadSubject),
        ("sub", json!("x".repeat(129)), TokenError::BadSubject),
        ("sub", json!("a\nb"), TokenError::BadSubject),
        ("sub", json!(7), TokenError::WrongType),
        ("region", json!(7), TokenError::WrongType),
        ("segments", json!("one"), TokenError::WrongType),
        ("region", json!("x".repeat(65)), TokenError::BadScope),
        ("segments", json!(vec!["s"; 33]), TokenError::BadScope),
        ("segments", json!(["x".repeat(65)]), TokenError::BadScope),
        ("jti", json!("x".repeat(129)), TokenError::BadScope),
    ] {
        let found = verify(&verifier, &maker.token(&with(member, value.clone())));
        assert_eq!(found.err(), Some(error), "{member} = {value}");
    }
    for (member, value) in [
        ("exp", json!(NOW_S - 29)),
        ("nbf", json!(NOW_S + 30)),
        ("iat", json!(NOW_S + 30)),
        ("sub", json!("x".repeat(128))),
    ] {
        assert!(verify(&verifier, &maker.token(&with(member, value.clone()))).is_ok(), "{member} = {value}");
    }
}

#[test]
fn each_fault_of_the_envelope_has_its_own_refusal() {
    let maker = Maker::new("players", 1);
    let verifier = verifier(&maker);
    let good = maker.token(&claims("p1"));
    let signed = |header: Value| maker.sign(&header, &claims("p1"));
    let mut flipped = good.clone().into_bytes();
    let at = flipped.iter().position(|byte| *byte == b'.').unwrap() + 5;
    flipped[at] ^= 1;
    for (token, error) in [
        (format!("{good}{}", "A".repeat(4096)), TokenError::TooLong),
        (String::new(), TokenError::Malformed),
        ("a.b".into(), TokenError::Malformed),
        (format!("{good}.x"), TokenError::Malformed),
        (format!("{good}="), TokenError::Malformed),
        (signed(json!([])), TokenError::Malformed),
        (signed(json!({ "kid": "ed-players" })), TokenError::Malformed),
        (signed(json!({ "alg": "EdDSA" })), TokenError::NoKeyId),
        (signed(json!({ "alg": "EdDSA", "kid": "gone" })), TokenError::UnknownKey),
        (signed(json!({ "alg": "ES256", "kid": "ed-players" })), TokenError::WrongAlgorithm),
        (signed(json!({ "alg": "none", "kid": "ed-players" })), TokenError::WrongAlgorithm),
        (signed(json!({ "alg": "HS256", "kid": "ed-players" })), TokenError::WrongAlgorithm),
        (signed(json!({ "alg": "EdDSA", "kid": "ec-players" })), TokenError::WrongAlgorithm),
        (signed(json!({ "alg": "ES256", "kid": "ec-players" })), TokenError::BadSignature),
        (signed(json!({ "alg": "EdDSA", "kid": "ed-players", "crit": ["b64"] })), TokenError::CriticalExtension),
        (String::from_utf8(flipped).unwrap(), TokenError::BadSignature),
    ] {
        assert_eq!(verify(&verifier, &token).err(), Some(error), "{token}");
    }
}

#[test]
fn issuer_and_title_bind_where_they_are_configured() {
    let maker = Maker::new("servers", 1);
    let issuer = IssuerConfig {
        iss: Some("https://id.example".into()),
        titles: vec!["sc2".into()],
        ..maker.issuer(Provenance::Server)
    };
    let verifier = TokenVerifier::new(vec![issuer], TokenTimes::default()).unwrap();
    assert_eq!(verify(&verifier, &maker.token(&claims("s"))).err(), Some(TokenError::WrongIssuer));
    let mut good = with("iss", json!("https://id.example"));
    assert!(verify(&verifier, &maker.token(&good)).is_ok());
    good["title"] = json!("chess");
    assert_eq!(verify(&verifier, &maker.token(&good)).err(), Some(TokenError::WrongTitle));
}

#[test]
fn a_deny_list_names_subjects_keys_and_tokens() {
    let maker = Maker::new("players", 1);
    let verifier = verifier(&maker);
    let token = maker.token(&claims("p1"));
    let denied = |deny: &DenyList| verifier.verify(token.as_bytes(), NOW_S * 1000, deny).err();
    let one = |word: &str| [word.to_owned()].into();
    assert_eq!(denied(&DenyList { subjects: one("p2"), ..DenyList::default() }), None);
    for deny in [
        DenyList { subjects: one("p1"), ..DenyList::default() },
        DenyList { keys: one("ed-players"), ..DenyList::default() },
        DenyList { tokens: one("t1"), ..DenyList::default() },
    ] {
        assert_eq!(denied(&deny), Some(TokenError::Revoked));
    }
}

fn refused(jwks: &str, expected: &Expect) {
    let maker = Maker::new("players", 1);
    let issuer = IssuerConfig { jwks: jwks.into(), ..maker.issuer(Provenance::Client) };
    let error = TokenVerifier::new(vec![issuer], TokenTimes::default()).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn key_sets_are_refused_with_what_to_do() {
    let maker = Maker::new("players", 1);
    let change = |at: usize, member: &str, value: Value| {
        let mut set = maker.jwks();
        set["keys"][at][member] = value;
        set.to_string()
    };
    refused(
        "[]",
        &expect![
            "issuer `players`: the key set is not a JSON object with an array `keys` of keys: invalid length 0, expected struct JwkSet with 1 element at line 1 column 2"
        ],
    );
    refused(&" ".repeat(65_537), &expect!["issuer `players`: the key set has 65537 bytes; the limit is 65536"]);
    refused(
        &json!({ "keys": vec![json!({ "kty": "RSA" }); 65] }).to_string(),
        &expect!["issuer `players`: the key set has 65 keys; the limit is 64"],
    );
    refused(
        &json!({ "keys": [{ "kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB" }] }).to_string(),
        &expect![
            "issuer `players`: the key set has no usable key: needed is an Ed25519 (kty OKP) or P-256 (kty EC) key for signatures"
        ],
    );
    refused(
        &change(0, "kid", json!("")),
        &expect![
            "issuer `players`: key 0 has no `kid` of 1 to 128 bytes: give it one, and put the same into the tokens' headers"
        ],
    );
    refused(
        &change(1, "kid", json!("ed-players")),
        &expect!["issuer `players`: two keys have the id `ed-players`: rename one"],
    );
    refused(
        &change(0, "d", json!("AAAA")),
        &expect![
            "issuer `players`: key `ed-players` has its private part (`d`): replace it, it is no secret any more, and give only public keys"
        ],
    );
    refused(
        &change(0, "alg", json!("ES256")),
        &expect!["issuer `players`: key `ed-players` says `alg` ES256, which does not fit its type and curve"],
    );
    refused(
        &change(1, "y", json!("AAAA")),
        &expect!["issuer `players`: key `ec-players`: `x` (and `y` for P-256) must be base64url of 32 bytes each"],
    );
}

#[test]
fn keys_for_other_uses_are_passed_over() {
    let maker = Maker::new("players", 1);
    let mut set = maker.jwks();
    set["keys"][0]["use"] = json!("enc");
    set["keys"][1]["key_ops"] = json!(["verify"]);
    let issuer = IssuerConfig { jwks: set.to_string(), ..maker.issuer(Provenance::Client) };
    let verifier = TokenVerifier::new(vec![issuer], TokenTimes::default()).unwrap();
    assert_eq!(verify(&verifier, &maker.token(&claims("p"))).err(), Some(TokenError::UnknownKey));
    assert!(verify(&verifier, &maker.sign_es256(&claims("p"))).is_ok());
}

#[test]
fn a_key_id_belongs_to_one_issuer() {
    let maker = Maker::new("players", 1);
    let twin = IssuerConfig { name: "twin".into(), ..maker.issuer(Provenance::Server) };
    let error = TokenVerifier::new(vec![maker.issuer(Provenance::Client), twin], TokenTimes::default()).unwrap_err();
    expect!["key id `ed-players` is in the key sets of both `players` and `twin`: rename one, since the key decides provenance"].assert_eq(&error.to_string());
    assert_eq!(TokenVerifier::new(Vec::new(), TokenTimes::default()).unwrap_err(), IssuerError::None);
}

proptest! {
    #[test]
    fn no_bytes_panic(token in prop::collection::vec(any::<u8>(), 0..200), unix_ms in any::<i64>()) {
        let verifier = verifier(&Maker::new("players", 1));
        prop_assert!(verifier.verify(&token, unix_ms, &DenyList::default()).is_err());
    }

    /// Signed nonsense: the issuer's mistakes must not panic either, whatever the clock says.
    #[test]
    fn no_signed_claims_panic(text in "\\PC{0,80}", exp in any::<f64>(), unix_ms in any::<i64>()) {
        let maker = Maker::new("players", 1);
        let verifier = verifier(&maker);
        let mut raw = with("exp", json!(exp));
        raw["nbf"] = json!(exp / 2.0);
        let _ = verifier.verify(maker.token(&raw).as_bytes(), unix_ms, &DenyList::default());
        let odd = maker.sign(&maker.header(), &json!(text));
        prop_assert!(verifier.verify(odd.as_bytes(), unix_ms, &DenyList::default()).is_err());
        let parts = format!("{}.{}.{}", b64(text.as_bytes()), b64(b"{}"), b64(&[0; 64]));
        prop_assert!(verifier.verify(parts.as_bytes(), unix_ms, &DenyList::default()).is_err());
    }
}
