//! What a request's failure means to people: which call, which object, why, and what to do next.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ErrorMetadata, ProvideErrorMetadata, SdkError};

use super::settings::S3Settings;
use crate::error::Error;

/// A request, for messages.
pub(super) struct Call<'c> {
    /// Its name, as policies name it.
    pub(super) operation: &'static str,
    /// The object.
    pub(super) place: String,
    /// How the server is reached.
    pub(super) settings: &'c S3Settings,
}

/// The status that the server answered with.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether it is the object that is missing, and not the bucket or the whole server.
pub(super) fn is_missing_key<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("NoSuchKey")
}

impl Call<'_> {
    fn server(&self) -> String {
        match &self.settings.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => "S3".to_owned(),
        }
    }

    /// The failure as an error.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.raw_response().is_some_and(is_web_page) {
            return self.web_page();
        }
        let code = error.code().unwrap_or_default();
        match (code, status(error)) {
            (_, None) => self.not_answered(error),
            (code, Some(status)) => self.answered(code, status, error),
        }
    }

    fn answered<E>(&self, code: &str, status: u16, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let S3Settings { bucket, .. } = self.settings;
        let Self { operation, place, .. } = self;
        let server = self.server();
        match (code, status) {
            ("NoSuchBucket", _) => Error::failed(format!("the bucket `{bucket}` does not exist at {server}"))
                .with_hint("make it, or correct `bucket`, `region` or `endpoint` of the `state` block"),
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired", _) => {
                Error::failed(format!("the credentials have expired: {server} refused {operation} of {place}"))
                    .with_hint("log in again, and run the command again")
            }
            ("RequestTimeTooSkewed", _) => Error::failed(format!(
                "this machine's clock is too far from the server's: {server} refused {operation} of {place}"
            ))
            .with_hint("set the clock (`timedatectl set-ntp true`), and run the command again"),
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "UnrecognizedClientException", _) => {
                Error::failed(format!("{server} does not accept the credentials ({code}) for {operation} of {place}"))
                    .with_hint("check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that is used")
            }
            (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException"
                | "IncorrectEndpoint",
                _,
            )
            | (_, 301 | 307) => self.elsewhere(error),
            ("AccessDenied" | "AllAccessDisabled" | "AccountProblem", _) | (_, 401 | 403) => {
                Error::failed(format!("{server} denies {operation} of {place}")).with_hint(format!(
                    "the credentials need `s3:{}` on it; see the guide for the whole policy",
                    self.permission()
                ))
            }
            ("NotImplemented", _) if self.settings.server_side_encryption.is_some() => {
                let why = error.message().unwrap_or("no reason given");
                Error::failed(format!("{server} cannot encrypt {place} as `server_side_encryption` says: {why}"))
                    .with_hint("set up its key management, or leave the setting out: the `encryption` block needs nothing of the server")
            }
            _ => {
                let said = match (code, error.message()) {
                    ("", None) => format!("status {status}"),
                    (code, message) => format!("{code} ({status}): {}", message.unwrap_or("no reason given")),
                };
                Error::failed(format!("{server} did not do {operation} of {place}: {said}"))
            }
        }
    }

    /// What a policy calls the right to make the call.
    fn permission(&self) -> &'static str {
        match self.operation {
            "HeadObject" => "GetObject",
            "ListObjectsV2" => "ListBucket",
            "DeleteObjects" => "DeleteObject",
            operation => operation,
        }
    }

    fn elsewhere<E: ProvideErrorMetadata>(&self, error: &SdkError<E, HttpResponse>) -> Error {
        let bucket = &self.settings.bucket;
        let header = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
        // "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
        let said = error.message().and_then(|text| text.split("expecting '").nth(1)?.split('\'').next());
        let failure = Error::failed(format!("the bucket `{bucket}` is in another region than was asked"));
        match header.or(said) {
            Some(region) => failure.with_hint(format!("set `region = \"{region}\"` in the `state` block")),
            None => failure.with_hint("set `region` in the `state` block to the bucket's own"),
        }
    }

    fn not_answered<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (server, operation, place) = (self.server(), self.operation, &self.place);
        let whole = DisplayErrorContext(error).to_string();
        let without = ["no providers in chain provided credentials", "CredentialsNotLoaded"];
        if without.iter().any(|words| whole.contains(words)) {
            return self.no_credentials(error);
        }
        if let Some(role) = self.settings.assume_role.as_ref().filter(|_| whole.contains("AssumeRole")) {
            let role = &role.role_arn;
            return Error::failed(format!("the role {role} for {place} cannot be assumed: {}", innermost(error)))
                .with_hint(
                    "the credentials that are there need `sts:AssumeRole` on it, and its trust policy must name them",
                );
        }
        match error {
            SdkError::TimeoutError(_) => {
                Error::failed(format!("{server} did not answer {operation} of {place} in time"))
            }
            _ => Error::failed(format!("{server} cannot be reached for {operation} of {place}: {}", innermost(error))),
        }
        .with_hint("check the network and `endpoint` of the `state` block, and run the command again")
    }

    fn no_credentials(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        let place = &self.place;
        match &self.settings.profile {
            Some(profile) => Error::failed(format!("the profile `{profile}` gives no credentials for {place}"))
                .with_detail([innermost(error)])
                .with_hint("it is looked for in ~/.aws/config and ~/.aws/credentials, or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say"),
            None => Error::failed(format!("there are no credentials for {place}")).with_hint(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `profile` in the `state` block",
            ),
        }
    }

    /// Something that serves pages for people answered.
    pub(super) fn web_page(&self) -> Error {
        self.no_s3("it answers with a web page")
    }

    /// What answers does not speak S3.
    pub(super) fn no_s3(&self, why: &str) -> Error {
        let (server, operation, place) = (self.server(), self.operation, &self.place);
        Error::failed(format!("{server} does not speak S3: asked for {operation} of {place}, {why}"))
            .with_hint("check `endpoint` of the `state` block; the console of a server often has another port than S3")
    }

    /// The connection broke in the middle of an answer, again and again.
    pub(super) fn broken_off(&self, why: &str) -> Error {
        let (server, operation, place) = (self.server(), self.operation, &self.place);
        Error::failed(format!("the answer of {server} to {operation} of {place} breaks off: {why}"))
            .with_hint("check the network, and run the command again")
    }

    /// Other writes of the same object kept this one from being made.
    pub(super) fn busy(&self) -> Error {
        Error::failed(format!("{} was being written by somebody else all the time", self.place))
            .with_hint("run the command again")
    }

    /// The server writes whatever the condition says.
    pub(super) fn unconditional(&self) -> Error {
        let server = self.server();
        Error::failed(format!(
            "{server} does not heed the conditions of writes (If-Match, If-None-Match), so that two runs could overwrite each \
             other's state"
        ))
        .with_hint(
            "keep the state on a server that does, or accept the risk with `allow_unconditional_writes = true` in the `state` block",
        )
    }
}

fn is_web_page(response: &HttpResponse) -> bool {
    if response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        return true;
    }
    let start = response.body().bytes().unwrap_or_default();
    let start: Vec<u8> = start.iter().take(64).map(u8::to_ascii_lowercase).collect();
    let text = String::from_utf8_lossy(&start);
    text.trim_start().starts_with("<!doctype html") || text.trim_start().starts_with("<html")
}

/// The last of a chain of reasons, which is the one that says what happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let answered = error.downcast_ref::<ErrorMetadata>();
    answered.and_then(|answered| answered.message()).map_or_else(|| error.to_string(), str::to_owned)
}

/// Whether it is the encryption that was asked for which the server does not know, and not a condition.
pub(super) fn is_about_encryption<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let said = error.message().unwrap_or_default().to_ascii_lowercase();
    ["encrypt", "kms"].iter().any(|word| said.contains(word))
}
