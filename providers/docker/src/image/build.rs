//! Building an image with the engine's classic builder.

use bollard::query_parameters::BuildImageOptions;
use deployctl_docker_client::all_credentials;
use deployctl_sdk::mask::Mask;
use deployctl_sdk::{Change, ErrorKind, ProviderError, Run, Value};
use futures_util::StreamExt as _;

use super::context;
use super::prepare::dockerfile;
use crate::attributes::{text, texts_by_name};
use crate::provider::Site;

/// How many of the last lines of a build that failed are shown.
const LAST_LINES: usize = 25;

/// Builds the image and gives it `tag`; answers its id.
///
/// # Errors
/// When the build fails, with its last lines; what is sensitive is masked in them.
pub(super) async fn build(site: &Site, change: &Change, run: &Run, tag: &str) -> Result<String, ProviderError> {
    let config = &change.config;
    let nothing = Value::Null;
    let build = config.get("build").unwrap_or(&nothing);
    let name = text(config, "name").unwrap_or_default();
    let mask = Mask::of([config]);
    let doing = format!("building the image {name}");
    let credentials = all_credentials(&site.environment, &run.cancel).await?;
    let tar = context::tar(build, &change.captured, &*run.files)?;
    let some = |members: Vec<(String, String)>| (!members.is_empty()).then(|| members.into_iter().collect());
    let options = BuildImageOptions {
        dockerfile: dockerfile(build).0,
        t: Some(tag.to_owned()),
        rm: true,
        forcerm: true,
        buildargs: some(texts_by_name(build, "args")),
        labels: some(texts_by_name(build, "labels")),
        platform: text(config, "platform").unwrap_or_default(),
        target: text(build, "target").unwrap_or_default(),
        ..BuildImageOptions::default()
    };
    let docker = site.engine.client().await?;
    let mut lines: Vec<String> = Vec::new();
    let mut id = None;
    let mut stream = docker.build_image(options, Some(credentials), Some(bollard::body_full(tar.into())));
    while let Some(said) = stream.next().await {
        match said {
            Ok(said) => {
                let text = said.stream.or(said.status).unwrap_or_default();
                for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
                    let line = mask.apply(line);
                    run.progress.say(line.clone());
                    lines.push(line);
                }
                id = said.aux.and_then(|aux| aux.id).or(id);
            }
            Err(error) => {
                let error = site.engine.failed(&error).await.doing(&doing);
                let skipped = lines.len().saturating_sub(LAST_LINES);
                let detail: Vec<String> = lines.into_iter().skip(skipped).collect();
                return Err(ProviderError { message: mask.apply(&error.message), ..error }.with_detail(detail));
            }
        }
    }
    id.ok_or_else(|| ProviderError::new(ErrorKind::Internal, format!("{doing}: the engine named no image at the end")))
}
