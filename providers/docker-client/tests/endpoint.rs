//! Where the engine is, decided as Docker's own command line decides it, and what its failures are told as.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use bollard::errors::Error;
use deployctl_docker_client::{Address, Endpoint, EngineError, Environment, Settings, Tls};
use deployctl_sdk::{Digest, ErrorKind, ProviderError, fs};
use tempfile::TempDir;

/// A folder with Docker's own configuration in it: the current context, and a context of a name.
fn docker_folder(current: &str, name: &str, meta: &str, tls: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    let id = Digest::of(name.as_bytes()).to_string();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
    };
    write("config.json", &format!(r#"{{"auths": {{}}, "currentContext": "{current}"}}"#));
    write(&format!("contexts/meta/{id}/meta.json"), meta);
    if tls {
        write(&format!("contexts/tls/{id}/docker/ca.pem"), "");
    }
    folder
}

fn find(settings: &Settings, folder: Option<&Path>, more: &[(&str, &str)]) -> Result<Endpoint, ProviderError> {
    let folder = folder.map(|folder| (Environment::CONFIG.to_owned(), folder.display().to_string()));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Endpoint::find(settings, &Environment::of(folder.into_iter().chain(more)))
}

const REMOTE: &str = r#"{"Name": "remote", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://10.0.0.7:2376"}}}"#;

#[test]
fn what_is_nearer_goes_before_what_is_further_away() {
    let folder = docker_folder("remote", "remote", REMOTE, false);
    let at = |settings: &Settings, more: &[(&str, &str)]| {
        find(settings, Some(folder.path()), more).unwrap().address.to_string()
    };
    let nothing = Settings::default();
    assert_eq!(at(&nothing, &[]), "tcp://10.0.0.7:2376", "the current context");
    assert_eq!(at(&nothing, &[("DOCKER_CONTEXT", "default")]), "unix:///var/run/docker.sock");
    let both = [("DOCKER_HOST", "ssh://me@host:22"), ("DOCKER_CONTEXT", "remote")];
    assert_eq!(at(&nothing, &both), "ssh://me@host:22");
    let block = Settings { host: Some("unix:///of/the/block".to_owned()), ..Settings::default() };
    assert_eq!(at(&block, &both), "unix:///of/the/block");
    let context = Settings { context: Some("remote".to_owned()), ..Settings::default() };
    assert_eq!(at(&context, &both), "tcp://10.0.0.7:2376");
    assert_eq!(find(&nothing, None, &[]).unwrap().source, "Docker's default");
}

#[test]
fn certificates_come_with_the_context_or_from_where_the_environment_says() {
    let folder = docker_folder("remote", "remote", REMOTE, true);
    let tls = find(&Settings::default(), Some(folder.path()), &[]).unwrap().tls.unwrap();
    assert!(tls.folder.starts_with(folder.path().join("contexts/tls")) && tls.folder.ends_with("docker"));

    let host = ("DOCKER_HOST", "tcp://10.0.0.8:2376");
    assert_eq!(find(&Settings::default(), None, &[host]).unwrap().tls, None);
    let verified =
        find(&Settings::default(), None, &[host, ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")]);
    let verified = verified.unwrap();
    assert_eq!(verified.tls, Some(Tls { folder: PathBuf::from("/certs") }));
    let expected = [("DOCKER_HOST", "tcp://10.0.0.8:2376"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")];
    assert_eq!(verified.variables(), expected.map(|(name, value)| (name, value.to_owned())));
    let settings = Settings { tls_verify: Some(false), ..Settings::default() };
    assert_eq!(find(&settings, None, &[host, ("DOCKER_TLS_VERIFY", "1")]).unwrap().tls, None, "the block decides");
}

#[test]
fn what_cannot_be_is_refused_and_says_what_to_do() {
    let folder = docker_folder("gone", "remote", REMOTE, false);
    let error = find(&Settings::default(), Some(folder.path()), &[]).unwrap_err();
    assert!(error.message.contains("`gone`") && error.hint.unwrap().contains("docker context ls"));
    for address in ["ftp://host", "unix://", "tcp://host/path", "ssh://"] {
        assert_eq!(Address::parse(address).unwrap_err().kind, ErrorKind::Invalid, "{address}");
    }
    let unchecked = REMOTE.replace("2376\"", "2376\", \"SkipTLSVerify\": true");
    let folder = docker_folder("remote", "remote", &unchecked, true);
    let error = find(&Settings::default(), Some(folder.path()), &[]).unwrap_err();
    assert!(error.message.contains("not to check"), "{error}");
}

#[test]
fn a_damaged_configuration_is_named_without_showing_it() {
    let folder = docker_folder("", "remote", REMOTE, false);
    fs::write_atomic(&folder.path().join("config.json"), br#"{"auths": {"r": {"auth": "c2VjcmV0"}"#, 0o600).unwrap();
    let error = find(&Settings::default(), Some(folder.path()), &[]).unwrap_err();
    assert!(error.message.contains("config.json") && !error.message.contains("c2Vj"), "{error}");
}

#[test]
fn no_permission_on_the_socket_names_the_group() {
    let endpoint = find(&Settings::default(), None, &[]).unwrap();
    let err = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = ProviderError::from(EngineError::of(&Error::IOError { err }, &endpoint));
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("no permission") && error.hint.unwrap().contains("group"));
}

#[test]
fn what_the_engine_says_keeps_its_words_and_gets_what_was_done() {
    let endpoint = find(&Settings::default(), None, &[]).unwrap();
    let answer = |status_code| {
        let message = "network web not found\n".to_owned();
        EngineError::of(&Error::DockerResponseServerError { status_code, message }, &endpoint)
    };
    assert!(answer(404).is_not_found() && answer(409).is_conflict());
    assert_eq!(answer(503).doing("x").kind, ErrorKind::Transient);
    assert_eq!(answer(404).doing("removing it").message, "removing it: network web not found");
}
