//! An engine on another machine, over ssh, as Docker's own command line reaches it: each connection is one
//! `ssh HOST docker system dial-stdio`. Who may log in, with which key, and what the host is really called, is the business
//! of the user's own ssh.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::task::JoinHandle;

/// A socket here that leads to the engine there.
pub(crate) struct Tunnel {
    folder: TempDir,
    said: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Makes the socket. `authority` is `[user@]host[:port]`. Nobody is asked yet.
    ///
    /// # Errors
    /// When there is no place for the socket.
    pub(crate) fn open(authority: &str) -> std::io::Result<Self> {
        // Only its owner may enter the folder.
        let folder = tempfile::Builder::new().prefix("deployctl-ssh-").tempdir()?;
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let said = Arc::new(Mutex::new(None));
        let (arguments, heard) = (arguments(authority), said.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass_on(stream, arguments.clone(), heard.clone()));
            }
        });
        Ok(Self { folder, said, task })
    }

    /// Where the socket is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }

    /// What ssh, or Docker over there, said last of why it does not work.
    pub(crate) fn said(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const SOCKET: &str = "engine.sock";

/// What ssh is called with: nothing is asked of anybody, and what follows a host's name is no option.
fn arguments(authority: &str) -> Vec<String> {
    let (user, rest) = match authority.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, authority),
    };
    let port = rest.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let (host, port) = port.map_or((rest, None), |(host, port)| (host, Some(port)));
    let mut arguments = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"].map(str::to_owned).to_vec();
    arguments.extend(user.into_iter().flat_map(|user| ["-l".to_owned(), user.to_owned()]));
    arguments.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_owned()]));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    arguments.extend(["--", host, "docker", "system", "dial-stdio"].map(str::to_owned));
    arguments
}

async fn pass_on(stream: UnixStream, arguments: Vec<String>, said: Arc<Mutex<Option<String>>>) {
    let note = |text: String| *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    let mut command = Command::new("ssh");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Our own keys and settings are none of its business.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEPLOYCTL_")) {
        command.env_remove(name);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return note(format!("cannot run `ssh`: {error}")),
    };
    let (Some(mut input), Some(mut output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let (mut from, mut to) = stream.into_split();
    let there = async move { copy(&mut from, &mut input).await };
    let back = async move { copy(&mut output, &mut to).await };
    let complaints = async {
        let mut lines = BufReader::new(errors).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if !line.trim().is_empty() {
                note(line.trim().to_owned());
            }
        }
    };
    // It is over when the engine has said all: what is asked after that is heard by nobody.
    let over = async {
        tokio::select! {
            _ = back => {}
            _ = async { _ = there.await; std::future::pending::<()>().await } => {}
        }
    };
    tokio::join!(over, complaints);
    let _ = child.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_options_of_ssh() {
        let of = |authority: &str| arguments(authority).split_off(5).join(" ");
        assert_eq!(of("me@host:2222"), "-l me -p 2222 -- host docker system dial-stdio");
        assert_eq!(of("host"), "-- host docker system dial-stdio");
        assert_eq!(of("me@[fd00::1]:22"), "-l me -p 22 -- fd00::1 docker system dial-stdio");
        assert_eq!(of("-oProxyCommand=x"), "-- -oProxyCommand=x docker system dial-stdio");
    }
}
