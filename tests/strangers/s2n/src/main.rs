//! `stranger BRIEFING STORY`: plays one story on s2n-quic against the daemon that the briefing names.
//!
//! Standard output is for the test that started it: cues, then one report. It ends with 0 where everything was as it must be.

mod edge;
mod wire;

use std::io::Write as _;

use serde_json::{Value, json};

use crate::edge::{Briefing, Connection, Ended, Fault};
use crate::wire::{Fields, Message};

// Event types and payloads of tests/scenarios/story/scenario.proto.
const HIT: u64 = 1;
const CHAT: u64 = 4;
const STEP: u64 = 6;
const NOISE: u64 = 7;
const NOBODY_KNOWS: u64 = 999;

const SUPERSEDED: Ended = Ended::Application(0x301);
const TOKEN_EXPIRED: Ended = Ended::Application(0x302);
const TOKEN_INVALID: Ended = Ended::Application(0x303);
const DRAINING: Ended = Ended::Application(0x400);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, story] = &arguments[..] else { return Err("stranger BRIEFING STORY".into()) };
    let briefing: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let proved = match &**story {
        "session" => session(&Client::new(&briefing)).await?,
        "resume" => resume(&Client::new(&briefing)).await?,
        "reauth" => reauth(&briefing).await?,
        "move" => moved(&briefing).await?,
        "refused" => refused(&briefing).await?,
        other => return Err(format!("no story is called {other}").into()),
    };
    say(&json!({ "proved": proved }));
    Ok(())
}

fn say(line: &Value) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Asks the test to do something to the daemon, or to wait for it, and waits until that is done.
async fn cue(word: &'static str) -> Result<(), Fault> {
    say(&json!({ "cue": word }));
    // Beside, so that the connection lives on meanwhile.
    let (answered, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || answered.send(std::io::stdin().read_line(&mut String::new())));
    Ok(answer.await.map(|_| ())?)
}

fn nonce(value: u64) -> Vec<u8> {
    Message::default().number(1, value).done()
}

/// A player: a token and a producer.
struct Client {
    briefing: Briefing,
    token: String,
    producer: [u8; 16],
}

impl Client {
    fn new(briefing: &Value) -> Client {
        Client::with(briefing, "player")
    }

    fn with(briefing: &Value, token: &str) -> Client {
        let text = |value: &Value| value.as_str().expect("a text of the briefing").to_owned();
        let hex = text(&briefing["catalogue_digest"]);
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        let mut producer = [0; 16];
        std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").expect("randomness"), &mut producer)
            .expect("randomness");
        Client {
            briefing: Briefing {
                host: text(&briefing["host"]),
                port: briefing["port"].as_u64().expect("a port") as u16,
                ca: text(&briefing["ca"]).into(),
                digest: (0..hex.len()).step_by(2).map(byte).collect(),
            },
            token: text(&briefing["tokens"][token]),
            producer,
        }
    }

    async fn open(&self, more: Message) -> Result<(Connection, Fields), Fault> {
        let mut connection = Connection::open(&self.briefing, "edge/1").await?;
        let (kind, fields) = connection.hello(&self.token, self.producer, &self.briefing.digest, more).await?;
        assert_eq!(kind, wire::WELCOME, "refused: {}", fields.text(2));
        Ok((connection, fields))
    }
}

fn receipt_of(class: u64, seq: u64) -> Message {
    Message::default().bytes(3, Message::default().number(1, class).number(2, seq).done())
}

async fn session(client: &Client) -> Result<Vec<&'static str>, Fault> {
    let attribute = |name, value| Message::default().bytes(1, name).bytes(2, value).done();
    let words = Message::default().bytes(4, "1.2.3").bytes(5, "pc").bytes(6, "pt-BR").number(9, 8_000);
    let words = words.bytes(8, attribute("input", "pad")).bytes(8, attribute("tier", "gold"));
    let (mut connection, welcome) = client.open(words).await?;
    let limits = Fields::read(&welcome.all(4)[0]);
    assert!(limits.number(1) >= 16_384 && limits.number(5) > 0, "{limits:?}");
    assert_eq!([1, 7, 8, 10].map(|field| welcome.number(field)), [0, 7, 1, 8_000]);
    assert_eq!(welcome.all(9), std::slice::from_ref(&client.briefing.digest));
    assert!(connection.credit.iter().all(|credit| *credit > 0) && connection.receipts == [0; 4]);

    let later = wire::frame(wire::EXTENSION + 1, b"later");
    connection.say(&later).await?;
    for class in 0..4 {
        if class > 1 {
            connection.say_to(class, &later).await?;
        }
        for seq in 1..=3 {
            connection.tell(class, seq, HIT, &nonce(100 * class + seq)).await?;
        }
    }
    for class in 0..4 {
        connection.receipt(class, 3).await?;
    }

    // A frame may come byte by byte; a stream may end at a frame's border.
    for byte in wire::event(4, HIT, 1, &nonce(304)) {
        connection.say_to(3, &[byte]).await?;
    }
    connection.finish(3)?;
    connection.receipt(3, 4).await?;

    connection.tell(0, 4, CHAT, &nonce(41)).await?;
    connection.tell(0, 5, NOISE, &Message::default().number(1, 1).bytes(2, [b'x'; 16_000]).done()).await?;
    connection.tell(0, 6, NOBODY_KNOWS, b"").await?;
    connection.receipt(0, 6).await?;
    while connection.replied.is_empty() || connection.rejected.is_empty() {
        connection.hear().await.map_err(|ended| format!("{ended:?}"))?;
    }
    let (reply, reject) = (&connection.replied[0], &connection.rejected[0]);
    assert_eq!(reply.text(2), "tip");
    assert_eq!(serde_json::from_str::<Value>(&reply.text(3))?, json!({ "nonce": 41, "rev": 1 }));
    assert_eq!([1, 2, 3].map(|field| reject.number(field)), [0, 6, 1]);

    connection.throw(&[(STEP, nonce(7)), (STEP, nonce(8))])?;
    connection.throw(&[(STEP, nonce(9))])?;
    cue("steps").await?;
    connection.goodbye().await;
    Ok(vec!["hello", "classes", "receipts", "datagrams", "reply", "reject", "extensions", "close"])
}

