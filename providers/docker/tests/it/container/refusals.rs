//! What cannot be done is refused with what is wrong, where, and what to do next; nothing is left behind.

use deployctl_sdk::conformance::Held;
use deployctl_sdk::{ErrorKind, ProviderError, Value};

use super::bench::{Bench, IMAGE, block, blocks, docker, free_port, texts};

async fn refused(bench: &Bench, config: &Value) -> (Held, ProviderError) {
    let mut held = bench.nothing();
    let error = bench.try_apply(&mut held, config, false).await.expect_err("it is refused");
    (held, error)
}

fn published(port: u16) -> Value {
    let members =
        [("internal", Value::from(80)), ("external", Value::from(i64::from(port))), ("ip", "127.0.0.1".into())];
    blocks([block(&members)])
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named_with_what_to_do() {
    let bench = Bench::new().await;
    let (held, error) = refused(&bench, &bench.config("none", &[("image", "nobody/has:this".into())])).await;
    assert_eq!(error.message, "there is no image nobody/has:this on the engine");
    assert_eq!(error.attribute.unwrap().to_string(), "image");
    assert!(error.hint.unwrap().contains("docker_image"));
    assert_eq!((held.object, bench.containers()), (None, vec![]));
}

#[tokio::test]
async fn a_network_that_is_not_there_is_named_with_what_to_do() {
    let bench = Bench::new().await;
    let attached = blocks([block(&[("name", "nobody-made-this".into())])]);
    let (_, error) = refused(&bench, &bench.config("none", &[("network", attached)])).await;
    assert_eq!(error.message, "there is no network nobody-made-this on the engine");
    assert_eq!(error.attribute.unwrap().to_string(), "network[0].name");
    assert_eq!(bench.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_in_use_by_something_else_is_refused_with_the_command_to_import_it() {
    let bench = Bench::new().await;
    let name = bench.name("taken");
    docker(&["run", "--detach", "--name", &name, IMAGE, "sleep", "1000"]);
    let (held, error) = refused(&bench, &bench.config("taken", &[])).await;
    assert_eq!(error.kind, ErrorKind::NotOurs);
    assert_eq!(
        error.message,
        format!("the name {name} is in use by a container of something that deployctl did not make")
    );
    let command = format!("to manage it from now on: deployctl import 'docker_container.it' '{name}'");
    assert_eq!(error.hint, Some(command));
    assert_eq!((held.object, bench.containers()), (None, vec![name]));
}

#[tokio::test]
async fn a_name_that_another_state_has_is_refused() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    let theirs = other.config("theirs", &[("name", bench.name("taken").into())]);
    let held = other.make(&theirs).await;
    let (_, error) = refused(&bench, &bench.config("taken", &[])).await;
    assert_eq!(error.kind, ErrorKind::NotOurs);
    assert!(error.message.ends_with("in use by a container of another deployctl state"), "{error}");
    other.delete(held).await;
}

#[tokio::test]
async fn a_port_in_use_by_a_process_is_refused_with_its_pid() {
    let bench = Bench::new().await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let (held, error) = refused(&bench, &bench.config("port", &[("port", published(port))])).await;
    assert_eq!(error.kind, ErrorKind::NotOurs);
    let holder = format!("port {port} is held by pid {} (", std::process::id());
    assert!(error.message.starts_with(&holder), "{error}");
    assert_eq!(error.attribute.unwrap().to_string(), "port[0].external");
    assert_eq!((held.object, bench.containers()), (None, vec![]));
}

#[tokio::test]
async fn a_port_in_use_by_a_container_is_refused_with_its_name_and_address() {
    let bench = Bench::new().await;
    let port = free_port();
    let first = bench.make(&bench.config("first", &[("port", published(port))])).await;
    let (_, error) = refused(&bench, &bench.config("second", &[("port", published(port))])).await;
    let name = bench.name("first");
    assert_eq!(error.message, format!("port {port} is held by container {name}, which is docker_container.it"));
    assert_eq!(bench.containers(), [name]);
    bench.delete(first).await;
    let name = bench.name("foreign");
    docker(&["run", "--detach", "--name", &name, "--publish", &format!("127.0.0.1:{port}:80"), IMAGE, "sleep", "1000"]);
    let (_, error) = refused(&bench, &bench.config("second", &[("port", published(port))])).await;
    assert_eq!(error.message, format!("port {port} is held by container {name}, which deployctl did not make"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_refused_and_nothing_is_left() {
    let bench = Bench::new().await;
    let (held, error) = refused(&bench, &bench.config("none", &[("command", texts(&["/no/such/program"]))])).await;
    assert!(error.message.contains("cannot be started"), "{error}");
    assert!(error.message.contains("/no/such/program"), "{error}");
    assert_eq!((held.object, bench.containers()), (None, vec![]));
}

#[tokio::test]
async fn an_engine_that_is_too_old_for_something_says_so() {
    let bench = Bench::new().await;
    let version = docker(&["version", "--format", "{{.Server.APIVersion}}"]);
    let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    let config = bench.config("old", &[("annotations", block(&[("a", "1".into())]))]);
    if minor >= 43 {
        let held = bench.make(&config).await;
        bench.delete(held).await;
        return;
    }
    let (held, error) = refused(&bench, &config).await;
    assert!(error.message.contains("is too old for `annotations`: it speaks version 1."), "{error}");
    assert_eq!((held.object, bench.containers()), (None, vec![]));
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_asked_of_the_engine() {
    let bench = Bench::new().await;
    let port = |members: &[(&str, Value)]| blocks([block(members)]);
    let cases: &[(&[(&str, Value)], &str)] = &[
        (&[("name", "no spaces".into())], "name: \"no spaces\" cannot be the name of a container"),
        (&[("memory", "lots".into())], "memory: \"lots\" is not an amount of memory"),
        (&[("memory_swap", "1g".into())], "memory_swap: `memory_swap` is nothing without `memory`"),
        (&[("restart", "sometimes".into())], "restart: \"sometimes\" is not a restart policy"),
        (&[("cpus", Value::from(1)), ("cpu_quota", Value::from(5000))], "cpus: `cpus` is a short way to say"),
        (&[("port", port(&[("internal", Value::from(70_000))]))], "port[0].internal: a port's number is between"),
        (
            &[("port", port(&[("internal", Value::from(80)), ("range", "9-1".into())]))],
            "port[0].range: \"9-1\" is not a range",
        ),
        (&[("replicas", Value::from(0))], "replicas: `replicas` must be from 1 to 256"),
        (
            &[
                ("replicas", Value::from(2)),
                ("port", port(&[("internal", Value::from(80)), ("external", Value::from(80))])),
            ],
            "port[0].external: 2 replicas cannot share port 80",
        ),
        (
            &[("env", block(&[("A=B", "1".into())]))],
            "env[\"A=B\"]: \"A=B\" cannot be the name of an environment variable",
        ),
        (
            &[("labels", block(&[("deployctl.x", "1".into())]))],
            "labels[\"deployctl.x\"]: labels that begin with `deployctl.`",
        ),
        (
            &[("network_mode", "host".into()), ("port", port(&[("internal", Value::from(80))]))],
            "port: a container without a network of its own cannot publish ports",
        ),
        (&[("gpus", "some".into())], "gpus: \"some\" is not a choice of processors"),
        (
            &[("mount", port(&[("target", "/a".into()), ("type", "disk".into())]))],
            "mount[0].type: \"disk\" is not a type",
        ),
        (
            &[("mount", port(&[("target", "/a".into()), ("read_only", true.into())]))],
            "mount[0].read_only: a volume without a name is empty",
        ),
        (
            &[("mount", port(&[("target", "/a".into()), ("type", "bind".into())]))],
            "mount[0]: a mount of the machine's own files takes a `source`",
        ),
        (
            &[("upload", port(&[("path", "etc/x".into()), ("content", "".into())]))],
            "upload[0].path: \"etc/x\" is not an absolute",
        ),
        (&[("upload", port(&[("path", "/etc/x".into())]))], "upload[0]: an upload needs one of"),
        (&[("upload", port(&[("path", "/x".into()), ("source", "none.txt".into())]))], "upload[0].source: none.txt: "),
        (
            &[("healthcheck", block(&[("interval", "often".into())]))],
            "healthcheck.interval: \"often\" is not a length of time",
        ),
        (&[("stop_timeout", Value::from(-1))], "stop_timeout: `stop_timeout` cannot be negative"),
    ];
    for (given, expected) in cases {
        let errors = bench.prepare(&bench.nothing(), &bench.config("bad", given)).expect_err(expected);
        let said: Vec<String> =
            errors.iter().map(|error| format!("{}: {error}", error.attribute.clone().unwrap_or_default())).collect();
        assert!(said.iter().any(|text| text.starts_with(expected)), "{said:?} and not {expected}");
    }
}
