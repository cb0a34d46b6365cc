//! The fault mix: how often each kind of trouble, and each thing worth reaching, happened in a run.
//!
//! In: counts of stories. Out: their sum, a table, and the names of those that never fired. A run that never met a fault
//! proves nothing about it, so long runs fail on such names.

use std::fmt;

/// Declares the counters once, so that none can be missing in the sum or in the table.
macro_rules! mix {
    ($($(#[doc = $doc:literal])* $field:ident: $words:literal,)*) => {
        /// Counts of one story, or of a run.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Mix {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        impl Mix {
            /// Adds another's counts.
            pub fn add(&mut self, other: &Mix) {
                $(self.$field += other.$field;)*
            }

            /// All counts with their names, in the order of the table.
            pub fn entries(&self) -> Vec<(&'static str, u64)> {
                vec![$(($words, self.$field),)*]
            }
        }
    };
}

mix! {
    /// Datagrams that the network took.
    packets: "packets sent",
    /// Of them, lost.
    packets_lost: "packets lost",
    /// Of them, delivered twice.
    packets_duplicated: "packets duplicated",
    /// Of them, overtaken.
    packets_reordered: "packets reordered",
    /// Of them, with a flipped bit.
    packets_corrupted: "packets corrupted",
    /// Of them, swallowed by a cut.
    packets_cut: "packets cut off",
    /// Of them, beyond the path's MTU.
    packets_oversize: "packets beyond the MTU",
    /// Of them, swallowed by a hole that had not been there before.
    packets_black_holed: "of them, in a black hole",
    /// Connections that found a black hole out and went on.
    holes_survived: "connections alive after a black hole",
    /// Of them, sent to a daemon that was down.
    packets_unheard: "packets to a dead daemon",
    /// Packets that reached another shard than their connection's.
    packets_strayed: "packets on the wrong shard",
    /// Retry packets.
    retries: "Retry packets",
    /// Handshakes that ended well.
    handshakes: "handshakes",
    /// Connections that ended otherwise than by their client's wish.
    connections_lost: "connections lost",
    /// Reconnects.
    reconnects: "reconnects",
    /// Of them, to another shard than before.
    reconnects_elsewhere: "reconnects to another shard",
    /// Of them, to another node than before.
    reconnects_to_node: "reconnects to another node",
    /// Sessions opened while another client of the player had one on the node.
    players_shared: "players with two clients on a node",
    /// Sessions opened while another client of the player had one on the other node.
    players_on_both: "players with clients on two nodes",
    /// Sessions opened while an older one of the same producer was alive on the other node.
    producers_on_both: "producers with sessions on two nodes",
    /// Sessions ended by a newer one of their producer.
    superseded: "sessions superseded",
    /// Sessions refused.
    refused: "sessions refused",
    /// Of them, for a shard's overload.
    refused_for_overload: "of them, for overload",
    /// Sessions that a REAUTH carried beyond their first token.
    renewals: "sessions beyond their first token",
    /// Connections closed at their token's end.
    tokens_expired: "connections closed by their token's end",
    /// Connections closed for a bad token in REAUTH.
    tokens_invalid: "connections closed for a bad REAUTH",
    /// Connections closed by a deny list.
    revoked: "connections closed by the deny list",
    /// First packets that were refused or left unread, as their shard had no room for a connection more.
    shed_at_the_door: "first packets shed at the door",
    /// Connections refused, as their shard had as many as it may.
    refused_at_the_ceiling: "connections refused at the ceiling",
    /// Sessions refused by a deny list.
    refused_for_denial: "sessions refused by the deny list",
    /// Clients that changed their address.
    rebinds: "address changes",
    /// Clients that died and came back.
    client_deaths: "client deaths",
    /// Daemons killed.
    kills: "daemon kills",
    /// Daemons that ended when their last session had gone.
    drains: "daemons drained",
    /// Sessions that were asked to go elsewhere.
    moves: "sessions told to move",
    /// Losses of power.
    power_losses: "power losses",
    /// Losses of power in the midst of recovery.
    recovery_crashes: "power losses in recovery",
    /// Starts that failed because a sync did, and were tried again.
    failed_starts: "starts tried again",
    /// Writes torn by a loss of power.
    writes_torn: "writes torn",
    /// Unsynced changes taken by a loss of power.
    changes_lost: "unsynced changes lost",
    /// Unsynced changes that survived one.
    changes_kept: "unsynced changes kept",
    /// Names undone by a loss of power.
    names_lost: "names lost",
    /// Records that were appended and did not survive.
    records_lost: "uncommitted records lost",
    /// Syncs of files that failed.
    syncs_failed: "syncs failed",
    /// Of the spool's, of a segment.
    segment_syncs_failed: "of them, of segments",
    /// Of the spool's, of a cursor.
    cursor_syncs_failed: "of them, of cursors",
    /// Syncs of a directory that failed.
    dir_syncs_failed: "syncs of directories failed",
    /// Writes and creations that failed.
    writes_failed: "writes failed",
    /// Failures in recovery.
    recovery_failures: "operations failed in recovery",
    /// Operations refused for want of room.
    out_of_space: "operations without room",
    /// Daemons that started on a full disk.
    starts_on_full_disk: "starts on a full disk",
    /// Cursors written while the spool's disk was full.
    cursors_on_full_disk: "cursors written on a full disk",
    /// Times that the log reached its own bound.
    logs_at_bound: "logs at their bound",
    /// Steps of the wall clock to later times.
    steps_forward: "clock steps forward",
    /// Steps of the wall clock to earlier times.
    steps_back: "clock steps back",
    /// Of both, while no daemon ran.
    steps_while_down: "clock steps while down",
    /// Tokens refused because the node's clock was wrong.
    refused_by_clock: "tokens refused by a wrong clock",
    /// Restarts with more shards than before.
    more_shards: "restarts with more shards",
    /// Restarts with fewer shards than before.
    fewer_shards: "restarts with fewer shards",
    /// Shards that stood still for a while.
    stalls: "shards stalled",
    /// Bundles adopted while events flowed.
    swaps: "bundle swaps",
    /// Of them, those that came while a daemon was down.
    swaps_while_down: "of them, with the daemon down",
    /// Of them, those that came while sessions were sent away.
    swaps_in_drain: "of them, during a drain",
    /// Of them, those that came in the midst of a cut of the ledger.
    swaps_in_cut: "of them, in the midst of a cut",
    /// Turns that a shard took under one revision while another shard of the node had the next.
    turns_between: "turns with two revisions on a node",
    /// Bundles refused.
    bundles_refused: "bundles refused",
    /// Events told.
    events: "events told",
    /// Reliable events receipted.
    receipts: "events receipted",
    /// Of them, with a record of their own.
    receipts_recorded: "of them, with a record",
    /// Of them, held back by a gate that an earlier record had used.
    receipts_gated: "of them, behind a used gate",
    /// Of them, rejected by the catalogue.
    receipts_rejected: "of them, rejected",
    /// Of them, without anything durable to order.
    receipts_plain: "of them, with nothing to keep",
    /// Reliable events sent again.
    resends: "events resent",
    /// Duplicates that owners dropped.
    duplicates: "duplicates dropped by owners",
    /// Events that sessions knew to be finished.
    finished_before: "resends below a receipt",
    /// Events refused by the catalogue.
    rejected: "events rejected",
    /// Datagram events taken in.
    datagram_events: "datagram events",
    /// Replies that reached clients.
    replies: "replies heard",
    /// Events held back by a gate or by shadow mode.
    suppressed: "events suppressed",
    /// Times that an event waited for room.
    waits_for_room: "turns that waited for room",
    /// Times that a shard began to drop datagram events.
    sheds_datagrams: "overload: datagrams shed",
    /// Times that it stopped reading class 3.
    pauses_class_3: "overload: class 3 not read",
    /// Times that it stopped reading class 2.
    pauses_class_2: "overload: class 2 not read",
    /// Times that it stopped reading class 1, and let nobody in.
    pauses_class_1: "overload: class 1 not read",
    /// Times that it stood still.
    standstills: "overload: standstills",
    /// Times that it came back to normal.
    recoveries: "overload: back to normal",
    /// Spans in which a class was not read, each looked at.
    unread_spans: "spans in which a class was not read",
    /// Datagrams dropped for it.
    datagrams_shed: "datagrams dropped for overload",
    /// Cuts of the ledger.
    cuts: "ledger cuts",
    /// Of them, with events between two shards.
    cuts_in_flight: "ledger cuts with events in flight",
    /// Counts of a node's events at one place, known exactly from what clients told.
    places_exact: "places with an exact count",
    /// Group commits.
    commits: "group commits",
    /// Checkpoints.
    checkpoints: "checkpoints",
    /// Segments retired.
    segments_retired: "segments retired",
    /// Durable cells and marks given back after a restart.
    restored: "cells and marks restored",
    /// Commands in the sink's files.
    commands: "commands delivered",
    /// Commands in the files of both nodes, under one id.
    commands_of_both: "commands ordered by both nodes",
    /// Of them, those whose payloads differ, as revisions and gates of two nodes may.
    conflicts: "of them, with another payload",
    /// Commands that a sink had already when it got them again.
    redelivered: "commands delivered again and skipped",
    /// Commands sent again after a sink's disk failed.
    commands_retried: "commands retried",
    /// Nodes at rest whose memory was compared with what they began with.
    memory_rests: "nodes whose memory was looked at, at rest",
    /// Sectors spoiled on a copy of a spool's disk, each looked at.
    sectors_spoiled: "sectors spoiled on a copy of a disk",
    /// Of them, those of which the spool told damage or a cut.
    spoils_told: "of them, told by the spool",
    /// Receipts whose durability was proven by recovering a copy of the disk.
    proofs: "receipts proven on a copy of the disk",
}

impl Mix {
    /// Names of what never happened.
    pub fn never(&self) -> Vec<&'static str> {
        self.entries().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let half = entries.len().div_ceil(2);
        for row in 0..half {
            let (name, count) = entries[row];
            write!(f, "  {name:<40}{count:>12}")?;
            if let Some((name, count)) = entries.get(row + half) {
                write!(f, "    {name:<40}{count:>12}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
