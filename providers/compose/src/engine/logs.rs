//! What containers wrote.

use bollard::query_parameters::LogsOptionsBuilder;
use deployctl_docker_client::Engine;
use deployctl_sdk::{LogLine, ProviderError};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::container::Container;

/// The last lines of a container; none if they cannot be had.
pub(crate) async fn last_log_lines(engine: &Engine, container: &Container, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&count.to_string()).build();
    let Ok(docker) = engine.client().await else { return lines };
    let mut output = docker.logs(&container.id, Some(options));
    while let Some(Ok(chunk)) = output.next().await {
        lines.extend(chunk.to_string().lines().map(|line| line.trim_end().to_owned()));
    }
    let excess = lines.len().saturating_sub(count);
    lines.split_off(excess)
}

/// Sends what the containers wrote, and go on writing if `follow` says so, to `sink`.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn stream_logs(
    engine: &Engine,
    containers: &[(String, String)],
    tail: Option<usize>,
    follow: bool,
    cancel: &CancellationToken,
    sink: &(dyn Fn(LogLine) + Send + Sync),
) -> Result<(), ProviderError> {
    let docker = engine.client().await.map_err(ProviderError::from)?;
    let tail = tail.map_or_else(|| "all".to_owned(), |count| count.to_string());
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(follow).tail(&tail).build();
    let outputs = containers.iter().map(|(id, source)| {
        let source = source.clone();
        docker.logs(id, Some(options.clone())).map(move |chunk| (source.clone(), chunk)).boxed()
    });
    let mut outputs = stream::select_all(outputs);
    loop {
        let next = tokio::select! {
            next = outputs.next() => next,
            () = cancel.cancelled() => return Ok(()),
        };
        match next {
            Some((source, Ok(chunk))) => {
                for line in chunk.to_string().lines() {
                    sink(LogLine { source: source.clone(), text: line.trim_end().to_owned() });
                }
            }
            Some((_, Err(error))) => return Err(engine.failed(&error).await.doing("reading logs")),
            None => return Ok(()),
        }
    }
}
