//! What simulated players do between two matches, and what game servers attest: results, payments.
//!
//! What comes in: how a match ended. What goes out: events of the player's own and of the game server's. Nothing of this was
//! recorded, so none of it is in the table; it is little, and it makes the shop's rules fire. Deliberately absent: time, but
//! for distances within the lobby.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use rules_catalogue::{Catalogue, EventType};
use serde_json::{Value, json};

use super::dice::Dice;
use super::players::Attested;
use super::script::MatchResult;

/// How often a cart is filled after a match, and how often one is paid.
const FILLS_CART: f64 = 0.4;
const PAYS: f64 = 0.5;
const ARTICLES: [(&str, u32); 4] =
    [("dragon_skin", 499), ("announcer_pack", 999), ("portrait_set", 199), ("season_pass", 1_499)];
/// What a rating changes by.
const RATING: i64 = 12;

/// Knows the event types.
pub(crate) struct Lobby {
    catalogue: Arc<Catalogue>,
    finished: EventType,
    cart_opened: EventType,
    item_added: EventType,
    purchase: EventType,
    queue_joined: EventType,
}

/// An event of the player in the lobby.
pub(crate) struct Step {
    /// After the match's end. Milliseconds of game time.
    pub(crate) after_ms: u64,
    pub(crate) event_type: edge_event::EventTypeId,
    pub(crate) payload: Bytes,
    /// What the game server tells when this happens.
    pub(crate) attests: Option<Attested>,
}

impl Lobby {
    /// # Errors
    /// The catalogue lacks one of the event types.
    pub(crate) fn new(catalogue: Arc<Catalogue>) -> Result<Lobby> {
        let named = |name: &str| {
            catalogue
                .event_type_by_name(name)
                .cloned()
                .with_context(|| format!("the catalogue has no event type `{name}`"))
        };
        let (finished, purchase) = (named("MatchFinished")?, named("Purchase")?);
        let (cart_opened, item_added, queue_joined) =
            (named("CartOpened")?, named("ItemAdded")?, named("QueueJoined")?);
        Ok(Lobby { finished, cart_opened, item_added, purchase, queue_joined, catalogue })
    }

    /// What the game server says of a match's end.
    pub(crate) fn result(&self, player: &str, result: &MatchResult) -> Option<Attested> {
        let rating_change = if result.won { RATING } else { -RATING };
        let fields = json!({
            "player_id": player, "match_id": result.match_id, "result": if result.won { "win" } else { "loss" },
            "mode": result.mode, "seconds": result.seconds, "rating_change": rating_change,
        });
        self.attested(&self.finished, &fields)
    }

    /// What the player does until the next match.
    pub(crate) fn steps(&self, player: &str, result: &MatchResult, dice: &mut Dice) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut payment = None;
        if dice.hits(FILLS_CART) {
            let cart = format!("c-{}", result.match_id);
            let (sku, price_cents) = ARTICLES[dice.place(&[1.0; ARTICLES.len()])];
            let item = json!({ "cart_id": cart, "sku": sku, "quantity": 1, "price_cents": price_cents });
            steps.extend(self.step(1_000, &self.cart_opened, &json!({ "cart_id": cart, "source": "lobby" })));
            steps.extend(self.step(2_000, &self.item_added, &item));
            if dice.hits(PAYS) {
                let fields = json!({
                    "player_id": player, "order_id": format!("o-{}", result.match_id), "cart_id": cart,
                    "items": [{ "sku": sku, "quantity": 1, "price_cents": price_cents }],
                    "total_cents": price_cents, "currency": "EUR", "wallet": "demo",
                });
                payment = self.attested(&self.purchase, &fields);
            }
        }
        let queue = json!({ "mode": result.mode, "expected_wait_s": 1, "party_size": 1 });
        steps.extend(self.step(4_000, &self.queue_joined, &queue));
        if let Some(last) = steps.last_mut() {
            last.attests = payment;
        }
        steps
    }

    /// `None` where the catalogue forbids a value; a test holds that it forbids none.
    fn step(&self, after_ms: u64, of: &EventType, fields: &Value) -> Option<Step> {
        let payload = self.catalogue.encode_json(of, fields).ok()?.into();
        Some(Step { after_ms, event_type: of.id, payload, attests: None })
    }

    fn attested(&self, of: &EventType, fields: &Value) -> Option<Attested> {
        let payload = self.catalogue.encode_json(of, fields).ok()?.into();
        Some(Attested { event_type: of.id, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::course::LOBBY_MS;
    use crate::demo::embedded;

    #[test]
    fn a_lobby_holds_a_queue_and_now_and_then_a_cart_and_a_payment() {
        let lobby = Lobby::new(embedded::catalogue()).unwrap();
        let result = MatchResult { match_id: "d0001-2".into(), mode: "1v1".into(), won: true, seconds: 754.5 };
        assert!(lobby.result("p1", &result).is_some());
        let mut dice = Dice::new(1, &[]);
        let visits: Vec<Vec<Step>> = (0..200).map(|_| lobby.steps("p1", &result, &mut dice)).collect();
        assert!(visits.iter().all(|steps| steps.len() == 1 || steps.len() == 3), "every event fits the catalogue");
        assert!(visits.iter().flatten().all(|step| (step.after_ms as f64) < LOBBY_MS));
        let carts = visits.iter().filter(|steps| steps.len() == 3).count();
        let paid = visits.iter().flatten().filter(|step| step.attests.is_some()).count();
        assert!((50..110).contains(&carts) && (20..60).contains(&paid), "{carts} carts, {paid} paid");
    }
}
