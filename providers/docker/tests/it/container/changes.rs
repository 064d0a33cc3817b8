//! Edits of a configuration: what is changed in place, what takes a new container, and what is no change at all.

use deployctl_sdk::conformance::Held;
use deployctl_sdk::{Action, Reason, Value};

use super::bench::{Bench, attribute, block, blocks, docker, inspect, texts, with};

fn id(held: &Held) -> String {
    attribute(held, "id").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_the_engine_can_change_is_changed_where_the_container_stands() {
    let bench = Bench::new().await;
    let networks = ["front", "back"].map(|name| bench.name(name));
    networks.iter().for_each(|name| drop(docker(&["network", "create", name])));
    let in_network = |name: &str, alias: &str| block(&[("name", name.into()), ("aliases", texts(&[alias]))]);
    let base = bench.config("edited", &[("memory", "64m".into()), ("cpu_shares", Value::from(512))]);
    let mut held = bench.make(&base).await;
    let first = id(&held);
    let edits: &[&[(&str, Value)]] = &[
        &[("memory", "96MiB".into())],
        &[("memory", "48MiB".into()), ("memory_swap", "64MiB".into())],
        &[("cpu_shares", Value::from(256)), ("pids_limit", Value::from(64))],
        &[("restart", "unless-stopped".into())],
        &[("restart", "on-failure:3".into())],
        &[("name", bench.name("renamed").into())],
        &[("network", blocks([in_network(&networks[0], "web")]))],
        &[("network", blocks([in_network(&networks[1], "web"), in_network(&networks[0], "www")]))],
        &[("network", blocks([in_network(&networks[1], "web")]))],
        &[],
    ];
    for edit in edits {
        let config = with(&base, edit);
        let planned = bench.apply(&mut held, &config).await;
        assert_eq!((planned.action, planned.reason), (Action::Update, Reason::Changed), "{edit:?}");
        assert_eq!(id(&held), first, "it is the same container after {edit:?}");
    }
    assert_eq!(inspect(&first, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}"), "67108864 134217728");
    assert_eq!(inspect(&first, "{{.HostConfig.CpuShares}} {{.HostConfig.RestartPolicy.Name}}"), "512 no");
    assert_eq!(inspect(&first, "{{.Name}} {{len .NetworkSettings.Networks}}"), format!("/{} 1", bench.name("edited")));
    bench.delete(held).await;
}

#[tokio::test]
async fn what_it_cannot_change_takes_a_new_container_and_the_plan_says_why() {
    let bench = Bench::new().await;
    let base = bench.config("edited", &[("memory", "64m".into())]);
    let mut held = bench.make(&base).await;
    for (name, value) in [
        ("env", block(&[("A", "1".into())])),
        ("command", texts(&["sleep", "2000"])),
        ("user", "nobody".into()),
        ("hostname", "elsewhere".into()),
        ("labels", block(&[("team", "shop".into())])),
        ("healthcheck", block(&[("test", texts(&["CMD", "true"]))])),
        ("memory", Value::Null),
    ] {
        let before = id(&held);
        let config = with(&base, &[(name, value)]);
        let planned = bench.plan(&held, &config).await;
        let Reason::CannotUpdate { attributes } = &planned.reason else { panic!("{name}: {:?}", planned.reason) };
        assert!(
            attributes.iter().all(|path| path.attribute() == Some(name)),
            "{attributes:?} force it, and not {name}"
        );
        bench.apply(&mut held, &config).await;
        assert_ne!(id(&held), before, "it is a new container with {name}");
        bench.apply(&mut held, &base).await;
    }
    bench.delete(held).await;
}

#[tokio::test]
async fn two_spellings_of_one_thing_are_no_change() {
    let bench = Bench::new().await;
    let spelled = |memory: &str, period: &str, capability: &str, restart: &str| {
        let check = block(&[("test", texts(&["CMD", "true"])), ("interval", period.into())]);
        bench.config(
            "spelled",
            &[
                ("memory", memory.into()),
                ("healthcheck", check),
                ("cap_add", texts(&[capability])),
                ("restart", restart.into()),
            ],
        )
    };
    let held = bench.make(&spelled("64m", "90s", "CAP_NET_ADMIN", "on-failure:0")).await;
    bench.settled(&held, &spelled("65536k", "1m30s", "net_admin", "on-failure")).await;
    bench.delete(held).await;
}

#[tokio::test]
async fn what_image_and_engine_fill_in_is_no_change() {
    let bench = Bench::new().await;
    let image = bench.name("filled");
    let dockerfile = format!(
        "FROM {}\nUSER nobody\nWORKDIR /tmp\nENV FROM_IMAGE=1\nLABEL of=image\nEXPOSE 80\nVOLUME /data\nSTOPSIGNAL SIGINT\n\
         HEALTHCHECK CMD true\nENTRYPOINT [\"sleep\"]\nCMD [\"1000\"]\n",
        super::bench::IMAGE
    );
    deployctl_sdk::fs::write_atomic(&bench.folder.path().join("Dockerfile"), dockerfile.as_bytes(), 0o644).unwrap();
    docker(&["build", "--quiet", "--tag", &image, bench.folder.path().to_str().unwrap()]);
    let config = Value::map([("image", Value::from(image.as_str())), ("stop_timeout", Value::from(0))]);
    let mut held = bench.make(&config).await;
    let name = attribute(&held, "name").as_str().unwrap().to_owned();
    assert!(name.starts_with("it-"), "{name} is made from the address");
    let planned = bench
        .plan(&held, &with(&config, &[("image", super::bench::IMAGE.into()), ("command", texts(&["sleep", "9"]))]))
        .await;
    let risks: Vec<&str> = planned.risks.iter().map(|risk| risk.text.as_str()).collect();
    assert_eq!(risks, ["what its volumes without a name hold is lost: /data"]);
    // An explicit value that is the image's own changes nothing real, but the configuration did say it.
    bench.apply(&mut held, &with(&config, &[("memory", "64m".into())])).await;
    bench.delete(held).await;
    docker(&["rmi", &image]);
}

#[tokio::test]
async fn replicas_come_and_go_and_are_shown_one_by_one() {
    let bench = Bench::new().await;
    let network = bench.name("net");
    docker(&["network", "create", &network]);
    let scaled = |count: Option<i64>| {
        let attached = blocks([block(&[("name", network.as_str().into())])]);
        bench.config("many", &[("replicas", count.map_or(Value::Null, Value::from)), ("network", attached)])
    };
    let mut held = bench.make(&scaled(None)).await;
    let first = id(&held);
    let planned = bench.apply(&mut held, &scaled(Some(3))).await;
    let shown: Vec<(String, Action)> =
        planned.children.iter().map(|child| (child.name.clone(), child.action)).collect();
    let named = |number: u32| bench.name(&format!("many-{number}"));
    assert_eq!(shown, [(named(2), Action::Create), (named(3), Action::Create)]);
    assert_eq!(id(&held), first);
    let mut names = bench.containers();
    names.sort();
    assert_eq!(names, [named(1), named(2), named(3)]);
    let base = bench.name("many");
    let found = docker(&["exec", &first, "nslookup", &base]);
    let ids = attribute(&held, "addresses").get(&network).and_then(Value::as_list).unwrap().to_vec();
    assert_eq!(ids.len(), 3);
    for address in ids {
        assert!(found.contains(address.as_str().unwrap()), "{base} leads to all replicas: {found}");
    }
    let planned = bench.apply(&mut held, &scaled(Some(1))).await;
    let gone = planned.children.iter().filter(|child| child.action == Action::Delete).count();
    assert_eq!((gone, bench.containers()), (2, vec![named(1)]));
    bench.apply(&mut held, &scaled(None)).await;
    assert_eq!((id(&held), bench.containers()), (first, vec![base]));
    bench.delete(held).await;
}
