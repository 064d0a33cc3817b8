//! What somebody changes on a container behind our back, one test for each way: it is seen, shown, and put back.

use deployctl_sdk::conformance::Held;
use deployctl_sdk::{Action, Reason, Value};

use super::bench::{Bench, attribute, block, blocks, docker, eventually, inspect, texts, with};

/// Meddles with a container of that configuration, and expects it to be put back in place.
async fn put_back(given: &[(&str, Value)], drifted: &str, meddle: impl Fn(&Bench, &str)) -> (Bench, Held) {
    let bench = Bench::new().await;
    let config = bench.config("drift", given);
    let mut held = bench.make(&config).await;
    let id = attribute(&held, "id").as_str().unwrap().to_owned();
    meddle(&bench, &id);
    let planned = bench.plan(&held, &config).await;
    assert_eq!(planned.action, Action::Update, "{:?}", planned.diffs);
    assert_eq!(planned.reason, Reason::Drifted);
    let at: Vec<&str> = planned.drift.iter().filter_map(|diff| diff.path.attribute()).collect();
    assert_eq!(at, [drifted]);
    bench.apply(&mut held, &config).await;
    assert_eq!(attribute(&held, "id").as_str(), Some(&*id), "it is the same container");
    (bench, held)
}

#[tokio::test]
async fn a_container_that_was_stopped_is_started_again() {
    let (bench, held) = put_back(&[], "status", |_, id| {
        docker(&["stop", "--time", "0", id]);
    })
    .await;
    assert_eq!(inspect(&bench.name("drift"), "{{.State.Status}}"), "running");
    bench.delete(held).await;
}

#[tokio::test]
async fn a_container_that_ended_by_itself_is_started_again() {
    let (bench, held) = put_back(&[], "status", |_, id| {
        docker(&["kill", "--signal", "KILL", id]);
    })
    .await;
    bench.delete(held).await;
}

#[tokio::test]
async fn a_container_that_was_paused_goes_on() {
    let (bench, held) = put_back(&[], "status", |_, id| {
        docker(&["pause", id]);
    })
    .await;
    bench.delete(held).await;
}

#[tokio::test]
async fn a_container_that_was_renamed_gets_its_name_back() {
    let (bench, held) = put_back(&[], "name", |bench, id| {
        docker(&["rename", id, &bench.name("elsewhere")]);
    })
    .await;
    assert_eq!(bench.containers(), [bench.name("drift")]);
    bench.delete(held).await;
}

#[tokio::test]
async fn memory_that_was_changed_is_put_back() {
    let (bench, held) = put_back(&[("memory", "64m".into())], "memory", |_, id| {
        docker(&["update", "--memory", "96m", "--memory-swap", "192m", id]);
    })
    .await;
    assert_eq!(inspect(&bench.name("drift"), "{{.HostConfig.Memory}}"), (64 << 20).to_string());
    bench.delete(held).await;
}

#[tokio::test]
async fn processors_that_were_changed_are_put_back() {
    let (bench, held) = put_back(&[("cpu_shares", Value::from(512))], "cpu_shares", |_, id| {
        docker(&["update", "--cpu-shares", "256", id]);
    })
    .await;
    assert_eq!(inspect(&bench.name("drift"), "{{.HostConfig.CpuShares}}"), "512");
    bench.delete(held).await;
}

#[tokio::test]
async fn a_limit_of_processes_that_was_changed_is_put_back() {
    let (bench, held) = put_back(&[("pids_limit", Value::from(50))], "pids_limit", |_, id| {
        docker(&["update", "--pids-limit", "60", id]);
    })
    .await;
    bench.delete(held).await;
}

#[tokio::test]
async fn a_restart_policy_that_was_changed_is_put_back() {
    let (bench, held) = put_back(&[], "restart", |_, id| {
        docker(&["update", "--restart", "always", id]);
    })
    .await;
    assert_eq!(inspect(&bench.name("drift"), "{{.HostConfig.RestartPolicy.Name}}"), "no");
    bench.delete(held).await;
}

