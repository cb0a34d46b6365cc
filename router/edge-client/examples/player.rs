//! A game client: sends a few events and prints what rules answer.
//!
//! `cargo run -p edge-client --example player -- HOST:PORT ROOTS.pem TOKEN.jwt STATE_DIR`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use edge_client::{BoxError, Class, Client, EventTypeId, Notice};
use prost::Message;

/// What must not be lost; the most urgent class.
const MATCHES: Class = Class::ALL[0];
/// Ids and messages come from the catalogue `game.v1`; a game generates them from its `.proto` files.
const MATCH_JOINED: EventTypeId = EventTypeId(20);
const CAMERA_MOVED: EventTypeId = EventTypeId(1);

#[derive(Message)]
struct MatchJoined {
    #[prost(string, tag = "3")]
    map: String,
    #[prost(uint32, tag = "7")]
    team: u32,
}

#[derive(Message)]
struct CameraMoved {
    #[prost(float, tag = "1")]
    x: f32,
    #[prost(float, tag = "2")]
    y: f32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, roots, token, state_dir] = &arguments[..] else {
        return Err("usage: player HOST:PORT ROOTS.pem TOKEN.jwt STATE_DIR".into());
    };
    let token_file = token.clone();
    let client = Client::builder()
        .endpoint(endpoint)
        .roots_pem(&std::fs::read(roots)?)?
        // A game asks its login service here, each time.
        .token_provider(move || {
            let token = std::fs::read_to_string(&token_file);
            async move { Ok(token?.trim().to_owned()) }
        })
        .state_dir(state_dir)
        .build(env!("CARGO_PKG_VERSION"))
        .platform("pc")
        .locale("en-GB")
        .start()?;

    let mut notices = client.notices();
    let mut replies = client.replies();
    tokio::spawn(async move {
        while let Some(reply) = replies.next().await {
            println!("rules say {}: {}", reply.name, String::from_utf8_lossy(&reply.body));
        }
    });

    let joined = MatchJoined { map: "Lost Temple".into(), team: 1 };
    let seq = client.send(MATCHES, MATCH_JOINED, joined.encode_to_vec()).await?;
    while let Some(notice) = notices.next().await {
        println!("{notice:?}");
        match notice {
            Notice::Connected { .. } => {
                // May be lost, costs little: many of them share a datagram.
                for step in 0..10_u8 {
                    let moved = CameraMoved { x: 64.0 + f32::from(step), y: 32.0 };
                    client.send_unreliable(CAMERA_MOVED, moved.encode_to_vec())?;
                }
            }
            Notice::Receipted { class: MATCHES, up_to } if up_to >= seq => break,
            Notice::Stopped(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    let report = client.close(Duration::from_secs(5)).await;
    println!("{} events left for the next start; {:?}", report.outstanding_events, report.stats);
    Ok(())
}
