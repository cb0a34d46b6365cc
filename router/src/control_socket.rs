//! The operator's socket: JSON lines in, JSON lines out, for `edgectl`.
//!
//! What comes in: requests of users whom the file mode and the peer's credentials let in. What goes out: the control
//! thread's answers. Deliberately absent: decisions.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_admin::{LINE_BYTES_MAX, Refusal, Request, Response, from_line, to_line};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::control::{Ask, Caller};

/// How long to wait after a connection could not be accepted: no descriptor is left, most likely.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The socket, bound; its file goes with this value.
pub(crate) struct Bound {
    listener: std::os::unix::net::UnixListener,
    file: SocketFile,
}

/// Removes the socket's file when it is dropped.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Binds the socket, replacing a dead one.
///
/// # Errors
/// Another daemon listens there, or the folder cannot be written.
pub(crate) fn bind(path: &Path) -> io::Result<Bound> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another daemon answers there: stop it, or name another path",
        ));
    }
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is there and is no socket: remove it, or name another path",
            ));
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(Bound { listener, file })
}

impl Bound {
    /// Becomes the runtime's, in whose context this is called. The file is to be kept as long as the socket is served.
    ///
    /// # Errors
    /// The runtime's poller refuses the socket.
    pub(crate) fn into_async(self) -> io::Result<(UnixListener, SocketFile)> {
        Ok((UnixListener::from_std(self.listener)?, self.file))
    }
}

/// Serves until the control thread is gone.
pub(crate) async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(why) => {
                tracing::warn!(%why, "a connection to the control socket was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
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
    let caller = Caller { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if (&mut lines).take(limit).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let response = match from_line::<Request>(line.trim_end()) {
            Ok(request) => ask(request, caller, &asks).await,
            Err(refusal) => Response::Refused(refusal),
        };
        write.write_all(to_line(&response).as_bytes()).await?;
        if line.len() as u64 >= limit {
            return Ok(()); // the rest of an endless line is not worth reading
        }
    }
}

async fn ask(request: Request, caller: Caller, asks: &mpsc::Sender<Ask>) -> Response {
    let (to, answer) = oneshot::channel();
    if asks.send(Ask::Request(request, caller, to)).await.is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let first = bind(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(bind(&path).err().unwrap().kind(), io::ErrorKind::AddrInUse, "it is alive");
        drop(first);
        assert!(!path.exists(), "its file went with it");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as a killed daemon leaves it");
        drop(bind(&path).unwrap());
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(bind(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