async fn resume(client: &Client) -> Result<Vec<&'static str>, Fault> {
    let (mut first, _) = client.open(Message::default()).await?;
    for seq in 1..=5 {
        first.tell(0, seq, HIT, &nonce(seq)).await?;
    }
    first.receipt(0, 5).await?;

    // The client believes that nothing arrived and sends everything again, and one event more.
    let (mut second, welcome) = client.open(Message::default()).await?;
    assert_eq!((welcome.number(1), second.receipts[0]), (1, 5));
    assert_eq!(first.end().await, SUPERSEDED);
    for seq in 1..=6 {
        second.tell(0, seq, HIT, &nonce(seq)).await?;
    }
    second.receipt(0, 6).await?;
    second.goodbye().await;

    let (mut third, _) = client.open(receipt_of(0, 6)).await?;
    third.tell(0, 7, HIT, &nonce(7)).await?;
    third.receipt(0, 7).await?;
    third.goodbye().await;
    Ok(vec!["resume", "resend", "superseded"])
}

/// The tokens `brief` end after some seconds.
async fn reauth(briefing: &Value) -> Result<Vec<&'static str>, Fault> {
    let (mut stays, _) = Client::with(briefing, "brief").open(Message::default()).await?;
    let (mut leaves, _) = Client::with(briefing, "brief").open(Message::default()).await?;
    let fresh = |name: &str| {
        let token = briefing["tokens"][name].as_str().expect("a token");
        wire::frame(wire::REAUTH, &Message::default().bytes(1, token).done())
    };
    stays.say(&fresh("brief-renewed")).await?;
    stays.tell(0, 1, HIT, &nonce(1)).await?;
    stays.receipt(0, 1).await?;
    assert_eq!(leaves.end().await, TOKEN_EXPIRED);
    stays.tell(0, 2, HIT, &nonce(2)).await?;
    stays.receipt(0, 2).await?;
    stays.say(&fresh("other")).await?;
    assert_eq!(stays.end().await, TOKEN_INVALID);
    Ok(vec!["reauth"])
}

/// The daemon drains. It says where to go; who stays is closed when the time is over.
async fn moved(briefing: &Value) -> Result<Vec<&'static str>, Fault> {
    let mut client = Client::new(briefing);
    let (mut stays, _) = client.open(Message::default()).await?;
    stays.tell(0, 1, HIT, &nonce(1)).await?;
    stays.receipt(0, 1).await?;
    cue("drain").await?;
    let told = loop {
        let (kind, fields) = stays.frame().await.map_err(|ended| format!("{ended:?}"))?;
        if kind == wire::MOVE {
            break fields;
        }
        assert!([wire::RECEIPT, wire::CREDIT].contains(&kind), "{kind:#x}");
    };
    assert_eq!((told.number(1), told.number(2)), (1, 2000));
    let endpoint = told.text(3);
    let (host, port) = endpoint.rsplit_once(':').ok_or("an endpoint has a port")?;
    (client.briefing.host, client.briefing.port) = (host.to_owned(), port.parse()?);

    // Make before break: everything without a receipt is sent again there.
    let (mut there, _) = client.open(receipt_of(0, 1)).await?;
    there.tell(0, 2, HIT, &nonce(2)).await?;
    there.receipt(0, 2).await?;

    stays.tell(0, 2, HIT, &nonce(2)).await?;
    stays.receipt(0, 2).await?;
    assert_eq!(stays.end().await, DRAINING);
    there.goodbye().await;
    Ok(vec!["move", "draining"])
}

/// A token that has expired, and another protocol's name.
async fn refused(briefing: &Value) -> Result<Vec<&'static str>, Fault> {
    let client = Client::with(briefing, "expired");
    let mut connection = Connection::open(&client.briefing, "edge/1").await?;
    let (kind, fields) =
        connection.hello(&client.token, client.producer, &client.briefing.digest, Message::default()).await?;
    assert_eq!((kind, fields.number(1)), (0x12, 5));
    assert_eq!(connection.end().await, Ended::Application(0x300));
    let alien = Connection::open(&client.briefing, "h3").await.err().map(|why| why.to_string());
    assert!(alien.as_ref().is_some_and(|why| why.contains("NO_APPLICATION_PROTOCOL")), "{alien:?}");
    Ok(vec!["refuse", "alpn"])
}
