//! A game server: attests for many players over one connection, survives restarts, and stops on ctrl-c.
//!
//! `cargo run -p edge-client --example game_server -- ROOTS.pem TOKEN.jwt STATE_DIR HOST:PORT...`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use edge_client::{BoxError, Class, Client, Durability, EventTypeId, Notice};
use prost::Message;

/// Results of matches are money, and urgent.
const RESULTS: Class = Class::ALL[0];
/// Ids and messages come from the catalogue `game.v1`; a game generates them from its `.proto` files.
const MATCH_FINISHED: EventTypeId = EventTypeId(120);

#[derive(Message)]
struct MatchFinished {
    /// The subject: the player whom the result belongs to.
    #[prost(string, tag = "1")]
    player_id: String,
    #[prost(string, tag = "2")]
    match_id: String,
    #[prost(string, tag = "3")]
    result: String,
    #[prost(string, tag = "4")]
    mode: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [roots, token, state_dir, endpoints @ ..] = &arguments[..] else {
        return Err("usage: game_server ROOTS.pem TOKEN.jwt STATE_DIR HOST:PORT...".into());
    };
    let token_file = token.clone();
    let client = Client::builder()
        .endpoints(endpoints)
        .roots_pem(&std::fs::read(roots)?)?
        .token_provider(move || {
            let token = std::fs::read_to_string(&token_file);
            async move { Ok(token?.trim().to_owned()) }
        })
        .state_dir(state_dir)
        .durability(Durability::Power)
        .queue_limit(200_000, 64 << 20)
        .start()?;

    let mut notices = client.notices();
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            match notice {
                Notice::Rejected(reject) => println!("seq {} was refused: {}", reject.seq.0, reject.detail),
                Notice::Disconnected { endpoint, reason, retry_ms } => {
                    println!("{endpoint}: {reason}; again in {retry_ms} ms");
                }
                _ => {}
            }
        }
    });

    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for round in 0u64.. {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        let finished = MatchFinished {
            player_id: format!("p{}", round % 10),
            match_id: format!("m{round}"),
            result: "win".into(),
            mode: "1v1".into(),
        };
        // A full queue is pressure from the server: what must not be lost waits here, what may be is left out with `try_send`.
        client.send(RESULTS, MATCH_FINISHED, finished.encode_to_vec()).await?;
    }
    let report = client.close(Duration::from_secs(10)).await;
    println!("{} events stay in the queue", report.outstanding_events);
    Ok(())
}
