//! One QUIC connection of a client and the session on it.
//!
//! In: what the connection received. Out: HELLO, events as far as credit goes, and what was heard. Deliberately absent: the
//! queue itself, which outlives the connection (see [`client`](crate::client)).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edge_event::identity::CLASSES;
use edge_event::{Class, Seq};
use edge_wire::{ClientFrame, CloseReason, EventFrame, FrameDecoder, Hello, Reauth, ServerFrame, StreamHeader, Token};
use quinn_proto::{Connection, ConnectionError, ConnectionHandle, Dir, Event, StreamId, WriteError};

use crate::client::{Heard, Mail, Queue, Writing};
use crate::pass::{Ban, Pass};

/// How far a connection got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Before the handshake's end.
    Handshaking,
    /// HELLO is out.
    Greeted,
    /// The session is open.
    Welcomed,
    /// Refused, closed or lost.
    Over,
}

/// Where a connection leads from and to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Road {
    pub(crate) local: SocketAddr,
    pub(crate) node: usize,
    /// Which start of the node's daemon hears of it first.
    pub(crate) start: u64,
}

/// See the head of this file.
pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) handle: ConnectionHandle,
    pub(crate) conn: Connection,
    /// The address it is used from.
    pub(crate) local: SocketAddr,
    /// Which node it leads to.
    pub(crate) node: usize,
    /// The road that it began on, by which the kernel gave it to a shard, where only one can have been heard.
    pub(crate) began: Option<Road>,
    pub(crate) stage: Stage,
    /// When the latest packet that came had left its node, in time since the story's beginning.
    pub(crate) sent_at: Duration,
    /// Its papers, from HELLO on.
    pub(crate) pass: Option<Pass>,
    /// A MOVE came.
    pub(crate) is_to_move: bool,
    /// It was served beyond the end of its first token.
    pub(crate) is_renewed: bool,
    /// Since when its session is open, in virtual time; `None` where it is not.
    pub(crate) welcomed_at: Option<Duration>,
    is_connected: bool,
    lost: Option<ConnectionError>,
    control: Option<StreamId>,
    /// What the control stream had no room for.
    control_rest: Vec<u8>,
    decoder: FrameDecoder,
    lanes: [Option<Lane>; CLASSES],
    /// Behind which seq to begin to send, by class: what HELLO named, and for a client that reads WELCOME first the higher of
    /// that and what WELCOME says. Receipts that an older connection brings meanwhile change neither end's idea of it.
    begin: [Seq; CLASSES],
    is_eager: bool,
    credit: [u64; CLASSES],
    /// What both ends knew to be finished at WELCOME, and how many events without a receipt it allows behind that.
    base: [u64; CLASSES],
    window: [u64; CLASSES],
}

/// The stream of one class.
struct Lane {
    stream: StreamId,
    /// Highest seq written.
    written: u64,
    /// Bytes of whole frames that the stream had no room for.
    rest: Vec<u8>,
}

impl Link {
    pub(crate) fn new(number: u64, handle: ConnectionHandle, conn: Connection, road: Road) -> Link {
        Link {
            number,
            handle,
            conn,
            local: road.local,
            node: road.node,
            began: Some(road),
            stage: Stage::Handshaking,
            sent_at: Duration::ZERO,
            pass: None,
            is_to_move: false,
            is_renewed: false,
            welcomed_at: None,
            is_connected: false,
            lost: None,
            control: None,
            control_rest: Vec::new(),
            decoder: FrameDecoder::server_control(),
            lanes: Default::default(),
            begin: [Seq(0); CLASSES],
            is_eager: false,
            credit: [0; CLASSES],
            base: [0; CLASSES],
            window: [0; CLASSES],
        }
    }

    /// Takes the connection's events; says whether HELLO is due.
    pub(crate) fn poll_connected(&mut self) -> bool {
        while let Some(event) = self.conn.poll() {
            match event {
                Event::Connected => self.is_connected = true,
                Event::ConnectionLost { reason } => self.lost = Some(reason),
                Event::HandshakeDataReady | Event::Stream(_) | Event::DatagramReceived | Event::DatagramsUnblocked => {}
            }
        }
        self.is_connected && self.stage == Stage::Handshaking
    }

