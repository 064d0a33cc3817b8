//! Making containers.

use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::{CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use bytes::Bytes;
use deployctl_sdk::{Applied, Change, ErrorKind, Object, Ownership, ProviderError, Run, Value};
use futures_util::future::join_all;

use super::create_request::{Request, needs, request};
use super::delete::remove;
use super::inspected::{self, Inspected};
use super::theme::upload;
use super::{conflict, describe, health, names, spec};
use crate::attributes::{text, truth};
use crate::mark;
use crate::provider::Site;

/// Makes all containers of a resource, side by side.
pub(crate) async fn create(site: &Site, change: &Change, run: &Run) -> Applied {
    let base = names::base(&change.config, None, &change.mark);
    let maker = match Maker::new(site, change, run, &base).await {
        Ok(maker) => maker,
        Err(error) => return Applied::failed(None, error),
    };
    let wanted = names::all(&base, &change.config);
    let results = join_all(wanted.iter().map(|name| maker.up(name))).await;
    settle(&maker, &base, results, wanted.len(), change)
}

/// The record of what came about: with an error the containers that are there all the same, half made.
fn settle(
    maker: &Maker<'_>,
    base: &str,
    results: Vec<Result<Inspected, Failure>>,
    wanted: usize,
    change: &Change,
) -> Applied {
    let (mut there, mut first_error) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(one) => there.push(one),
            Err(failure) => {
                there.extend(failure.left.map(|left| *left));
                first_error.get_or_insert(failure.error);
            }
        }
    }
    let object = (!there.is_empty()).then(|| {
        let made = maker.record(base, &there, change);
        // Of replicas that did not all come about the record says how many there are.
        if there.len() == wanted {
            made
        } else {
            Object { captured: made.captured.clone(), ..describe::compared(&made, &there) }
        }
    });
    match first_error {
        None => Applied { object, ..Applied::default() },
        Some(error) => Applied { tainted: object.is_some(), ..Applied::failed(object, error) },
    }
}

/// What went wrong with one container, and the container if it is there all the same.
pub(crate) struct Failure {
    pub(crate) error: ProviderError,
    pub(crate) left: Option<Box<Inspected>>,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { error, left: None }
    }
}

/// A container that was made, or that was there from an attempt that nobody knows of any more.
pub(crate) enum Made {
    /// It was made, and does not run.
    New(String),
    /// It is ours, was made from this configuration, and runs.
    There(Box<Inspected>),
}

/// Makes containers from one configuration.
pub(crate) struct Maker<'m> {
    site: &'m Site,
    run: &'m Run,
    config: &'m Value,
    pub(crate) mark: &'m Ownership,
    request: Request,
    archive: Option<Bytes>,
}

impl<'m> Maker<'m> {
    /// Puts together what all containers are made from.
    ///
    /// # Errors
    /// When the engine does not answer or is too old, or an uploaded file cannot be had.
    pub(crate) async fn new(
        site: &'m Site,
        change: &'m Change,
        run: &'m Run,
        base: &str,
    ) -> Result<Self, ProviderError> {
        let version = site.engine.api_version().await?;
        for (minor, feature) in needs(&change.config) {
            site.engine.require(minor, feature).await?;
        }
        let (config, mark) = (&change.config, &change.mark);
        let shared = describe::shared_name(config, base);
        let request =
            request(&site.schemas.container, config, mark, &site.place.root, version.minor_version, shared.as_deref());
        let archive = upload::archive(config, &change.captured, &*run.files)?.map(Bytes::from);
        Ok(Self { site, run, config, mark, request, archive })
    }

    /// Without any name in its networks besides its own: nobody is to find the containers yet.
    #[must_use]
    pub(crate) fn unseen(mut self) -> Self {
        let first = self.request.body.networking_config.as_mut().and_then(|config| config.endpoints_config.as_mut());
        let first = first.into_iter().flat_map(|endpoints| endpoints.values_mut());
        for endpoint in first.chain(self.request.later.iter_mut().map(|(_, endpoint)| endpoint)) {
            endpoint.aliases = None;
        }
        self
    }

    /// The record of these containers.
    pub(crate) fn record(&self, base: &str, all: &[Inspected], change: &Change) -> Object {
        let object = describe::made(&self.site.schemas.container, self.config, base, all);
        Object { captured: change.captured.clone(), ..object }
    }

