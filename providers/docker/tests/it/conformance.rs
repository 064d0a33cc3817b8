//! Images, networks and volumes through the laws of the contract, against the real engine.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Lineage, Object, Place, Provider, ProviderError, ResourceId, Value};

use crate::bench::{Bench, REGISTRY, docker, map, try_docker, with};
use crate::proxy::Mode;

struct Engine {
    bench: Bench,
    cases: fn(&Bench) -> Vec<Case>,
}

fn network_cases(bench: &Bench) -> Vec<Case> {
    let name = bench.name("net");
    let base = map(&[("name", name.clone().into()), ("labels", map(&[("team", "shop".into())]))]);
    let range = |gateway: Option<String>| {
        let gateway = gateway.map_or(Value::Null, Value::from);
        Value::list([map(&[("subnet", bench.subnet("0/24").into()), ("gateway", gateway)])])
    };
    vec![
        Case::new("docker_network", base.clone())
            .then(with(&base, &[("driver", "bridge".into())]), Expected::Nothing)
            .then(with(&base, &[("internal", true.into())]), Expected::Replace)
            .then(with(&base, &[("ipam", range(None))]), Expected::Replace)
            .then(with(&base, &[("ipam", range(Some(bench.subnet("9"))))]), Expected::Replace)
            .then(base.clone(), Expected::Replace)
            .sample("name", [Value::from(name), bench.name("other").into()])
            .sample("driver", [Value::from("bridge")])
            .sample("options", [map(&[("com.docker.network.bridge.enable_icc", "false".into())]), map(&[])])
            .sample("ipam_driver", [Value::from("default")])
            .sample("ipv4", [Value::from(true)])
            .leave("ipv6")
            .leave("ipam")
            .leave("ipam_options"),
    ]
}

fn volume_cases(bench: &Bench) -> Vec<Case> {
    let name = bench.name("vol");
    let base = map(&[("name", name.clone().into()), ("delete_data", true.into())]);
    let size = |size: &str| {
        map(&[("type", "tmpfs".into()), ("device", "tmpfs".into()), ("o", Value::from(size).into_sensitive())])
    };
    vec![
        Case::new("docker_volume", base.clone())
            .then(with(&base, &[("labels", map(&[("team", "shop".into())]))]), Expected::Replace)
            .then(with(&base, &[("driver_opts", size("size=1000000"))]), Expected::Replace)
            .then(with(&base, &[("driver_opts", size("size=2000000")), ("driver", "local".into())]), Expected::Replace)
            .then(base.clone(), Expected::Replace)
            .sample("name", [Value::from(name), bench.name("other").into()])
            .sample("driver", [Value::from("local")])
            .sample("driver_opts", [size("size=3000000"), size("size=4000000"), map(&[])])
            .leave("delete_data"),
    ]
}

fn image_cases(bench: &Bench) -> Vec<Case> {
    let dockerfile = |label: &str| {
        format!("FROM scratch AS one\nARG A\nLABEL a=$A kind={label}\nCOPY text /\nFROM one AS two\nLABEL stage=two\n")
    };
    for context in ["one", "two"] {
        bench.write(&format!("{context}/Dockerfile"), &dockerfile("plain"));
        bench.write(&format!("{context}/Other"), &dockerfile("other"));
        bench.write(&format!("{context}/text"), context);
    }
    let name = bench.name("image");
    let build = map(&[("context", "one".into()), ("args", map(&[("A", "1".into())]))]);
    let base = map(&[("name", format!("{name}:1").into()), ("build", build.clone())]);
    let built = |more: &[(&str, Value)]| with(&base, &[("build", with(&build, more))]);
    let secret = |text: &str| map(&[("A", "1".into()), ("TOKEN", Value::from(text).into_sensitive())]);
    let pulled = map(&[("name", format!("{name}-pulled").into()), ("pull", format!("{REGISTRY}/engines/bb:1").into())]);
    vec![
        Case::new("docker_image", base.clone())
            .then(built(&[("args", map(&[("A", "2".into())]))]), Expected::Update)
            .then(built(&[("context", "two".into())]), Expected::Update)
            .then(built(&[("context", "two".into()), ("dockerfile", "Dockerfile".into())]), Expected::Nothing)
            .then(with(&base, &[("name", format!("{name}:2").into())]), Expected::Update)
            .sample("name", [format!("{name}:1"), format!("{name}:2"), format!("{name}-other")].map(Value::from))
            .sample("build.context", ["one", "two"].map(Value::from))
            .sample("build.dockerfile", ["Dockerfile", "Other"].map(Value::from))
            .sample("build.target", ["one", "two"].map(Value::from))
            .sample("build.args", [map(&[("A", "3".into())]), map(&[("A", "4".into())]), map(&[])])
            .sample("build.labels", [map(&[("l", "1".into())]), map(&[("l", "ü \"2\"".into())])])
            .sample("platform", ["linux/amd64"].map(Value::from))
            .leave("pull")
            .leave("push"),
        Case::new("docker_image", built(&[("args", secret("planted-token"))]))
            .named("docker_image, sensitive")
            .then(built(&[("args", secret("planted-second"))]), Expected::Update)
            .leave("name")
            .leave("build")
            .leave("platform")
            .leave("pull")
            .leave("push"),
        Case::new("docker_image", pulled.clone())
            .named("docker_image, pulled")
            .then(with(&pulled, &[("name", format!("{name}-again").into())]), Expected::Update)
            .sample("name", [format!("{name}-pulled"), format!("{name}-again")].map(Value::from))
            .leave("platform")
            .leave("build")
            .leave("pull")
            .sample("push", [Value::from(false)]),
    ]
}

