//! The widths of paths in a story: narrow ones, and black holes that open and close in mid-connection.
//!
//! In: the plan's paths, holes. Out: packets that vanish for their length alone. A connection that had found a wider path must
//! notice by itself (RFC 8899) and go on. Deliberately absent: paths too narrow for QUIC.

use std::time::Instant;

use super::Story;
use crate::link::Stage;
use crate::plan::Way;

/// A black hole on a client's path.
#[derive(Debug)]
pub(super) struct Hole {
    client: usize,
    pub(super) ends_at: Instant,
    /// Connections that were open when it opened, each with the black holes it had found before.
    met: Vec<(u64, u64)>,
}

impl Story<'_> {
    /// Paths that are narrow from the start.
    pub(super) fn narrow_paths(&mut self) {
        (0..self.actors.len()).for_each(|client| self.set_path(client, Way::Both, self.plan.paths[client]));
    }

    pub(super) fn open_hole(&mut self, client: usize, way: Way, mtu_bytes: usize, ends_at: Instant) {
        let mtu_bytes = self.plan.paths[client].map_or(mtu_bytes, |own| own.min(mtu_bytes));
        self.set_path(client, way, Some(mtu_bytes));
        let links = self.actors[client].client.links.iter().filter(|link| link.stage == Stage::Welcomed);
        let met = links.map(|link| (link.number, link.conn.stats().path.black_holes_detected)).collect();
        self.holes.push(Hole { client, ends_at, met });
    }

    /// Closes the holes that end by now, and counts who lived through them.
    pub(super) fn close_holes(&mut self, now: Instant) {
        for hole in self.holes.extract_if(.., |hole| hole.ends_at <= now).collect::<Vec<_>>() {
            let links = self.actors[hole.client].client.links.iter().filter(|link| link.stage == Stage::Welcomed);
            let has_found =
                |number: u64, found: u64| hole.met.iter().any(|(n, before)| *n == number && found > *before);
            let survivors =
                links.filter(|l| has_found(l.number, l.conn.stats().path.black_holes_detected)).count() as u64;
            self.scribe.mix.holes_survived += survivors;
            let name = &self.actors[hole.client].client.name;
            self.scribe.note(format_args!("{name}'s path is as wide as before; {survivors} connections found out"));
            self.set_path(hole.client, Way::Both, self.plan.paths[hole.client]);
        }
    }

    fn set_path(&mut self, client: usize, way: Way, mtu_bytes: Option<usize>) {
        let ip = self.actors[client].ip;
        for node in &self.nodes {
            if way != Way::Down {
                self.net.narrow_one_way(ip, node.address.ip(), mtu_bytes);
            }
            if way != Way::Up {
                self.net.narrow_one_way(node.address.ip(), ip, mtu_bytes);
            }
        }
    }
}
