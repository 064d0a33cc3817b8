//! Objects of one environment: got, put under conditions, listed, deleted; each request's failure as an error that names the
//! call and the object.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::OnceCell;

use super::client;
use super::failure::{self, Call};
use super::settings::S3Settings;
use crate::error::{Error, Result};
use crate::state::backend::{Condition, Version};

/// How often an answer whose body broke off is asked for again, and a write that met another one is tried again.
const AGAIN: u32 = 6;

/// The pause before that; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// How many objects one request can delete.
const DELETED_AT_ONCE: usize = 1000;

/// What the objects are of.
const CONTENT_TYPE: &str = "application/octet-stream";

/// One environment's objects.
pub(super) struct Objects {
    client: OnceCell<Client>,
    pub(super) settings: S3Settings,
    /// What all names begin with, a slash at its end.
    prefix: String,
}

/// What a conditional put came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there, and this is which.
    Done(Version),
    /// The condition did not hold.
    Refused,
    /// The server cannot do such a thing.
    Unsupported,
}

impl Objects {
    pub(super) fn new(settings: S3Settings, environment: &str) -> Self {
        let key = settings.key.trim_matches('/');
        let prefix = if key.is_empty() { format!("{environment}/") } else { format!("{key}/{environment}/") };
        Self { client: OnceCell::new(), settings, prefix }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| client::client(&self.settings)).await
    }

    fn name(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Where an object lies, for messages.
    pub(super) fn place(&self, path: &str) -> String {
        format!("s3://{}/{}{path}", self.settings.bucket, self.prefix)
    }

    fn call(&self, operation: &'static str, path: &str) -> Call<'_> {
        Call { operation, place: self.place(path), settings: &self.settings }
    }

    /// An object with its version.
    pub(super) async fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>> {
        let call = self.call("GetObject", path);
        let mut tries = 0;
        loop {
            let request = self.client().await.get_object().bucket(&self.settings.bucket).key(self.name(path));
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if failure::status(&error) == Some(404) && failure::is_missing_key(&error) => {
                    return Ok(None);
                }
                Err(error) => return Err(call.failed(&error)),
            };
            if answer.content_type().is_some_and(|kind| kind.starts_with("text/html")) {
                return Err(call.web_page());
            }
            let Some(version) = answer.e_tag().map(|tag| Version(tag.to_owned())) else {
                return Err(call.no_s3("it gave no entity tag"));
            };
            let expected = answer.content_length().and_then(|length| usize::try_from(length).ok());
            match answer.body.collect().await.map(|body| body.to_vec()) {
                Ok(bytes) if expected.is_none_or(|expected| expected == bytes.len()) => {
                    return Ok(Some((bytes, version)));
                }
                // The connection broke in the middle of the answer.
                _ if tries < AGAIN => {}
                Ok(_) => return Err(call.broken_off("fewer bytes came than were announced")),
                Err(error) => return Err(call.broken_off(&error.to_string())),
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
            tries += 1;
        }
    }

    /// Whether there is such an object.
    pub(super) async fn exists(&self, path: &str) -> Result<bool> {
        let request = self.client().await.head_object().bucket(&self.settings.bucket).key(self.name(path));
        match request.send().await {
            Ok(answer) if answer.e_tag().is_none() => Err(self.call("HeadObject", path).web_page()),
            Ok(_) => Ok(true),
            Err(error) if failure::status(&error) == Some(404) => Ok(false),
            Err(error) => Err(self.call("HeadObject", path).failed(&error)),
        }
    }

    /// Puts an object. `None` if the condition did not hold. What an earlier try of this very call put, whose answer was
    /// lost, counts as done.
    pub(super) async fn put(&self, path: &str, bytes: Vec<u8>, condition: &Condition) -> Result<Option<Version>> {
        if self.settings.allow_unconditional_writes && !self.holds(path, condition).await? {
            return Ok(None);
        }
        let mut tries = 0;
        loop {
            let put = match self.settings.allow_unconditional_writes {
                true => self.try_put(path, &bytes, &Condition::Any).await?,
                false => self.try_put(path, &bytes, condition).await?,
            };
            match put {
                Some(Put::Done(version)) => return Ok(Some(version)),
                Some(Put::Unsupported) => return Err(self.call("PutObject", path).unconditional()),
                Some(Put::Refused) => {
                    let there = self.get(path).await?;
                    return Ok(there.filter(|(there, _)| *there == bytes).map(|(_, version)| version));
                }
                // Another write of it was under way at the same moment.
                None if tries < AGAIN => {}
                None => return Err(self.call("PutObject", path).busy()),
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
            tries += 1;
        }
    }

    /// As near to a condition as a server comes that knows none.
    async fn holds(&self, path: &str, condition: &Condition) -> Result<bool> {
        Ok(match condition {
            Condition::Any => true,
            Condition::Absent => !self.exists(path).await?,
            Condition::Matches(expected) => self.get(path).await?.is_some_and(|(_, version)| version == *expected),
        })
    }

    /// One put, with what the server says of the condition; `None` if it was busy with another put of the same.
    pub(super) async fn try_put(&self, path: &str, bytes: &[u8], condition: &Condition) -> Result<Option<Put>> {
        let call = self.call("PutObject", path);
        let mut request = self.client().await.put_object().bucket(&self.settings.bucket).key(self.name(path));
        request = request.content_type(CONTENT_TYPE).body(ByteStream::from(bytes.to_vec()));
        if let Some(encryption) = &self.settings.server_side_encryption {
            request = request.server_side_encryption(ServerSideEncryption::from(encryption.as_str()));
        }
        if let Some(key) = &self.settings.kms_key_id {
            request = request.ssekms_key_id(key);
        }
        request = match condition {
            Condition::Any => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Matches(version) => request.if_match(&version.0),
        };
        match request.send().await {
            Ok(answer) => match answer.e_tag() {
                Some(tag) => Ok(Some(Put::Done(Version(tag.to_owned())))),
                None => Err(call.web_page()),
            },
            Err(error) => match (failure::status(&error), condition) {
                (Some(412), _) => Ok(Some(Put::Refused)),
                (Some(404), Condition::Matches(_)) if failure::is_missing_key(&error) => Ok(Some(Put::Refused)),
                (Some(409), _) => Ok(None),
                (Some(501), Condition::Absent | Condition::Matches(_)) if !failure::is_about_encryption(&error) => {
                    Ok(Some(Put::Unsupported))
                }
                _ => Err(call.failed(&error)),
            },
        }
    }

    /// The paths below a prefix, sorted; a page after the other.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.list_sized(prefix).await?.into_iter().map(|(path, _)| path).collect())
    }

    /// The paths below a prefix with their objects' sizes, sorted.
    pub(super) async fn list_sized(&self, prefix: &str) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let request = self.client().await.list_objects_v2().bucket(&self.settings.bucket).prefix(self.name(prefix));
            let page = request.set_continuation_token(after.take()).send().await;
            let page = page.map_err(|error| self.call("ListObjectsV2", prefix).failed(&error))?;
            if page.name().is_none() && page.key_count().is_none() {
                return Err(self.call("ListObjectsV2", prefix).web_page());
            }
            for object in page.contents() {
                let path = object.key().and_then(|key| key.strip_prefix(&self.prefix));
                let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                found.extend(path.map(|path| (path.to_owned(), size)));
            }
            match page.next_continuation_token() {
                Some(token) if page.is_truncated() == Some(true) => after = Some(token.to_owned()),
                _ => break,
            }
        }
        found.sort();
        Ok(found)
    }

    /// Deletes objects; what is not there is deleted already.
    pub(super) async fn delete(&self, paths: &[String]) -> Result<()> {
        if let [path] = paths {
            let request = self.client().await.delete_object().bucket(&self.settings.bucket).key(self.name(path));
            return match request.send().await {
                Err(error) if failure::status(&error) != Some(404) => {
                    Err(self.call("DeleteObject", path).failed(&error))
                }
                _ => Ok(()),
            };
        }
        for some in paths.chunks(DELETED_AT_ONCE) {
            let names = some.iter().map(|path| ObjectIdentifier::builder().key(self.name(path)).build());
            let names: Vec<_> = names.collect::<Result<_, _>>().map_err(|error| Error::failed(error.to_string()))?;
            let delete = Delete::builder().set_objects(Some(names)).quiet(true).build();
            let delete = delete.map_err(|error| Error::failed(error.to_string()))?;
            let call = self.call("DeleteObjects", some.first().map_or("", String::as_str));
            let request = self.client().await.delete_objects().bucket(&self.settings.bucket).delete(delete);
            let answer = request.send().await.map_err(|error| call.failed(&error))?;
            if let Some(error) = answer.errors().first() {
                let what = format!("{}: {}", error.code().unwrap_or("?"), error.message().unwrap_or("no reason given"));
                return Err(Error::failed(format!("S3 did not delete {}: {what}", error.key().unwrap_or("an object"))));
            }
        }
        Ok(())
    }

    /// Gets objects, several at a time, in the order of their paths.
    pub(super) async fn get_all(&self, paths: &[String]) -> Result<Vec<Option<(Vec<u8>, Version)>>> {
        const AT_ONCE: usize = 16;
        stream::iter(paths.to_vec())
            .map(|path| async move { self.get(&path).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }
}