impl Engine {
    async fn new(type_name: &'static str, cases: fn(&Bench) -> Vec<Case>) -> Self {
        Self { bench: Bench::new(type_name).await, cases }
    }

    fn name_of(case: &Case) -> String {
        case.config.get("name").and_then(Value::as_str).unwrap().to_owned()
    }

    /// Makes a network or volume of the case's name with these labels.
    fn make(case: &Case, labels: &[String], more: &[&str]) -> bool {
        let kind = match &*case.type_name {
            "docker_network" => "network",
            "docker_volume" => "volume",
            _ => return false,
        };
        let name = Self::name_of(case);
        try_docker(&[kind, "rm", &name]);
        let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
        docker(&[&[kind, "create"][..], &labels, more, &[&name]].concat());
        true
    }

    fn labels(lineage: Lineage, id: &str) -> Vec<String> {
        vec![
            format!("deployctl.lineage={lineage}"),
            format!("deployctl.resource={id}"),
            "deployctl.address=docker_network.it".to_owned(),
        ]
    }

    /// The id in the mark of what is there under the case's name.
    fn marked_id(case: &Case) -> String {
        let kind = if &*case.type_name == "docker_network" { "network" } else { "volume" };
        docker(&[kind, "inspect", "--format", "{{index .Labels \"deployctl.resource\"}}", &Self::name_of(case)])
    }
}

#[async_trait]
impl Subject for Engine {
    fn provider(&self) -> Arc<dyn Provider> {
        self.bench.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        self.bench.provider.configure(&Value::map::<&str>([]), &self.bench.place).await
    }

    fn place(&self) -> Place {
        self.bench.place.clone()
    }

    fn files(&self) -> Arc<dyn Files> {
        self.bench.hand.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        (self.cases)(&self.bench)
    }

    async fn tamper(&self, case: &Case, _: &Object) -> bool {
        let name = Self::name_of(case);
        match &*case.type_name {
            "docker_image" => {
                let nothing = self.bench.folder.path().join("nothing.tar");
                deployctl_sdk::fs::write_atomic(&nothing, &[0; 1024], 0o644).unwrap();
                docker(&["import", &nothing.display().to_string(), &name]);
                true
            }
            "docker_network" => {
                let labels = Self::labels(self.bench.place.lineage, &Self::marked_id(case));
                Self::make(case, &labels, &["--internal"])
            }
            _ => {
                let labels = Self::labels(self.bench.place.lineage, &Self::marked_id(case));
                Self::make(case, &labels, &["--label", "team=other"])
            }
        }
    }

    async fn remove(&self, case: &Case, _: &Object) -> bool {
        let kind = case.type_name.strip_prefix("docker_").unwrap();
        docker(&[kind, "rm", &Self::name_of(case)]);
        true
    }

    async fn disown(&self, case: &Case, _: &Object) -> bool {
        // The name of an image is moved, whoever had it; only networks and volumes are somebody's.
        let labels = Self::labels(Lineage::random(), &ResourceId::random().to_string());
        Self::make(case, &labels, &[])
    }

    async fn occupy(&self, case: &Case) -> bool {
        Self::make(case, &[], &[])
    }

    async fn clear_foreign(&self, case: &Case) {
        let kind = case.type_name.strip_prefix("docker_").unwrap();
        docker(&[kind, "rm", &Self::name_of(case)]);
    }

    async fn silence(&self, silent: bool) -> bool {
        self.bench.proxy.set(if silent { Mode::Silent } else { Mode::Pass });
        if !silent {
            // An engine that did not answer is left alone for a moment.
            tokio::time::sleep(deployctl_docker_client::PAUSE + std::time::Duration::from_millis(50)).await;
        }
        true
    }

    async fn sabotage(&self, case: &Case, moment: Moment) -> bool {
        self.bench.proxy.set(match (moment, &*case.type_name) {
            (Moment::Before, _) => Mode::FailBefore(0),
            // The image is built or pulled, and then it gets no name.
            (Moment::Midway, "docker_image") => Mode::FailBefore(1),
            (Moment::Midway, _) => Mode::FailAfter,
        });
        true
    }

    async fn snapshot(&self) -> Option<String> {
        Some(
            ["network", "volume", "image"]
                .iter()
                .flat_map(|kind| self.bench.there(kind))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        Some(["network", "volume", "image"].iter().flat_map(|kind| self.bench.there(kind)).collect())
    }
}

/// Puts the cases of one type through the kit; complaints about other types without a case are not this test's.
async fn the_contract_is_kept(type_name: &'static str, cases: fn(&Bench) -> Vec<Case>, unexamined: &[Law]) {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    let mut report = check(&Engine::new(type_name, cases).await, seed).await;
    report.violations.retain(|violation| violation.what != "there is no case for this type");
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.unexamined(), unexamined, "a law was never put to the test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_keep_the_contract() {
    // Nothing of a network is secret, and two of one name cannot be.
    let unexamined = [Law::CreateFirstHandsOver, Law::SecretsStayHidden];
    the_contract_is_kept("docker_network", network_cases, &unexamined).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_keep_the_contract() {
    the_contract_is_kept("docker_volume", volume_cases, &[Law::CreateFirstHandsOver]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_keep_the_contract() {
    // A tag is a name, and is never refused as not ours.
    let unexamined = [Law::NotOursIsUntouched, Law::CreateFirstHandsOver];
    the_contract_is_kept("docker_image", image_cases, &unexamined).await;
}
