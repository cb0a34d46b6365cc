//! Who gets in: what happens to a client's first Initial.
//!
//! In: an Initial of an unknown connection. Out: a half-open connection, a Retry, a refusal, or nothing. An address
//! that has not proved to be real gets at most a Retry once many are half-open, and is never held against anybody.
//! Deliberately absent: TLS, tokens of players.

use quinn_proto::Incoming;

use crate::amplify::AmplificationGuard;
use crate::endpoint::{Sessions, index_of};
use crate::session::Session;

/// What to do with an Initial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Accept,
    /// Prove the address first (RFC 9000 §8.1.2).
    Retry,
    /// CONNECTION_REFUSED.
    Refuse,
    /// Not a byte.
    Ignore,
}

impl Sessions {
    pub(crate) fn on_incoming(&mut self, incoming: Incoming, bytes: usize) {
        let verdict = self.judge(&incoming);
        self.scratch.clear();
        match verdict {
            Verdict::Accept => self.accept(incoming, bytes),
            Verdict::Retry => {
                self.context.stats.retries += 1;
                let transmit = self.endpoint.retry(incoming, &mut self.scratch);
                let transmit = transmit.expect("only who may be asked to retry is");
                self.answer(&transmit, bytes);
            }
            Verdict::Refuse => {
                self.context.stats.initials_shed += 1;
                let transmit = self.endpoint.refuse(incoming, &mut self.scratch);
                self.answer(&transmit, bytes);
            }
            Verdict::Ignore => {
                self.context.stats.initials_shed += 1;
                self.endpoint.ignore(incoming);
            }
        }
    }

    fn judge(&self, incoming: &Incoming) -> Verdict {
        let (config, half_open) = (&self.context.config, self.context.stats.half_open as usize);
        let is_real = incoming.remote_address_validated();
        let is_full = self.context.draining.is_some() || self.table.len() >= config.connections_max;
        if half_open >= config.handshakes_max {
            Verdict::Ignore
        } else if !is_real && half_open >= config.retry_above {
            Verdict::Retry
        } else if is_full {
            Verdict::Refuse
        } else {
            Verdict::Accept
        }
    }

    fn accept(&mut self, incoming: Incoming, bytes: usize) {
        let remote = incoming.remote_address();
        let is_real = incoming.remote_address_validated();
        match self.endpoint.accept(incoming, self.context.now, &mut self.scratch, None) {
            Ok((handle, conn)) => {
                let index = index_of(handle);
                let mut guard = AmplificationGuard::new(remote, is_real);
                guard.on_received(remote, bytes);
                let key = self.table.next_key(index);
                let session = Session::new(key, conn, guard, &mut self.context);
                self.table.insert(Box::new(session));
                self.mark_dirty(index);
            }
            Err(error) => {
                self.context.stats.initials_unreadable += 1;
                if let Some(transmit) = error.response {
                    self.answer(&transmit, bytes);
                }
            }
        }
    }
}
