//! A game client: sends a few events and prints what rules answer.
//!
//! `cargo run -p edge-client --example player -- HOST:PORT ROOTS.pem TOKEN.jwt STATE_DIR`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use edge_client::{BoxError, Class, Client, EventTypeId, Notice};

/// What must not be lost; the most urgent class.
const PURCHASES: Class = Class::ALL[0];
/// Ids come from the catalogue.
const CART_OPENED: EventTypeId = EventTypeId(101);
const CAMERA_MOVED: EventTypeId = EventTypeId(7);

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

    let seq = client.send(PURCHASES, CART_OPENED, Vec::new()).await?;
    while let Some(notice) = notices.next().await {
        println!("{notice:?}");
        match notice {
            Notice::Connected { .. } => {
                // May be lost, costs little: many of them share a datagram.
                (0..10).try_for_each(|_| client.send_unreliable(CAMERA_MOVED, Vec::new()))?;
            }
            Notice::Receipted { class: PURCHASES, up_to } if up_to >= seq => break,
            Notice::Stopped(reason) => return Err(reason.into()),
            _ => {}
        }
    }
    let report = client.close(Duration::from_secs(5)).await;
    println!("{} events left for the next start; {:?}", report.outstanding_events, report.stats);
    Ok(())
}
