//! A cluster and what is asked of it: connection, discovery, and the few requests that everything else is made of.

mod connect;
mod failure;
mod kinds;
mod pace;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deployctl_sdk::{ErrorKind, ProviderError, Value};
pub(crate) use failure::{explained, is_gone};
pub(crate) use kinds::{Kind, Kinds};
use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::Request;
use kube::core::params::{GetParams, Preconditions};
use tokio::sync::OnceCell;

use crate::json::{Json, text};

/// How many requests are under way at once. More only take turns at the server and cost a connection each.
pub(crate) const AT_ONCE: usize = 64;

/// How many objects one answer to a listing holds at most.
const PAGE: u32 = 1000;

/// How long an operation that has begun goes on asking a server that went away.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster, connected to when it is first asked something.
pub(crate) struct Cluster {
    settings: Value,
    root: PathBuf,
    /// Who we are to the API server, as the owner of fields.
    pub manager: String,
    pace: pace::Pace,
    client: OnceCell<Client>,
    /// Where it is, for messages, once that is known.
    address: OnceLock<String>,
    kinds: Mutex<Option<Arc<Kinds>>>,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    /// Whether nothing is kept of it.
    pub dry_run: bool,
    /// Whether fields are taken from other managers.
    pub force: bool,
}

impl Cluster {
    pub(crate) fn new(settings: &Value, root: PathBuf) -> Self {
        let manager = settings.get("field_manager").and_then(Value::as_str).unwrap_or("deployctl").to_owned();
        let pace = pace::Pace::new(settings.get("qps").and_then(Value::as_number).map(ToString::to_string));
        Self {
            settings: settings.clone(),
            root,
            manager,
            pace,
            client: OnceCell::new(),
            address: OnceLock::new(),
            kinds: Mutex::default(),
        }
    }

    /// Whether anything says which cluster is meant.
    pub(crate) fn is_configured(&self) -> bool {
        connect::is_configured(&self.settings)
    }

