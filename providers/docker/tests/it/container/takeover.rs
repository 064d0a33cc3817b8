//! Taking over what is there: by import, after a crash, and when a state is lost; and looking at what runs.

use std::sync::Mutex;

use deployctl_sdk::{Action, Found, HealthReport, LogRequest, Lost, Object, Operation, Value};
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, IMAGE, TYPE, block, blocks, docker, eventually, inspect, object, texts, with};

#[tokio::test]
async fn an_imported_container_whose_configuration_agrees_is_left_alone() {
    let bench = Bench::new().await;
    let (name, network) = (bench.name("imported"), bench.name("net"));
    docker(&["network", "create", &network]);
    let arguments = [
        "run",
        "--detach",
        "--name",
        &name,
        "--env",
        "A=1",
        "--label",
        "team=shop",
        "--memory",
        "64m",
        "--restart",
        "unless-stopped",
        "--network",
        &network,
        "--network-alias",
        "web",
        "--publish",
        "127.0.0.1::80",
        "--hostname",
        "web",
        "--user",
        "nobody",
        "--workdir",
        "/tmp",
        "--volume",
        "/data",
        "--tmpfs",
        "/run",
        "--cap-add",
        "NET_ADMIN",
        "--ulimit",
        "nofile=100:200",
        "--health-cmd",
        "true",
        "--health-interval",
        "5s",
        "--read-only",
        "--init",
        "--log-opt",
        "max-size=1m",
        "--add-host",
        "db:10.0.0.1",
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "--cpus",
        "0.5",
        IMAGE,
        "sleep",
        "1000",
    ];
    docker(&arguments);
    let config = Value::map([
        ("name", Value::from(name.as_str())),
        ("image", IMAGE.into()),
        ("command", texts(&["sleep", "1000"])),
        ("env", block(&[("A", "1".into())])),
        ("labels", block(&[("team", "shop".into())])),
        ("memory", "64MiB".into()),
        ("restart", "unless-stopped".into()),
        ("network", blocks([block(&[("name", network.as_str().into()), ("aliases", texts(&["web"]))])])),
        ("port", blocks([block(&[("internal", Value::from(80)), ("ip", "127.0.0.1".into())])])),
        ("hostname", "web".into()),
        ("user", "nobody".into()),
        ("working_dir", "/tmp".into()),
        ("volumes", texts(&["/data"])),
        ("tmpfs", block(&[("/run", "".into())])),
        ("cap_add", texts(&["NET_ADMIN"])),
        (
            "ulimit",
            blocks([block(&[("name", "nofile".into()), ("soft", Value::from(100)), ("hard", Value::from(200))])]),
        ),
        ("healthcheck", block(&[("test", texts(&["CMD-SHELL", "true"])), ("interval", "5s".into())])),
        ("read_only", Value::from(true)),
        ("init", Value::from(true)),
        ("log", block(&[("driver", "json-file".into()), ("options", block(&[("max-size", "1m".into())]))])),
        ("extra_hosts", texts(&["db:10.0.0.1"])),
        ("sysctls", block(&[("net.ipv4.ip_forward", "1".into())])),
        ("cpus", Value::Number(deployctl_sdk::Number::from_f64(0.5).unwrap())),
        ("shm_size", "64m".into()),
    ]);
    let mut held = bench.nothing();
    held.object = Some(bench.connection.import(TYPE, &name, &held.mark).await.unwrap());
    bench.settled(&held, &config).await;
    let id = inspect(&name, "{{.Id}}");
    bench.apply(&mut held, &with(&config, &[("restart", "always".into())])).await;
    assert_eq!(inspect(&name, "{{.Id}} {{.HostConfig.RestartPolicy.Name}}"), format!("{id} always"));
    bench.delete(held).await;
    assert_eq!(bench.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_there_or_another_states_is_not_imported() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    let mark = bench.nothing().mark;
    let error = bench.connection.import(TYPE, &bench.name("none"), &mark).await.unwrap_err();
    assert_eq!(error.message, format!("there is no container {} on the engine", bench.name("none")));
    let held = other.make(&other.config("theirs", &[])).await;
    let error = bench.connection.import(TYPE, &other.name("theirs"), &mark).await.unwrap_err();
    assert!(error.message.ends_with("belongs to another deployctl state, as docker_container.it"), "{error}");
    other.delete(held).await;
}

#[tokio::test]
async fn a_lost_record_is_found_again_and_has_nothing_to_do() {
    let bench = Bench::new().await;
    let config = bench.config(
        "lost",
        &[
            ("env", block(&[("A", "1".into()), ("B", Value::from("hidden-thing").into_sensitive())])),
            ("upload", blocks([block(&[("path", "/etc/x".into()), ("content", "x".into())])])),
            ("user", "root".into()),
            ("volumes", texts(&["./here:/there"])),
            ("replicas", Value::from(2)),
        ],
    );
    let mut held = bench.make(&config).await;
    let lost = Lost {
        mark: held.mark.clone(),
        type_name: TYPE.into(),
        operation: Operation::Create,
        identity: None,
        prior: None,
        config: None,
    };
    let found = bench.connection.find(&[lost]).await.unwrap().remove(0);
    let Found::Present { object: found, complete: true } = found else { panic!("{found:?}") };
    assert!(!format!("{found:?}").contains("hidden-thing"));
    held.object = Some(found);
    bench.settled(&held, &config).await;

    let all = bench.connection.find_all(&bench.place).await.unwrap();
    let [(mark, object)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((mark.id, mark.address.to_string()), (held.mark.id, "docker_container.it".to_owned()));
    held.object = Some(object.clone());
    bench.settled(&held, &config).await;
    let planned = bench.plan(&held, &with(&config, &[("user", "nobody".into())])).await;
    assert!(matches!(planned.action, Action::Replace(_)));
    bench.delete(held).await;
    assert_eq!(bench.containers(), Vec::<String>::new());
}

async fn lines(bench: &Bench, object: &Object, tail: Option<usize>) -> Vec<(String, String)> {
    let lines = Mutex::new(Vec::new());
    let request = LogRequest {
        type_name: TYPE,
        object,
        tail,
        follow: false,
        previous: false,
        cancel: CancellationToken::new(),
        sink: &|line| lines.lock().unwrap().push((line.source, line.text)),
    };
    bench.connection.logs(request).await.unwrap();
    lines.into_inner().unwrap()
}

#[tokio::test]
async fn logs_come_line_by_line_with_their_source() {
    let bench = Bench::new().await;
    let command = texts(&["sh", "-c", "echo one; echo two >&2; echo three; exec sleep 1000"]);
    let held = bench.make(&bench.config("logs", &[("command", command.clone())])).await;
    let name = bench.name("logs");
    eventually("its output", || docker(&["logs", &name]).contains("three")).await;
    let mut all = lines(&bench, object(&held), None).await;
    all.sort();
    let expected = [("stderr", "two"), ("stdout", "one"), ("stdout", "three")];
    assert_eq!(all, expected.map(|(source, text)| (source.to_owned(), text.to_owned())));
    bench.delete(held).await;

    let held = bench.make(&bench.config("logs", &[("command", command), ("replicas", Value::from(2))])).await;
    for number in 1..=2 {
        let name = bench.name(&format!("logs-{number}"));
        eventually("its output", || docker(&["logs", &name]).contains("three")).await;
    }
    let all = lines(&bench, object(&held), None).await;
    for number in 1..=2 {
        let name = bench.name(&format!("logs-{number}"));
        assert_eq!(all.iter().filter(|(source, _)| *source == name).count(), 3, "{all:?}");
    }
    bench.delete(held).await;
}

#[tokio::test]
async fn logs_that_are_followed_go_on_until_nobody_listens() {
    let bench = Bench::new().await;
    let command = texts(&["sh", "-c", "while true; do echo tick; sleep 0.1; done"]);
    let held = bench.make(&bench.config("follow", &[("command", command)])).await;
    let (cancel, count) = (CancellationToken::new(), Mutex::new(0));
    let sink = |line: deployctl_sdk::LogLine| {
        assert_eq!(line.text, "tick");
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count == 5 {
            cancel.cancel();
        }
    };
    let request = LogRequest {
        type_name: TYPE,
        object: object(&held),
        tail: Some(0),
        follow: true,
        previous: false,
        cancel: cancel.clone(),
        sink: &sink,
    };
    bench.connection.logs(request).await.unwrap();
    assert!(*count.lock().unwrap() >= 5);
    bench.delete(held).await;
}

#[tokio::test]
async fn health_is_the_engines_own() {
    let bench = Bench::new().await;
    let check = |test: &str| {
        block(&[("test", texts(&["CMD-SHELL", test])), ("interval", "200ms".into()), ("retries", Value::from(1))])
    };
    let held = bench
        .make(&bench.config("health", &[("healthcheck", check("test -f /tmp/well || (echo not well; false)"))]))
        .await;
    let health = || bench.connection.health(TYPE, object(&held));
    let mut report = health().await;
    while matches!(report, HealthReport::Starting { .. }) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        report = health().await;
    }
    let HealthReport::Unhealthy { detail } = report else { panic!("{report:?}") };
    assert_eq!(detail, format!("the health check of {} fails: not well", bench.name("health")));
    docker(&["exec", &bench.name("health"), "touch", "/tmp/well"]);
    while !matches!(health().await, HealthReport::Healthy) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    docker(&["kill", &bench.name("health")]);
    let HealthReport::Unhealthy { detail } = health().await else { panic!("it is dead") };
    assert_eq!(detail, format!("{} ended with code 137", bench.name("health")));
    bench.delete(held).await;
}
