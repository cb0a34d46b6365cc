//! Who is let in in a story: the deny list that operators push to every node.
//!
//! In: clients to deny, and until when. Out: lists, and bans in the clients' own memory, against which they judge what they
//! hear (see [`pass`](crate::pass)). Deliberately absent: tokens.

use std::sync::Arc;
use std::time::Instant;

use edge_session::DenyList;

use super::Story;
use crate::link::Stage;
use crate::pass::Ban;

impl Story<'_> {
    /// Puts a client's subject, or the token of its newest connection, on the list.
    pub(super) fn deny(&mut self, client: usize, is_whole_subject: bool, until: Instant) {
        let newest = self.actors[client].client.links.last().filter(|link| link.stage != Stage::Over);
        let jti = newest.and_then(|link| link.pass.as_ref()).map(|pass| pass.jti.clone());
        if !is_whole_subject && jti.is_none() {
            return; // it has no token yet
        }
        let ban = Ban { from: self.clock.elapsed(), to: None, jti: jti.filter(|_| !is_whole_subject) };
        let sub = self.actors[client].client.sub.clone();
        for actor in self.actors.iter_mut().filter(|actor| actor.client.sub == sub) {
            actor.client.bans.push(ban.clone());
        }
        self.pardons.push((until, client));
        self.push_list();
    }

    /// Takes clients off the list whose time is over.
    pub(super) fn pardon(&mut self, now: Instant) {
        let over: Vec<(Instant, usize)> = self.pardons.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, client) in &over {
            let sub = self.actors[*client].client.sub.clone();
            for actor in self.actors.iter_mut().filter(|actor| actor.client.sub == sub) {
                let open = actor.client.bans.iter_mut().filter(|ban| ban.to.is_none());
                open.for_each(|ban| ban.to = Some(self.clock.elapsed()));
            }
        }
        if !over.is_empty() {
            self.push_list();
        }
    }

    fn push_list(&mut self) {
        let mut list = DenyList::default();
        for client in self.actors.iter().map(|actor| &actor.client) {
            for ban in client.bans.iter().filter(|ban| ban.to.is_none()) {
                match &ban.jti {
                    Some(jti) => list.tokens.insert(jti.clone()),
                    None => list.subjects.insert(client.sub.to_string()),
                };
            }
        }
        self.scribe.note(format_args!("deny list: {list:?}"));
        let list = Arc::new(list);
        self.nodes.iter_mut().for_each(|node| node.pop.deny(list.clone()));
    }
}
