//! Bad input: each gets an error that says what, where and what to do next, and nothing was changed.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use deployctl_sdk::{ErrorKind, Observed, ProviderError, Value};

use crate::bench::{Bench, docker, texts};

const SERVICE: &str = "image: deployctl-test/busybox:1\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n";

async fn refused(test: &str, project: &str, given: &[(&str, Value)]) -> ProviderError {
    let bench = Bench::new(test).await;
    bench.write("shop/compose.yaml", project);
    let given: Vec<_> = given.iter().cloned().chain([("path", Value::from("shop"))]).collect();
    let error = match bench.try_prepare(&given) {
        Ok(prepared) => bench.try_plan(None, &prepared).await.unwrap_err(),
        Err(mut errors) => errors.remove(0),
    };
    assert_eq!(bench.leftovers(true), Vec::<String>::new());
    error
}

async fn fails(bench: &Bench, given: &[(&str, Value)]) -> ProviderError {
    let prepared = bench.prepare(given);
    let plan = bench.try_plan(None, &prepared).await.unwrap();
    let applied = bench.carry_out(None, &prepared, &plan).await;
    let error = applied.error.unwrap();
    if let Some(object) = &applied.object {
        assert!(bench.delete(object).await.error.is_none());
    }
    assert_eq!(bench.leftovers(false), Vec::<String>::new());
    error
}

#[tokio::test]
async fn a_compose_file_that_is_no_yaml_is_named_with_its_line() {
    let error = refused("no-yaml", "services:\n  web:\n    image: [\n", &[]).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("shop/compose.yaml") && error.message.contains("line"), "{error}");
    assert!(!error.message.contains("/tmp"), "{error}");
}

#[tokio::test]
async fn a_compose_file_with_an_unknown_member_is_named() {
    let error = refused("unknown", &format!("services:\n  web:\n    {SERVICE}    imgae: x\n"), &[]).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("shop/compose.yaml") && error.message.contains("imgae"), "{error}");
}

#[tokio::test]
async fn a_missing_compose_file_is_said_with_where_it_was_looked_for() {
    let bench = Bench::new("no-file").await;
    let error = bench.try_prepare(&[("path", Value::from("nowhere"))]).unwrap_err().remove(0);
    assert_eq!(error.message, "there is no Compose file in nowhere");
    let given = [("files", texts(&["other.yaml"]))];
    let error = bench.try_prepare(&given).unwrap_err().remove(0);
    assert_eq!(error.message, "there is no Compose file other.yaml");
    assert_eq!(error.attribute.unwrap().to_string(), "files[0]");
}

#[tokio::test]
async fn a_missing_environment_file_is_named() {
    let project = format!("services:\n  web:\n    {SERVICE}    env_file: web.env\n");
    let error = refused("no-env-file", &project, &[]).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("shop/web.env") && !error.message.contains("/tmp"), "{error}");
    assert!(error.hint.unwrap().contains("create it"));
    let project = format!("services:\n  web:\n    {SERVICE}");
    let error = refused("no-env-file-2", &project, &[("env_files", texts(&["none.env"]))]).await;
    assert_eq!(error.message, "there is no environment file none.env");
}

#[tokio::test]
async fn a_variable_that_is_needed_and_not_set_is_named() {
    let error = refused("variable", "services:\n  web:\n    image: ${IMAGE:?say which image}\n", &[]).await;
    assert!(error.message.contains("IMAGE") && error.message.contains("say which image"), "{error}");
}

#[tokio::test]
async fn services_that_are_not_there_are_named() {
    let project = format!("services:\n  web:\n    {SERVICE}");
    let scale = Value::map([("wbe", Value::from(2))]);
    let error = refused("no-service", &project, &[("scale", scale)]).await;
    assert_eq!(error.message, "the project has no service `wbe`");
    let error = refused("no-service-2", &project, &[("services", texts(&["wbe"]))]).await;
    assert!(error.message.contains("no such service: wbe"), "{error}");
    let fixed = format!("services:\n  web:\n    {SERVICE}    container_name: fixed\n");
    let error = refused("fixed", &fixed, &[("scale", Value::map([("web", Value::from(2))]))]).await;
    assert!(error.message.contains("fixed `container_name`"), "{error}");
}

#[tokio::test]
async fn words_that_mean_nothing_are_refused_with_those_that_do() {
    let bench = Bench::new("words").await;
    bench.write("compose.yaml", "services: {}");
    let given =
        [("build", Value::from("sometimes")), ("pull", Value::from("often")), ("project_name", Value::from("No Name"))];
    let errors = bench.try_prepare(&given).unwrap_err();
    let attributes: Vec<String> = errors.iter().map(|error| error.attribute.as_ref().unwrap().to_string()).collect();
    assert_eq!(attributes, ["build", "pull", "project_name"]);
}

#[tokio::test]
async fn without_compose_the_error_says_how_to_get_it() {
    let settings = Value::map([("binary", Value::from("no-such-compose"))]);
    let bench = Bench::with_settings("no-compose", settings).await;
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}"));
    let error = bench.try_plan(None, &bench.prepare(&[])).await.unwrap_err();
    assert_eq!(error.message, "there is no program no-such-compose");
    assert!(error.hint.unwrap().contains("docker-compose-plugin"));
}

