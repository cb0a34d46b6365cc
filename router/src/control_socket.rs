//! The operator's socket: JSON lines in, JSON lines out, for `edgectl`.
//!
//! What comes in: requests of users whom the file mode and the peer's credentials let in. What goes out: the control
//! thread's answers. Deliberately absent: decisions.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use edge_admin::{LINE_BYTES_MAX, Refusal, Request, Response, from_line, to_line};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::control::Ask;

/// Binds the socket, replacing a dead one.
///
/// # Errors
/// Another daemon listens there, or the folder cannot be written.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("another daemon answers at {}", path.display())));
    }
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until the control thread is gone.
pub(crate) async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if !is_allowed(&stream) {
            tracing::warn!("a user who is neither ours nor root was refused at the control socket");
            continue;
        }
        let asks = asks.clone();
        tokio::spawn(async move {
            if let Err(why) = converse(stream, asks).await {
                tracing::debug!(%why, "a conversation at the control socket broke off");
            }
        });
    }
}

/// Our own user and root. The file mode says so too; this holds where the file was shared by mistake.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = std::fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m));
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || own.is_ok_and(|own| own == peer.uid()))
}

async fn converse(stream: UnixStream, asks: mpsc::Sender<Ask>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if (&mut lines).take(limit).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let response = match from_line::<Request>(line.trim_end()) {
            Ok(request) => ask(request, &asks).await,
            Err(refusal) => Response::Refused(refusal),
        };
        write.write_all(to_line(&response).as_bytes()).await?;
        if line.len() as u64 >= limit {
            return Ok(()); // the rest of an endless line is not worth reading
        }
    }
}

async fn ask(request: Request, asks: &mpsc::Sender<Ask>) -> Response {
    let (to, answer) = oneshot::channel();
    if asks.send(Ask::Request(request, to)).await.is_ok()
        && let Ok(response) = answer.await
    {
        return response;
    }
    Response::Refused(Refusal {
        code: "stopping".into(),
        what: "the daemon is about to end".into(),
        help: "ask again when it is up".into(),
    })
}
