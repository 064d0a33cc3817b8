//! Volumes: nothing in them is lost that nobody asked to lose.

use deployctl_sdk::{Action, ErrorKind, Observed, ReadRequest, Value};

use crate::bench::{BUSYBOX, Bench, docker, map, with};

const TYPE: &str = "docker_volume";

fn config(bench: &Bench, name: &str) -> Value {
    map(&[("name", bench.name(name).into())])
}

#[tokio::test]
async fn a_volume_is_removed_only_after_its_removal_was_asked_for() {
    let bench = Bench::new(TYPE).await;
    let base = config(&bench, "data");
    let mut held = bench.make(&base).await;
    let mount = format!("{}:/data", bench.name("data"));
    docker(&["run", "--rm", "--volume", &mount, BUSYBOX, "sh", "-c", "echo precious > /data/file"]);

    let error = bench.hand.delete(&mut held).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.hint.unwrap().contains("delete_data = true"));
    let read = docker(&["run", "--rm", "--volume", &mount, BUSYBOX, "sh", "-c", "cat /data/file"]);
    assert_eq!(read, "precious");

    // Neither does a replacement take it away.
    let other = with(&base, &[("labels", map(&[("a", "b".into())]))]);
    let planned = bench.plan(&held, &other).await;
    assert!(matches!(planned.action, Action::Replace(_)));
    assert!(planned.notes[0].0.contains("delete_data"), "{:?}", planned.notes);
    bench.try_apply(&mut held, &other).await.unwrap_err();

    let asked = with(&base, &[("delete_data", true.into())]);
    assert_eq!(bench.apply(&mut held, &asked).await.action, Action::Update);
    bench.delete(held).await;
    assert_eq!(bench.there("volume"), Vec::<String>::new());
}

#[tokio::test]
async fn many_volumes_are_read_with_one_request() {
    let bench = Bench::new(TYPE).await;
    let mut held = Vec::new();
    for index in 0..5 {
        let config = with(&config(&bench, &format!("many-{index}")), &[("delete_data", true.into())]);
        held.push(bench.make(&config).await);
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
    assert_eq!(bench.proxy.requests(), ["GET /volumes"]);
    for held in held {
        bench.delete(held).await;
    }
}

#[tokio::test]
async fn a_name_in_use_is_refused_and_imported_it_is_settled() {
    let bench = Bench::new(TYPE).await;
    let name = bench.name("theirs");
    docker(&["volume", "create", &name]);
    let base = with(&config(&bench, "theirs"), &[("delete_data", true.into())]);
    let mut held = bench.nothing();
    let error = bench.try_apply(&mut held, &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOurs);
    assert!(error.hint.unwrap().contains(&format!("deployctl import docker_volume.it {name}")));
    held.object = Some(bench.connection.import(TYPE, &name, &held.mark).await.unwrap());
    assert_eq!(bench.plan(&held, &config(&bench, "theirs")).await.action, Action::NoOp);
    bench.apply(&mut held, &base).await;
    bench.delete(held).await;
    assert_eq!(bench.there("volume"), Vec::<String>::new());
}