#[tokio::test]
async fn a_network_that_it_was_detached_from_is_attached_again() {
    let networks = Bench::new().await;
    let (one, other) = (networks.name("one"), networks.name("other"));
    docker(&["network", "create", &one]);
    docker(&["network", "create", &other]);
    let attached = |name: &str| block(&[("name", name.into()), ("aliases", texts(&["web"]))]);
    let given = [("network", blocks([attached(&other), attached(&one)]))];
    let (bench, held) = put_back(&given, "network", |_, id| {
        docker(&["network", "disconnect", &one, id]);
    })
    .await;
    bench.delete(held).await;
    let (bench, held) = put_back(&given, "network", |_, id| {
        docker(&["network", "disconnect", &one, id]);
        docker(&["network", "connect", "--alias", "other-name", &one, id]);
    })
    .await;
    bench.delete(held).await;
    let (bench, held) = put_back(&given, "network", |_, id| {
        docker(&["network", "connect", "bridge", id]);
    })
    .await;
    bench.delete(held).await;
}

#[tokio::test]
async fn a_container_that_was_removed_is_made_again() {
    let bench = Bench::new().await;
    let config = bench.config("drift", &[]);
    let mut held = bench.make(&config).await;
    docker(&["rm", "--force", &bench.name("drift")]);
    let planned = bench.apply(&mut held, &config).await;
    assert_eq!((planned.action, planned.reason), (Action::Create, Reason::Missing));
    bench.delete(held).await;
}

#[tokio::test]
async fn a_replica_that_was_removed_is_made_again_and_the_others_stay() {
    let bench = Bench::new().await;
    let config = bench.config("drift", &[("replicas", Value::from(3))]);
    let mut held = bench.make(&config).await;
    let ids = |held: &Held| -> Vec<String> {
        attribute(held, "ids").as_list().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let before = ids(&held);
    docker(&["rm", "--force", &bench.name("drift-2")]);
    let planned = bench.apply(&mut held, &config).await;
    assert_eq!((planned.action, planned.reason), (Action::Update, Reason::Drifted));
    let after = ids(&held);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!(bench.containers().len(), 3);
    bench.delete(held).await;
}

#[tokio::test]
async fn what_the_configuration_leaves_to_the_engine_is_no_drift() {
    let networks = Bench::new().await;
    let other = networks.name("other");
    docker(&["network", "create", &other]);
    let bench = Bench::new().await;
    let config = bench.config("drift", &[]);
    let held = bench.make(&config).await;
    docker(&["network", "connect", &other, &bench.name("drift")]);
    docker(&["restart", "--time", "0", &bench.name("drift")]);
    bench.settled(&held, &config).await;
    bench.delete(held).await;
}

/// The engine can give a limit to what runs, and take most of them away only with the container.
#[tokio::test]
async fn a_limit_that_nobody_configured_is_drift_and_goes_with_the_container() {
    let bench = Bench::new().await;
    let config = bench.config("drift", &[]);
    let mut held = bench.make(&config).await;
    docker(&["update", "--memory", "96m", "--memory-swap", "192m", "--cpu-shares", "256", &bench.name("drift")]);
    let planned = bench.plan(&held, &config).await;
    let at: std::collections::BTreeSet<&str> = planned.drift.iter().filter_map(|diff| diff.path.attribute()).collect();
    assert_eq!(at.into_iter().collect::<Vec<_>>(), ["cpu_shares", "memory"], "the swap follows from the memory");
    assert!(matches!(planned.action, Action::Replace(_)), "{:?}", planned.action);
    let Reason::CannotUpdate { attributes } = planned.reason else { panic!("{:?}", planned.reason) };
    let forced: std::collections::BTreeSet<&str> = attributes.iter().filter_map(|path| path.attribute()).collect();
    assert_eq!(forced.into_iter().collect::<Vec<_>>(), ["cpu_shares", "memory"]);
    bench.apply(&mut held, &config).await;
    assert_eq!(inspect(&bench.name("drift"), "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}}"), "0 0");
    bench.delete(held).await;
}

#[tokio::test]
async fn a_limit_of_processes_that_nobody_configured_is_taken_away() {
    let (bench, held) = put_back(&[], "pids_limit", |_, id| {
        docker(&["update", "--pids-limit", "60", id]);
    })
    .await;
    bench.delete(held).await;
}

#[tokio::test]
async fn one_that_does_its_work_and_ends_is_no_drift_unless_it_must_run() {
    let bench = Bench::new().await;
    let config = bench.config("job", &[("command", texts(&["true"])), ("must_run", Value::from(false))]);
    let mut held = bench.make(&config).await;
    eventually("its end", || inspect(&bench.name("job"), "{{.State.Status}}") == "exited").await;
    bench.settled(&held, &config).await;
    let again = with(&config, &[("must_run", Value::from(true)), ("command", texts(&["sleep", "1000"]))]);
    bench.apply(&mut held, &again).await;
    bench.delete(held).await;
}
