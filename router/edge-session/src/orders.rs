//! What operators order of a shard's sessions while they run: revocation, new keys, drain, and the shard's own measures
//! under overload.
//!
//! In: orders. Out: nothing at once; sessions act when they are polled. Deliberately absent: who gives orders, and when
//! a shard is overloaded.

use std::sync::Arc;
use std::time::Duration;

use edge_event::Class;
use edge_mutant::mutant;
use edge_wire::{CloseCode, CloseReason, EncodeError};

use crate::control::move_frame;
use crate::endpoint::Sessions;
use crate::events::MoveTo;
use crate::token::{DenyList, TokenVerifier};

impl Sessions {
    /// Puts a deny list in force: for HELLO and REAUTH from now on, and for every live session at once.
    pub fn revoke(&mut self, deny: Arc<DenyList>) {
        self.context.deny = deny;
        let deny = self.context.deny.clone();
        self.for_each(|session, context| {
            let is_named =
                !mutant!(DeniedStillServed) && session.established.as_ref().is_some_and(|who| deny.names(&who.claims));
            if is_named {
                session.close(&CloseReason::new(CloseCode::Revoked, ""), context);
            }
            is_named
        });
    }

    /// Puts new keys of issuers in force for HELLO and REAUTH. Live sessions keep what they have until their tokens
    /// end.
    pub fn set_verifier(&mut self, verifier: Arc<TokenVerifier>) {
        self.context.verifier = verifier;
    }

    /// Takes nobody new, asks every session to move, and closes what is left after `within`.
    ///
    /// # Errors
    /// `to` exceeds what MOVE can carry; nothing has changed then.
    pub fn begin_drain(&mut self, to: MoveTo, within: Duration) -> Result<(), EncodeError> {
        move_frame(&to, within).encode(&mut Vec::new())?;
        self.for_each(|session, context| {
            session.move_away(&to, within, context);
            true
        });
        self.context.draining = Some(to);
        Ok(())
    }

    /// Stops reading a class on all sessions and withholds its credit. For overload: the least urgent class first.
    pub fn pause(&mut self, class: Class) {
        if !std::mem::replace(&mut self.context.paused[class.index()], true) {
            // Looked at once more, so that no deadline runs for a frame that we stopped reading.
            self.for_each(|_, _| true);
        }
    }

    /// Reads a class again and gives the credit that was withheld.
    pub fn resume(&mut self, class: Class) {
        if std::mem::replace(&mut self.context.paused[class.index()], false) {
            self.for_each(|session, context| {
                session.on_resumed(context);
                true
            });
        }
    }

    /// Whether datagrams with events are dropped unread (counted). For overload.
    pub fn shed_datagrams(&mut self, shed: bool) {
        self.context.shed_datagrams = shed;
    }
}