    /// Complains when the operation is to stop.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn go_on(&self) -> Result<(), ProviderError> {
        if self.run.cancel.is_cancelled() {
            return Err(ProviderError::new(ErrorKind::Cancelled, "cancelled while its containers were being made"));
        }
        Ok(())
    }

    /// Makes a container and starts it.
    ///
    /// # Errors
    /// When either fails; what cannot be started is removed.
    pub(crate) async fn up(&self, name: &str) -> Result<Inspected, Failure> {
        match self.make(name).await? {
            Made::There(one) => Ok(*one),
            Made::New(id) => self.start(&id, name).await,
        }
    }

    /// Makes a container, attached to all its networks and with all its files, and does not start it.
    ///
    /// # Errors
    /// When that fails; nothing is then left of it.
    pub(crate) async fn make(&self, name: &str) -> Result<Made, ProviderError> {
        self.go_on()?;
        let id = match self.create(name).await? {
            Made::New(id) => id,
            there @ Made::There(_) => return Ok(there),
        };
        let completed = async {
            for (network, endpoint) in &self.request.later {
                connect(self.site, network, &id, endpoint.clone(), self.config).await?;
            }
            self.upload(&id).await?;
            self.go_on()
        };
        if let Err(error) = completed.await {
            remove(self.site, &id, true).await?;
            return Err(error);
        }
        Ok(Made::New(id))
    }

    async fn create(&self, name: &str) -> Result<Made, ProviderError> {
        // Once more where an earlier attempt's container was in the way and is removed.
        for _ in 0..2 {
            let mut options = CreateContainerOptionsBuilder::default().name(name);
            if let Some(platform) = text(self.config, "platform") {
                options = options.platform(&platform);
            }
            let (options, body) = (options.build(), self.request.body.clone());
            let call =
                self.site.engine.call(|docker| async move { docker.create_container(Some(options), body).await });
            let error = match call.await {
                Ok(created) => {
                    for warning in created.warnings {
                        self.run.progress.say(format!("{name}: the engine warns: {warning}"));
                    }
                    return Ok(Made::New(created.id));
                }
                Err(error) if error.is_conflict() && error.message().contains("already in use") => error,
                Err(error) => return Err(conflict::of_creation(error, self.config)),
            };
            let Some(holder) = inspected::inspect(self.site, name).await? else {
                return Err(error.doing("cannot make the container"));
            };
            let labels = inspected::labels(&holder);
            if !mark::is(&labels, self.mark.lineage, self.mark.id) {
                return Err(conflict::name_taken(name, &holder, self.mark));
            }
            if inspected::is_running(&holder) && spec::is(&labels, &self.site.schemas.container, self.config) {
                return Ok(Made::There(Box::new(holder)));
            }
            remove(self.site, inspected::id(&holder), true).await?;
        }
        Err(ProviderError::new(ErrorKind::Transient, format!("the name {name} is taken again and again")))
    }

    async fn upload(&self, id: &str) -> Result<(), ProviderError> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let body = bollard::body_full(archive.clone());
        let upload =
            self.site.engine.call(|docker| async move { docker.upload_to_container(id, Some(options), body).await });
        upload.await.map_err(|error| error.doing("cannot put the uploaded files into the container"))
    }

    /// Starts a container, and looks at it once.
    ///
    /// # Errors
    /// When it cannot be started, and is then removed; or ends at once, and is then left to be looked at.
    pub(crate) async fn start(&self, id: &str, name: &str) -> Result<Inspected, Failure> {
        if let Err(error) = start(self.site, id, name, self.config).await {
            remove(self.site, id, true).await?;
            return Err(error.into());
        }
        let seen =
            inspected::inspect(self.site, id).await.map_err(|error| error.doing("cannot look at the container"))?;
        let Some(seen) = seen else {
            return Err(ProviderError::new(ErrorKind::Refused, format!("container {name} is gone")).into());
        };
        match health::check_started(self.site, &seen, truth(self.config, "must_run")).await {
            Ok(()) => Ok(seen),
            Err(error) => Err(Failure { error, left: Some(Box::new(seen)) }),
        }
    }
}

/// Starts a container; one that runs is no error.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn start(site: &Site, id: &str, name: &str, config: &Value) -> Result<(), ProviderError> {
    match site.engine.call(|docker| async move { docker.start_container(id, None).await }).await {
        Ok(()) => Ok(()),
        Err(error) => Err(conflict::of_start(site, error, name, config).await),
    }
}

/// Attaches a container to a network.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn connect(
    site: &Site,
    network: &str,
    id: &str,
    endpoint: bollard::models::EndpointSettings,
    config: &Value,
) -> Result<(), ProviderError> {
    let body = NetworkConnectRequest { container: id.to_owned(), endpoint_config: Some(endpoint) };
    match site.engine.call(|docker| async move { docker.connect_network(network, body).await }).await {
        Ok(()) => Ok(()),
        Err(error) => Err(conflict::of_creation(error, config)),
    }
}
