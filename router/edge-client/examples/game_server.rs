//! A game server: attests for many players over one connection, survives restarts, and stops on ctrl-c.
//!
//! `cargo run -p edge-client --example game_server -- ROOTS.pem TOKEN.jwt STATE_DIR HOST:PORT...`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use edge_client::{BoxError, Class, Client, Durability, EventTypeId, Notice};

/// Results of matches are money: urgent. Telemetry is bulk and must not hold them up.
const RESULTS: Class = Class::ALL[0];
const BULK: Class = Class::ALL[3];
const MATCH_FINISHED: EventTypeId = EventTypeId(106);
const TELEMETRY: EventTypeId = EventTypeId(12);

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
        // A full queue is pressure from the server: bulk is left out, results wait.
        let _ = client.try_send(BULK, TELEMETRY, round.to_le_bytes().to_vec());
        client.send(RESULTS, MATCH_FINISHED, Vec::new()).await?;
    }
    let report = client.close(Duration::from_secs(10)).await;
    println!("{} events stay in the queue", report.outstanding_events);
    Ok(())
}