    /// Opens the control stream and says HELLO. An eager client begins behind the receipts that it names there, whatever
    /// WELCOME says; both are allowed.
    pub(crate) fn greet(&mut self, hello: Hello, is_eager: bool) {
        self.begin = hello.highest_receipts;
        self.is_eager = is_eager;
        let Some(stream) = self.conn.streams().open(Dir::Bi) else { return };
        let mut bytes = Vec::new();
        StreamHeader::Control.encode(&mut bytes);
        ClientFrame::Hello(Box::new(hello)).encode(&mut bytes).expect("our own HELLO keeps its limits");
        let written = self.conn.send_stream(stream).write(&bytes);
        assert_eq!(written, Ok(bytes.len()), "a fresh stream has room for HELLO");
        self.control = Some(stream);
        self.stage = Stage::Greeted;
    }

    /// Brings a further token.
    pub(crate) fn reauth(&mut self, token: Token) {
        let frame = ClientFrame::Reauth(Reauth { token });
        frame.encode(&mut self.control_rest).expect("our own REAUTH keeps its limits");
    }

    /// Reads what the server says on the control stream.
    pub(crate) fn read(&mut self, queues: &mut [Queue; CLASSES], bans: &[Ban], heard: &mut VecDeque<Heard>) {
        if let Some(control) = self.control {
            let mut stream = self.conn.recv_stream(control);
            if let Ok(mut chunks) = stream.read(true) {
                while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
                    self.decoder.push(chunk.bytes);
                }
                let _ = chunks.finalize();
            }
            loop {
                match self.decoder.poll().and_then(|raw| raw.map(ServerFrame::decode).transpose()) {
                    Ok(Some(frame)) => {
                        self.judge(&frame, bans, heard);
                        self.on_frame(frame, queues, heard);
                    }
                    Ok(None) => break,
                    Err(why) => {
                        heard.push_back(Heard::Nonsense { why: why.to_string() });
                        break;
                    }
                }
            }
        }
        if let Some(why) = self.lost.take() {
            self.stage = Stage::Over;
            let code = match &why {
                ConnectionError::ApplicationClosed(close) => {
                    CloseReason::parse(close.error_code.into_inner(), &close.reason)
                }
                _ => None,
            };
            let judged = |code| self.pass.as_ref().and_then(|pass| pass.judge_end(code, self.sent_at, bans));
            if let Some(fault) = code.as_ref().and_then(|close| judged(close.code)) {
                heard.push_back(Heard::Papers { node: self.node, fault });
            }
            let (link, node, code) = (self.number, self.node, code.map(|close| close.code));
            heard.push_back(Heard::Lost { link, node, code, why: why.to_string() });
        }
    }

    /// Whether the server may still say this.
    fn judge(&mut self, frame: &ServerFrame, bans: &[Ban], heard: &mut VecDeque<Heard>) {
        let Some(pass) = &self.pass else { return };
        self.is_renewed |= pass.is_renewed(self.sent_at);
        let fault = match frame {
            ServerFrame::Refuse(refuse) => pass.judge_refusal(refuse, self.sent_at, bans),
            _ => pass.judge_service(self.sent_at, bans),
        };
        heard.extend(fault.map(|fault| Heard::Papers { node: self.node, fault }));
    }

    fn on_frame(&mut self, frame: ServerFrame, queues: &mut [Queue; CLASSES], heard: &mut VecDeque<Heard>) {
        let nonsense = |why: String| Heard::Nonsense { why };
        match frame {
            ServerFrame::Welcome(welcome) => {
                if self.stage != Stage::Greeted {
                    heard.push_back(nonsense("a WELCOME nobody asked for".to_owned()));
                }
                self.stage = Stage::Welcomed;
                let (node, revision, receipts) = (welcome.node, welcome.revision, welcome.receipts);
                heard.push_back(Heard::Welcomed { link: self.number, node, revision, receipts });
                for class in Class::ALL {
                    let begin = &mut self.begin[class.index()];
                    let base = receipts[class.index()].max(*begin).0;
                    self.base[class.index()] = base;
                    self.window[class.index()] = welcome.credit[class.index()].0.saturating_sub(base);
                    if !self.is_eager {
                        *begin = receipts[class.index()].max(*begin);
                    }
                    self.credit[class.index()] = welcome.credit[class.index()].0;
                    self.on_receipt(class, welcome.receipts[class.index()], queues, heard);
                }
            }
            ServerFrame::Refuse(refuse) => {
                self.stage = Stage::Over;
                let retry_after_ms = refuse.retry_after_ms;
                heard.push_back(Heard::Refused { link: self.number, code: refuse.code, retry_after_ms });
            }
            ServerFrame::Receipt(receipt) => self.on_receipt(receipt.class, receipt.up_to, queues, heard),
            ServerFrame::Credit(credit) => {
                let mine = &mut self.credit[credit.class.index()];
                if credit.up_to.0 < *mine {
                    heard.push_back(nonsense(format!("credit of class {} goes back", credit.class.get())));
                }
                // What was never written cannot be finished: this bounds what the server may have to remember.
                let written = self.lanes[credit.class.index()].as_ref().map_or(0, |lane| lane.written);
                let finished = written.max(self.base[credit.class.index()]);
                if credit.up_to.0 > finished + self.window[credit.class.index()] {
                    heard.push_back(nonsense(format!("{credit:?} is more than a window behind {finished}")));
                }
                *mine = credit.up_to.0.max(*mine);
            }
            ServerFrame::Command(command) => {
                heard.push_back(Heard::Reply { id: command.id, name: command.name, body: command.body });
            }
            ServerFrame::Reject(reject) => {
                let told = &mut queues[reject.class.index()].told;
                match told.get_mut((reject.seq.0 as usize).wrapping_sub(1)) {
                    Some(told) => told.rejected = true,
                    None => heard.push_back(nonsense(format!("REJECT of an event that was never told: {reject:?}"))),
                }
                heard.push_back(Heard::Rejected { class: reject.class, seq: reject.seq.0 });
            }
            ServerFrame::Move(_) => {
                self.is_to_move = true;
                heard.push_back(Heard::Move { link: self.number });
            }
        }
    }

    /// Writes events as far as credit and the streams' windows go. Returns how many had been written before.
    pub(crate) fn pump(&mut self, queues: &mut [Queue; CLASSES], elapsed: Duration) -> u64 {
        if self.stage != Stage::Welcomed {
            return 0;
        }
        if let Some(control) = self.control
            && let Ok(written) = self.conn.send_stream(control).write(&self.control_rest)
        {
            self.control_rest.drain(..written);
        }
        let writing = Writing { at: elapsed, node: self.node, began: self.began };
        Class::ALL.into_iter().map(|class| self.pump_class(class, &mut queues[class.index()], writing)).sum()
    }

    fn pump_class(&mut self, class: Class, queue: &mut Queue, writing: Writing) -> u64 {
        let limit = self.credit[class.index()].min(queue.told.len() as u64);
        let lane = &mut self.lanes[class.index()];
        let begin = self.begin[class.index()].0;
        if lane.is_none() && begin < limit {
            let Some(stream) = self.conn.streams().open(Dir::Uni) else { return 0 };
            let mut rest = Vec::new();
            StreamHeader::Events(class).encode(&mut rest);
            *lane = Some(Lane { stream, written: begin, rest });
        }
        let Some(lane) = lane else { return 0 };
        let mut resends = 0;
        loop {
            if lane.rest.is_empty() && lane.written < limit {
                let told = &mut queue.told[lane.written as usize];
                lane.written += 1;
                resends += u64::from(told.sendings > 0);
                told.sendings += 1;
                told.written = Some(writing);
                let (event_type, payload) = (told.fact.event_type(), told.payload.clone());
                let event = EventFrame { seq: Seq(lane.written), event_type, client_ms: told.client_ms, payload };
                event.encode(&mut lane.rest).expect("our own events keep their limits");
            }
            if lane.rest.is_empty() {
                return resends;
            }
            match self.conn.send_stream(lane.stream).write(&lane.rest) {
                Ok(written) => drop(lane.rest.drain(..written)),
                Err(WriteError::Blocked | WriteError::Stopped(_) | WriteError::ClosedStream) => return resends,
            }
        }
    }

    /// Hands out what the connection wants to send.
    pub(crate) fn transmit(&mut self, now: Instant, scratch: &mut Vec<u8>, outbox: &mut VecDeque<Mail>) {
        loop {
            scratch.clear();
            let Some(transmit) = self.conn.poll_transmit(now, 1, scratch) else { return };
            let ecn = transmit.ecn.map_or(0, |ecn| ecn as u8);
            let bytes = scratch[..transmit.size].to_vec();
            outbox.push_back(Mail { from: self.local, to: transmit.destination, ecn, bytes });
        }
    }

    fn on_receipt(&self, class: Class, up_to: Seq, queues: &mut [Queue; CLASSES], heard: &mut VecDeque<Heard>) {
        let queue = &mut queues[class.index()];
        if up_to.0 > queue.told.len() as u64 {
            let why = format!("a receipt of class {} up to {}, of {} told", class.get(), up_to.0, queue.told.len());
            heard.push_back(Heard::Nonsense { why });
        } else if up_to.0 > queue.receipt {
            queue.receipt = up_to.0;
            heard.push_back(Heard::Receipt { node: self.node, class, up_to: up_to.0, sent_at: self.sent_at });
        }
    }
}