/// A program in the bench's folder that answers like this.
fn program(bench: &Bench, script: &str) {
    bench.write("tools/docker", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(bench.path("tools/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_docker_without_the_plugin_or_with_an_old_one_is_refused() {
    let settings = Value::map([("binary", Value::from("tools/docker"))]);
    let bench = Bench::with_settings("no-plugin", settings.clone()).await;
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}"));
    program(&bench, "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1");
    let error = bench.try_plan(None, &bench.prepare(&[])).await.unwrap_err();
    assert!(error.message.ends_with("tools/docker has no Compose plugin"), "{error}");

    let bench = Bench::with_settings("old-plugin", settings).await;
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}"));
    program(&bench, "echo 2.17.2");
    let error = bench.try_plan(None, &bench.prepare(&[])).await.unwrap_err();
    assert!(error.message.contains("Docker Compose 2.17.2") && error.message.contains("too old"), "{error}");
}

#[tokio::test]
async fn without_an_engine_nothing_is_taken_for_gone() {
    let bench = Bench::new("engine").await;
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}"));
    let (object, _) = bench.apply(None, &[]).await;
    let settings = Value::map([("host", Value::from(format!("unix://{}", bench.path("no.sock").display())))]);
    let connection = bench.provider.configure(&settings, &bench.place).await.unwrap();
    let mut bench = bench;
    bench.connection = connection;
    assert!(matches!(bench.read(&object).await, Observed::Unreadable { .. }));
    let error = bench.delete(&object).await.error.unwrap();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    let connection = bench.provider.configure(&Value::map::<&str>([]), &bench.place).await.unwrap();
    bench.connection = connection;
    bench.destroy(&object).await;
}

#[tokio::test]
async fn a_build_that_fails_shows_its_last_lines() {
    let bench = Bench::new("build-fails").await;
    bench.write("compose.yaml", "services:\n  app:\n    build: ./app\n");
    bench.write(
        "app/Dockerfile",
        "FROM deployctl-test/busybox:1\nRUN echo compiling the thing; echo it broke; exit 7\n",
    );
    let error = fails(&bench, &[]).await;
    assert!(error.message.starts_with("an image cannot be built"), "{error}");
    let text = format!("{error} {:?}", error.detail);
    assert!(text.contains("exit 7") || text.contains("code: 7"), "{text}");
}

#[tokio::test]
async fn a_service_that_ends_at_once_shows_its_log() {
    let bench = Bench::new("ends").await;
    bench.write(
        "compose.yaml",
        "services:\n  app:\n    image: deployctl-test/busybox:1\n    command: [sh, -c, 'echo no database; exit 3']\n",
    );
    let error = fails(&bench, &[]).await;
    assert!(error.message.contains("the service `app` did not come up"), "{error}");
    assert!(error.message.contains("exited (3)"), "{error}");
    assert!(error.detail.iter().any(|line| line.contains("no database")), "{:?}", error.detail);
}

#[tokio::test]
async fn an_unhealthy_service_shows_its_log() {
    let bench = Bench::new("sick").await;
    bench.write(
        "compose.yaml",
        "services:\n  app:\n    image: deployctl-test/busybox:1\n    stop_signal: SIGKILL\n    command: [sh, -c, 'echo not ready; exec sleep 1000']\n    \
         healthcheck: { test: [CMD, 'false'], interval: 200ms, retries: 1 }\n",
    );
    let error = fails(&bench, &[]).await;
    assert!(error.message.contains("is unhealthy"), "{error}");
    assert!(error.detail.iter().any(|line| line.contains("not ready")), "{:?}", error.detail);
}

#[tokio::test]
async fn a_port_in_use_is_said_with_who_has_it() {
    let bench = Bench::new("port").await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}    ports: ['127.0.0.1:{port}:80']\n"));
    let error = fails(&bench, &[]).await;
    assert_eq!(error.message, format!("the port {port} is in use by a program outside of Docker"));
    drop(listener);
    let holder = format!("{}-holder", bench.name);
    docker(&[
        "run",
        "-d",
        "--rm",
        "--name",
        &holder,
        "-p",
        &format!("127.0.0.1:{port}:80"),
        "deployctl-test/busybox:1",
        "sleep",
        "1000",
    ]);
    let error = fails(&bench, &[]).await;
    docker(&["rm", "-f", &holder]);
    assert_eq!(error.message, format!("the port {port} is in use: the container {holder} has it"));
}

#[tokio::test]
async fn a_network_that_a_container_of_others_is_on_is_told_of_with_its_name() {
    let bench = Bench::new("guest").await;
    bench.write("compose.yaml", &format!("services:\n  web:\n    {SERVICE}"));
    let (object, _) = bench.apply(None, &[]).await;
    let (guest, network) = (format!("{}-guest", bench.name), format!("{}_default", bench.name));
    docker(&["run", "-d", "--name", &guest, "--network", &network, "deployctl-test/busybox:1", "sleep", "1000"]);
    let applied = bench.delete(&object).await;
    docker(&["rm", "-f", &guest]);
    let error = applied.error.unwrap();
    assert!(error.hint.as_ref().unwrap().contains(&format!("not of the project: {guest}")), "{error} {:?}", error.hint);
    bench.destroy(&applied.object.unwrap()).await;
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_named() {
    let bench = Bench::new("no-image").await;
    bench.write("compose.yaml", "services:\n  web:\n    image: 127.0.0.1:9/deployctl-test/none:1\n");
    let error = fails(&bench, &[]).await;
    assert!(error.message.starts_with("an image cannot be pulled"), "{error}");
    assert!(format!("{error} {:?}", error.detail).contains("127.0.0.1:9"), "{error} {:?}", error.detail);
}
