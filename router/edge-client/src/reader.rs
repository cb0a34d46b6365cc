//! The task that reads the server's frames for as long as a connection lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edge_event::identity::CLASSES;
use edge_event::{Class, Seq};
use edge_wire::{FrameError, FrameType, Move, ServerFrame};
use tokio::sync::mpsc;

use crate::error::LinkError;
use crate::flow::{Notice, Reply};
use crate::link::ControlFrames;
use crate::shared::Shared;

/// How far events may be sent on one connection, by class.
#[derive(Debug, Default)]
pub(crate) struct Credit([AtomicU64; CLASSES]);

impl Credit {
    pub(crate) fn new(up_to: &[Seq; CLASSES]) -> Credit {
        Credit(up_to.map(|seq| AtomicU64::new(seq.0)))
    }

    pub(crate) fn up_to(&self, class: Class) -> Seq {
        Seq(self.0[class.index()].load(Ordering::Acquire))
    }

    //= protocol.md#credit-1
    fn raise(&self, class: Class, up_to: Seq) {
        self.0[class.index()].fetch_max(up_to.0, Ordering::AcqRel);
    }
}

/// Ends with the reason for which the connection ended.
pub(crate) async fn read(
    shared: Arc<Shared>,
    mut frames: ControlFrames,
    credit: Arc<Credit>,
    moves: mpsc::UnboundedSender<Move>,
) -> LinkError {
    loop {
        let frame = match frames.next().await {
            Ok(frame) => frame,
            Err(error) => return error,
        };
        match frame {
            ServerFrame::Receipt(receipt) => {
                if let Err(error) = shared.on_receipt(receipt.class, receipt.up_to) {
                    return error;
                }
            }
            ServerFrame::Credit(more) => {
                credit.raise(more.class, more.up_to);
                shared.wake[more.class.index()].notify_one();
            }
            ServerFrame::Command(command) => {
                shared.on_reply(Reply { id: command.id, name: command.name, body: command.body });
            }
            ServerFrame::Reject(reject) => shared.on_reject(reject),
            ServerFrame::Move(moved) => {
                shared.notify(Notice::Moving { reason: moved.reason });
                // The driver has gone: so will this task.
                let _ = moves.send(moved);
            }
            ServerFrame::Welcome(_) => return unexpected(FrameType::Welcome),
            ServerFrame::Refuse(_) => return unexpected(FrameType::Refuse),
        }
    }
}

fn unexpected(ty: FrameType) -> LinkError {
    FrameError::UnexpectedType { ty: ty.to_wire(), role: edge_wire::Role::ServerControl }.into()
}
