//! Volumes: nothing in them is lost that nobody asked to lose.

use deployctl_sdk::{Action, ErrorKind, Observed, ReadRequest, RiskKind, Value};

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
    let risk = planned.risks.iter().find(|risk| risk.kind == RiskKind::Protected).unwrap();
    assert!(risk.text.contains("delete_data"), "{risk:?}");
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

#[tokio::test]
async fn a_volume_that_was_left_is_taken_up_again_with_its_data() {
    let bench = Bench::new(TYPE).await;
    let held = bench.make(&config(&bench, "kept")).await;
    let removal = bench.provider.removal(TYPE, held.object.as_ref().unwrap());
    assert!(removal.forgets && removal.notes[0].0.contains("stays with what is in it"), "{removal:?}");

    // Another record of the same state, as after a destroy and an apply.
    let mut again = bench.make(&config(&bench, "kept")).await;
    assert_ne!(again.mark.id, held.mark.id);
    let asked = with(&config(&bench, "kept"), &[("delete_data", true.into())]);
    bench.apply(&mut again, &asked).await;
    assert!(!bench.provider.removal(TYPE, again.object.as_ref().unwrap()).forgets);

    // Another state does not get it.
    let other = Bench::new(TYPE).await;
    let error = other.try_apply(&mut other.nothing(), &asked).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOurs);
    bench.delete(again).await;
    assert_eq!(bench.there("volume"), Vec::<String>::new());
}
