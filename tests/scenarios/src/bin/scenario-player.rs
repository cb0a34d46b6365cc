//! A client of the SDK as a process of its own, which a scenario may kill.
//!
//! What comes in: where the node is, its certificate, the queue's directory; in `EDGE_TOKEN` the token; on standard input one event a
//! line, type and payload in hex. What goes out: on standard output its number, once `send` has returned for it. It ends with its
//! standard input, or rather: by being killed.

#![allow(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::io::{BufRead as _, Write as _};

use edge_client::{Class, Client, EventTypeId};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("ENDPOINT CERTIFICATE QUEUE");
    let (endpoint, certificate, queue) = (next(), next(), next());
    let certificate = std::fs::read(certificate).expect("the certificate");
    let token = std::env::var("EDGE_TOKEN").expect("EDGE_TOKEN");
    let builder = Client::builder().roots_pem(&certificate).expect("a certificate").endpoint(endpoint).token(token);
    let client = builder.state_dir(queue).start().expect("a client");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (event_type, hex) = line.split_once(' ').expect("TYPE HEX");
        let event_type = EventTypeId(event_type.parse().expect("a number"));
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
        let seq = client.send(Class::ALL[0], event_type, bytes.collect::<Vec<u8>>()).await.expect("the queue takes it");
        println!("{}", seq.0);
        std::io::stdout().flush().expect("somebody listens");
    }
    std::future::pending::<()>().await;
}
