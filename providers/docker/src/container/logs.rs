//! What containers write to their standard streams, as the engine keeps it.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use deployctl_sdk::{LogLine, LogRequest, Mask, Object, ProviderError};
use futures_util::{StreamExt as _, future::join_all};

use super::record::{self, Container};
use crate::provider::Site;

/// How many lines an error shows.
pub(crate) const LAST_LINES: usize = 20;

/// Sends the lines of all containers of a record; each line says which container it comes from.
///
/// # Errors
/// When there is nothing to be had from any of them.
pub(crate) async fn logs(site: &Site, request: LogRequest<'_>) -> Result<(), ProviderError> {
    let containers = record::containers(request.object);
    let mask = mask_of(request.object);
    let several = containers.len() > 1;
    let each = containers.iter().map(|container| {
        let send = |stream: &str, text: String| {
            let source = if several { container.name.clone() } else { stream.to_owned() };
            (request.sink)(LogLine { source, text: mask.apply(&text) });
        };
        one(site, container, request.tail, request.follow, send)
    });
    let all = join_all(each);
    tokio::select! {
        ended = all => ended.into_iter().collect::<Result<Vec<()>, _>>().map(|_| ()),
        () = request.cancel.cancelled() => Ok(()),
    }
}

/// The last lines of a container, for an error; none if they cannot be had.
pub(crate) async fn last_lines(site: &Site, id: &str, name: &str) -> Vec<String> {
    let lines = std::sync::Mutex::new(Vec::new());
    let container = Container { id: id.to_owned(), name: name.to_owned() };
    let keep = |_: &str, text: String| lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text);
    // Without its last lines an error is still an error.
    let _ = one(site, &container, Some(LAST_LINES), false, keep).await;
    lines.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn mask_of(object: &Object) -> Mask {
    Mask::of([&object.attributes])
}

async fn one(
    site: &Site,
    container: &Container,
    tail: Option<usize>,
    follow: bool,
    send: impl Fn(&str, String),
) -> Result<(), ProviderError> {
    let what = format!("cannot read the log of {}", container.name);
    let client = site.engine.client().await.map_err(|error| error.doing(&what))?;
    let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).follow(follow).tail(&tail).build();
    let mut output = client.logs(&container.id, Some(options));
    let mut streams = [Lines::default(), Lines::default()];
    while let Some(chunk) = output.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return Err(site.engine.failed(&error).await.doing(&what)),
        };
        let (at, name, bytes) = match &chunk {
            LogOutput::StdErr { message } => (1, "stderr", message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                (0, "stdout", message)
            }
        };
        if let Some(lines) = streams.get_mut(at) {
            lines.push(bytes).into_iter().for_each(|line| send(name, line));
        }
    }
    for (lines, name) in streams.iter_mut().zip(["stdout", "stderr"]) {
        lines.rest().into_iter().for_each(|line| send(name, line));
    }
    Ok(())
}

/// The longest line that is put together again; a longer one comes in pieces.
const LONGEST: usize = 64 * 1024;

/// Pieces of output, cut into lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            lines.push(text(&line));
        }
        if self.0.len() > LONGEST {
            lines.extend(self.rest());
        }
        lines
    }

    fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned()
}
