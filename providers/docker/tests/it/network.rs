//! Networks: what is in the way, what is in use, and what the engine chooses itself.

use deployctl_sdk::conformance::Expected;
use deployctl_sdk::{Action, ErrorKind, Observed, ReadRequest, Value};

use crate::bench::{BUSYBOX, Bench, docker, map, with};

const TYPE: &str = "docker_network";

fn config(bench: &Bench, name: &str) -> Value {
    map(&[("name", bench.name(name).into())])
}

#[tokio::test]
async fn many_networks_are_read_with_one_request() {
    let bench = Bench::new(TYPE).await;
    let mut held = Vec::new();
    for index in 0..5 {
        held.push(bench.make(&config(&bench, &format!("many-{index}"))).await);
    }
    bench.proxy.requests();
    let batch: Vec<ReadRequest<'_>> = held
        .iter()
        .map(|held| ReadRequest {
            address: &held.mark.address,
            type_name: TYPE,
            id: held.mark.id,
            recorded: held.object.as_ref().unwrap(),
        })
        .collect();
    let observed = bench.connection.read(&batch).await;
    assert!(observed.iter().all(|observed| matches!(observed, Observed::AsRecorded)), "{observed:?}");
    assert_eq!(bench.proxy.requests(), ["GET /networks"]);
    for held in held {
        bench.delete(held).await;
    }
}

#[tokio::test]
async fn the_engines_choice_of_a_subnet_is_told_and_is_no_change() {
    let bench = Bench::new(TYPE).await;
    let held = bench.make(&config(&bench, "chosen")).await;
    let attributes = &held.object.as_ref().unwrap().attributes;
    assert_eq!(attributes.get("ipam"), None);
    assert_eq!(attributes.get("subnets").and_then(Value::as_list).map(<[Value]>::len), Some(1));
    bench.delete(held).await;
}

#[tokio::test]
async fn a_name_in_use_is_refused_with_the_import_command_and_imported_it_is_settled() {
    let bench = Bench::new(TYPE).await;
    let name = bench.name("theirs");
    docker(&["network", "create", "--subnet", &bench.subnet("0/24"), "--label", "team=shop", &name]);
    let base = with(&config(&bench, "theirs"), &[("labels", map(&[("team", "shop".into())]))]);
    let mut held = bench.nothing();
    let error = bench.try_apply(&mut held, &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOurs);
    assert!(error.hint.unwrap().contains(&format!("deployctl import docker_network.it {name}")));

    held.object = Some(bench.connection.import(TYPE, &name, &held.mark).await.unwrap());
    let given = with(&base, &[("ipam", Value::list([map(&[("subnet", bench.subnet("0/24").into())])]))]);
    for config in [&base, &given] {
        let planned = bench.plan(&held, config).await;
        assert_eq!(planned.action, Action::NoOp, "{:?}", planned.diffs);
    }
    let other = with(&base, &[("internal", true.into())]);
    assert!(matches!(bench.plan(&held, &other).await.action, Action::Replace(_)), "{:?}", Expected::Replace);
    bench.delete(held).await;
    assert_eq!(bench.there("network"), Vec::<String>::new());
}

#[tokio::test]
async fn what_bears_another_states_mark_is_not_imported() {
    let bench = Bench::new(TYPE).await;
    let held = bench.make(&config(&bench, "owned")).await;
    let other = Bench::new(TYPE).await;
    let error = other.connection.import(TYPE, &bench.name("owned"), &other.nothing().mark).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOurs);
    bench.delete(held).await;
}

#[tokio::test]
async fn somebody_elses_container_keeps_a_network_and_our_own_does_not() {
    let bench = Bench::new(TYPE).await;
    let (name, container) = (bench.name("used"), bench.name("holder"));
    let mut held = bench.make(&config(&bench, "used")).await;
    let lineage = format!("deployctl.lineage={}", bench.place.lineage);
    let run = |labels: &[&str]| {
        let fixed = ["run", "--detach", "--name", &container, "--network", &name];
        docker(&[&fixed[..], labels, &[BUSYBOX, "sleep", "1000"]].concat());
    };
    run(&[]);
    let error = bench.hand.delete(&mut held).await.unwrap_err();
    assert!(error.message.contains(&container), "{error}");
    assert!(held.object.is_some(), "the record keeps it");
    docker(&["rm", "--force", &container]);

    let id = format!("deployctl.resource={}", deployctl_sdk::ResourceId::random());
    run(&["--label", &lineage, "--label", &id, "--label", "deployctl.address=docker_container.it"]);
    bench.delete(held).await;
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &container]), "true");
    docker(&["rm", "--force", &container]);
}

#[tokio::test]
async fn a_feature_that_the_engine_is_too_old_for_is_named_with_the_version_it_takes() {
    let bench = Bench::new(TYPE).await;
    let config = with(&config(&bench, "v6only"), &[("ipv4", false.into()), ("ipv6", true.into())]);
    let error = bench.try_apply(&mut bench.nothing(), &config).await.unwrap_err();
    assert!(error.message.contains("too old") && error.message.contains("1.48"), "{error}");
    assert_eq!(error.attribute.unwrap().to_string(), "ipv4");
}

#[tokio::test]
async fn names_and_labels_that_cannot_be_are_refused_beforehand() {
    let bench = Bench::new(TYPE).await;
    let complaint = bench.complaint(&map(&[("name", "bridge".into())]));
    assert!(complaint.message.contains("every engine has"), "{complaint}");
    bench.complaint(&map(&[("name", "a b".into())]));
    let labels = map(&[("deployctl.lineage", "x".into())]);
    bench.complaint(&map(&[("name", "a".into()), ("labels", labels)]));
}
