//! JSON that becomes a payload: recorded events, tests' events, whatever an author wrote.
//!
//! The first byte chooses an event type, the rest is a JSON text. What must hold: refused with words, or a payload that
//! admission passes and whose JSON makes the same payload again.

use serde_json::Value;

use super::payloads;
use super::schemas;

pub(super) fn run(bytes: &[u8]) {
    let Some((&chosen, text)) = bytes.split_first() else { return };
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
    let (schema, _, event_type) = schemas::choose(chosen);
    let catalogue = &schema.catalogue;
    match catalogue.encode_json(event_type, &value) {
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
        Ok(payload) => {
            catalogue.validate(event_type, &payload).expect("what is encoded passes admission");
            let json = catalogue.decode_json(event_type, &payload).expect("and has JSON");
            let again = catalogue.encode_json(event_type, &json).expect("which is encoded again");
            let json_again = catalogue.decode_json(event_type, &again).expect("and decoded again");
            assert_eq!(json_again, json);
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seed = |chosen: u8| {
        let (schema, _, event_type) = schemas::choose(chosen);
        let payload = payloads::full(&schema.catalogue, event_type);
        let json = schema.catalogue.decode_json(event_type, &payload).ok()?;
        Some([vec![chosen], json.to_string().into_bytes()].concat())
    };
    (0..schemas::count() as u8).filter_map(seed).collect()
}
