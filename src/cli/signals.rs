//! Ctrl-C, a request to terminate, a closed terminal: heard and turned into the wish to stop.

use std::future::Future;
use std::time::Duration;

use super::exit::Exit;
use crate::apply::Interrupt;
use crate::error::{Error, ErrorKind, Result};

/// How long what runs may go on after a request to terminate, which nobody will repeat.
const GRACE: Duration = Duration::from_secs(20);

/// Listens from now on. The first Ctrl-C asks to stop soon, the second to stop now, the third ends the program where it is:
/// the journal says what was begun. A request to terminate and a closed terminal ask to stop soon, and go on to the rest by
/// themselves.
pub fn listen() -> Interrupt {
    let interrupt = Interrupt::new();
    let heard = interrupt.clone();
    tokio::spawn(async move {
        let Ok(mut signals) = Signals::new() else { return };
        loop {
            match signals.next().await {
                Signal::Interrupt if heard.cancel.is_cancelled() => end(),
                Signal::Interrupt => heard.raise(),
                Signal::Terminate => {
                    heard.stop.cancel();
                    let late = heard.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(GRACE).await;
                        late.abort();
                        tokio::time::sleep(GRACE).await;
                        end();
                    });
                }
            }
        }
    });
    interrupt
}

/// Ends the program where it is.
fn end() -> ! {
    std::process::exit(Exit::Interrupted as i32)
}

/// Does something that changes nothing, and gives it up on the first wish to stop.
///
/// # Errors
/// [`ErrorKind::Interrupted`] when it was given up, or whatever it answers.
pub async fn unless_interrupted<T>(interrupt: &Interrupt, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = interrupt.stop.cancelled() => Err(Error::new(ErrorKind::Interrupted, "interrupted; nothing was changed")),
        result = work => result,
    }
}

enum Signal {
    Interrupt,
    Terminate,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