    /// Whether plans may be made without the cluster, for all resources.
    pub(crate) fn may_be_offline(&self) -> bool {
        self.settings.get("offline").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The client.
    ///
    /// # Errors
    /// When there is no cluster, or the settings for it are wrong.
    pub(crate) async fn client(&self) -> Result<&Client, ProviderError> {
        let made = self.client.get_or_try_init(|| async {
            let config = connect::config(&self.settings, &self.root).await?;
            self.address.get_or_init(|| config.cluster_url.to_string());
            connect::client(config)
        });
        made.await
    }

    /// The namespace of objects that name none.
    ///
    /// # Errors
    /// As [`Cluster::client`].
    pub(crate) async fn namespace(&self) -> Result<&str, ProviderError> {
        Ok(self.client().await?.default_namespace())
    }

    /// The kinds that there are, asked once.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn kinds(&self) -> Result<Arc<Kinds>, ProviderError> {
        let known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(kinds) => Ok(kinds),
            None => self.kinds_anew().await,
        }
    }

    /// The kinds that there are now.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn kinds_anew(&self) -> Result<Arc<Kinds>, ProviderError> {
        let kinds = Kinds::discover(self.client().await?).await.map_err(|error| self.located(error))?;
        let kinds = Arc::new(kinds);
        *self.kinds.lock().unwrap_or_else(PoisonError::into_inner) = Some(kinds.clone());
        Ok(kinds)
    }

    /// The error with where the cluster should be, if it could not be reached there.
    fn located(&self, error: ProviderError) -> ProviderError {
        match self.address.get() {
            Some(address) if error.kind == ErrorKind::Unreachable => {
                let message = error.message.replacen("the cluster", &format!("the cluster at {address}"), 1);
                ProviderError { message, ..error }
            }
            _ => error,
        }
    }

    /// The server's version, in its own words.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn version(&self) -> Result<String, ProviderError> {
        let version = self.client().await?.apiserver_version().await;
        Ok(version.map_err(|error| explained(error, "its version cannot be read"))?.git_version)
    }

    /// The server's version, if there is a connection and it answers.
    pub(crate) async fn version_if_met(&self) -> Option<String> {
        self.client.get()?;
        self.version().await.ok()
    }

    /// One object, if it is there.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub(crate) async fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Json>, ProviderError> {
        let request = Request::new(kind.path(Some(namespace))).get(name, &GetParams::default());
        let what = || format!("{} {name} cannot be read", kind.resource.kind);
        let request = request.map_err(|error| built(&error, &what()))?;
        self.pace.wait().await;
        match self.client().await?.request::<Json>(request).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(explained(error, &what())),
        }
    }

    /// Objects of one kind, in one namespace or in all. Answers of many objects come in pages.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        selector: Option<&str>,
        only_metadata: bool,
    ) -> Result<Vec<Json>, ProviderError> {
        let mut found = Vec::new();
        let mut params =
            ListParams { label_selector: selector.map(str::to_owned), ..ListParams::default().limit(PAGE) };
        let what = || format!("{} cannot be listed", kind.resource.plural);
        loop {
            let request = Request::new(kind.path(namespace));
            let request = if only_metadata { request.list_metadata(&params) } else { request.list(&params) };
            let request = request.map_err(|error| built(&error, &what()))?;
            self.pace.wait().await;
            let mut page: Json =
                self.client().await?.request(request).await.map_err(|error| explained(error, &what()))?;
            let items = page.get_mut("items").and_then(Json::as_array_mut).map(std::mem::take).unwrap_or_default();
            found.extend(items.into_iter().map(|mut item| {
                // Items of a list do not say what they are.
                if let Some(members) = item.as_object_mut() {
                    members.insert("apiVersion".to_owned(), Json::from(kind.resource.api_version.as_str()));
                    members.insert("kind".to_owned(), Json::from(kind.resource.kind.as_str()));
                }
                item
            }));
            match text(&page, "/metadata/continue") {
                "" => return Ok(found),
                more => params.continue_token = Some(more.to_owned()),
            }
        }
    }

    /// Applies an object on the server's side, and answers what it is then.
    ///
    /// # Errors
    /// The client's own: what a refusal means depends on who asks.
    pub(crate) async fn apply(
        &self,
        kind: &Kind,
        namespace: &str,
        object: &Json,
        how: How,
    ) -> Result<String, kube::Error> {
        let params = PatchParams {
            dry_run: how.dry_run,
            force: how.force,
            field_manager: Some(self.manager.clone()),
            ..PatchParams::default().validation_strict()
        };
        let request = Request::new(kind.path(Some(namespace)));
        let request = request.patch(text(object, "/metadata/name"), &params, &Patch::Apply(object));
        let request = request.map_err(kube::Error::BuildRequest)?;
        self.pace.wait().await;
        let client = self.client.get().ok_or_else(|| kube::Error::Service("not connected".into()))?;
        client.request_text(request).await
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// When that is refused.
    pub(crate) async fn merge(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        patch: &Json,
    ) -> Result<Json, ProviderError> {
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
        let what = format!("{} {name} cannot be marked", kind.resource.kind);
        let request = Request::new(kind.path(Some(namespace))).patch(name, &params, &Patch::Merge(patch));
        let request = request.map_err(|error| built(&error, &what))?;
        self.client().await?.request(request).await.map_err(|error| explained(error, &what))
    }

    /// Deletes the very object that has this uid; one that is gone is deleted already.
    ///
    /// # Errors
    /// When that is refused.
    pub(crate) async fn delete(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        uid: &str,
        foreground: bool,
    ) -> Result<(), kube::Error> {
        let params = if foreground { DeleteParams::foreground() } else { DeleteParams::background() };
        let exactly = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let request = Request::new(kind.path(Some(namespace))).delete(name, &params.preconditions(exactly));
        let request = request.map_err(kube::Error::BuildRequest)?;
        self.pace.wait().await;
        let client = self.client.get().ok_or_else(|| kube::Error::Service("not connected".into()))?;
        match client.request_text(request).await {
            Ok(_) => Ok(()),
            // Gone, or another one has that name by now: the one that was meant is no more.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks again while the server is away, as it is for a moment when it is started anew. For requests that may be made
    /// twice, in an operation that has begun.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, kube::Error>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, kube::Error> {
        let overdue = tokio::time::Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(100);
        loop {
            match ask().await {
                Err(error) if is_gone(&error) && tokio::time::Instant::now() < overdue => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                answer => return answer,
            }
        }
    }
}

fn built(error: &dyn std::fmt::Display, what: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("{what}: {error}"))
}
