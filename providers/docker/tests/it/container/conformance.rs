//! The type through the laws of the contract, against the real engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deployctl_docker_client::Environment;
use deployctl_provider_docker::DockerProvider;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{
    Connection, Desired, Files, Number, Object, Place, Prepared, Provider, ProviderError, ProviderSchema, Value,
};

use super::bench::{Bench, IMAGE, TYPE, block, blocks, docker, texts, with};
use super::proxy::Proxy;

/// Attributes that no random edit touches and no random block holds: they take what this engine may not have, or say one
/// thing in two ways. What they set is tested on the request itself.
trait WithNothing {
    fn nothing(self, attribute: &str) -> Self;
}

impl WithNothing for Case {
    fn nothing(self, attribute: &str) -> Self {
        self.sample(attribute, [Value::Null]).leave(attribute)
    }
}

/// The provider with this type alone: the others have their cases elsewhere.
struct Only {
    provider: DockerProvider,
    schema: ProviderSchema,
}

impl Only {
    fn new(provider: DockerProvider) -> Self {
        let mut schema = provider.schema().clone();
        schema.resources.retain(|resource| resource.name == TYPE);
        Self { provider, schema }
    }
}

#[async_trait]
impl Provider for Only {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        self.provider.prepare(desired, files)
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        self.provider.identity(type_name, config)
    }

    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        self.provider.configure(settings, place).await
    }
}

/// Attributes that cannot stand beside some of the others: random edits meet them in a case of their own.
const BRIDGED: &[&str] = &[
    "network_mode",
    "links",
    "volumes_from",
    "uts_mode",
    "privileged",
    "read_only",
    "cpu_period",
    "cpu_quota",
    "blkio_device",
];

/// Attributes that no random edit touches, with the reason. That each sets its field is tested on the request itself.
const LEFT_OUT: &[(&str, &str)] = &[
    ("command", "unset, the image's shell ends at once; it is among the chosen edits"),
    ("stop_timeout", "only 0 lets the tests end in time"),
    ("annotations", "from version 1.43 of the API"),
    ("gpus", "there is none"),
    ("device_request", "there is no driver for any"),
    ("storage_opt", "takes a file system with quotas"),
    ("cpu_realtime_period", "takes a kernel that shares real time out"),
    ("cpu_realtime_runtime", "takes a kernel that shares real time out"),
];

/// How many attributes one random edit touches: each but a few takes new containers.
const TOGETHER: usize = 14;

struct Engine {
    bench: Bench,
    proxy: Proxy,
    provider: Arc<dyn Provider>,
}

impl Engine {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let proxy = Proxy::start(bench.folder.path());
        docker(&["run", "--detach", "--name", &bench.name("neighbour"), "--volume", "/shared", IMAGE, "sleep", "1000"]);
        for network in ["one", "two"] {
            docker(&["network", "create", &bench.name(network)]);
        }
        let host = format!("unix://{}", proxy.socket.display());
        let environment = Environment::of([(Environment::HOST.to_owned(), host)]);
        Self { bench, proxy, provider: Arc::new(Only::new(DockerProvider::new(environment))) }
    }

    fn names(&self, case: &Case) -> Vec<String> {
        let base = case.config.get("name").and_then(Value::as_str).unwrap();
        match case.config.get("replicas").and_then(Value::as_i64) {
            Some(count) => (1..=count).map(|number| format!("{base}-{number}")).collect(),
            None => vec![base.to_owned()],
        }
    }

    fn whole(&self) -> Case {
        let base = self.bench.config(
            "whole",
            &[
                ("env", block(&[("TOKEN", Value::from("planted-token").into_sensitive())])),
                ("memory", "64m".into()),
                ("network", blocks([block(&[("name", self.bench.name("one").into()), ("aliases", texts(&["web"]))])])),
            ],
        );
        let limited = with(&base, &[("memory", "80m".into()), ("name", self.bench.name("other").into())]);
        let hidden = block(&[("TOKEN", Value::from("planted-second").into_sensitive())]);
        let replaced = with(&base, &[("env", hidden), ("command", texts(&["sleep", "2000"]))]);
        let case = Case::new(TYPE, base.clone())
            .then(limited.clone(), Expected::Update)
            .then(with(&limited, &[("memory", "81920KiB".into())]), Expected::Nothing)
            .then(replaced.clone(), Expected::Replace)
            .then(with(&replaced, &[("replicas", Value::from(2))]), Expected::Update);
        let mut case = self.with_samples(case).together(TOGETHER);
        case.left_alone.extend(BRIDGED.iter().map(|name| (*name).to_owned()));
        case
    }

    /// On the engine's own bridge, beside another container.
    fn bridged(&self) -> Case {
        let neighbour = self.bench.name("neighbour");
        let text = |all: &[&str]| all.iter().map(|one| Value::from(*one)).collect::<Vec<_>>();
        let number = |numbers: &[i64]| numbers.iter().map(|number| Value::from(*number)).collect::<Vec<_>>();
        let lists = |all: [String; 2]| all.map(|one| texts(&[one.as_str()]));
        let disks = deployctl_sdk::fs::read_dir(std::path::Path::new("/sys/block")).unwrap();
        let names = disks.iter().filter_map(|disk| disk.file_name());
        let mut disks = names.map(|name| format!("/dev/{}", name.to_string_lossy()));
        let disk = disks.find(|path| !path.contains("ram"));
        let disk = disk.expect("the machine has no disk");
        let limits = ["read_bps", "write_iops"]
            .map(|limit| blocks([block(&[("path", disk.as_str().into()), (limit, Value::from(1_000_000))])]));
        let mut case = Case::new(TYPE, self.bench.config("bridged", &[]))
            .named("docker_container, on the engine's own bridge")
            .together(TOGETHER)
            .sample("network_mode", text(&["bridge"]))
            .sample("links", lists([format!("{neighbour}:db"), format!("{neighbour}:cache")]))
            .sample("volumes_from", lists([neighbour.clone(), format!("{neighbour}:ro")]))
            .sample("uts_mode", text(&["host"]))
            .sample("cpu_period", number(&[50_000, 100_000]))
            .sample("cpu_quota", number(&[20_000, 40_000]))
            .sample("blkio_device", limits);
        let others = self.bench.schema().attributes.iter().map(|attribute| attribute.name.clone());
        case.left_alone.extend(others.filter(|name| !BRIDGED.contains(&name.as_str())));
        for inner in ["path", "weight", "read_bps", "write_bps", "read_iops", "write_iops"] {
            case.left_alone.push(format!("blkio_device.{inner}"));
        }
        case
    }

    fn replicated(&self) -> Case {
        let base = self.bench.config("many", &[("replicas", Value::from(2))]);
        let mut case = Case::new(TYPE, base.clone())
            .named("docker_container, replicated")
            .then(with(&base, &[("replicas", Value::from(3))]), Expected::Update)
            .then(with(&base, &[("replicas", Value::from(1))]), Expected::Update)
            .then(with(&base, &[("working_dir", "/tmp".into())]), Expected::Replace)
            .sample("replicas", [1, 2, 3].map(Value::from));
        let others = self.bench.schema().attributes.iter().filter(|attribute| attribute.name != "replicas");
        case.left_alone.extend(others.map(|attribute| attribute.name.clone()));
        case
    }

    /// Values that this engine takes, on any kernel.
    fn with_samples(&self, case: Case) -> Case {
        let number = |numbers: &[i64]| numbers.iter().map(|number| Value::from(*number)).collect::<Vec<_>>();
        let text = |all: &[&str]| all.iter().map(|one| Value::from(*one)).collect::<Vec<_>>();
        let list = |all: &[&[&str]]| all.iter().map(|one| texts(one)).collect::<Vec<_>>();
        let map = |all: &[(&str, &str)]| {
            all.iter().map(|(key, value)| block(&[(*key, Value::from(*value))])).collect::<Vec<_>>()
        };
        let halves = [0.25, 0.5].map(|part| Value::Number(Number::from_f64(part).unwrap()));
        let names = ["whole", "other"].map(|name| Value::from(self.bench.name(name)));
        let networks = ["one", "two"].map(|name| Value::from(self.bench.name(name)));
        let case = LEFT_OUT.iter().fold(case, |case, (name, _)| case.leave(name));
        case.sample("name", names)
            .sample("image", text(&[IMAGE, &docker(&["inspect", "--format", "{{.Id}}", IMAGE])]))
            .sample("platform", text(&["linux/amd64", "linux"]))
            .sample("replicas", number(&[1, 2]))
            .sample("entrypoint", list(&[&["env"], &["env", "-u", "HOME"]]))
            .sample("env", map(&[("A", "1"), ("B", "two words"), ("C", "a=b\nc")]))
            .sample("working_dir", text(&["/tmp", "/etc"]))
            .sample("user", text(&["nobody", "1000:1000"]))
            .sample("hostname", text(&["web", "elsewhere"]))
            .sample("domainname", text(&["example.com", "example.org"]))
            .sample("labels", map(&[("a", "1"), ("b", "")]))
            .sample("stop_signal", text(&["SIGINT", "SIGTERM"]))
            .sample("restart", text(&["no", "always", "unless-stopped", "on-failure", "on-failure:3"]))
            .sample("healthcheck.test", list(&[&["CMD", "true"], &["CMD-SHELL", "exit 0"]]))
            .sample("healthcheck.interval", text(&["5s", "1m30s"]))
            .sample("healthcheck.timeout", text(&["5s", "1m"]))
            .sample("healthcheck.retries", number(&[1, 3]))
            .sample("healthcheck.start_period", text(&["5s", "1m"]))
            .nothing("healthcheck.start_interval")
            .nothing("healthcheck.disable")
            .sample("port.internal", number(&[80, 81, 82, 83]))
            .nothing("port.external")
            .sample("port.range", text(&["38000-38999", "39000-39999"]))
            .sample("port.ip", text(&["127.0.0.1", "0.0.0.0"]))
            .sample("port.protocol", text(&["tcp", "udp"]))
            .sample("expose", list(&[&["90"], &["91/udp", "92/tcp"]]))
            .sample("network", networks.clone().map(|name| blocks([block(&[("name", name)])])))
            .sample("network.name", networks)
            .sample("network.aliases", list(&[&["web"], &["www", "api"]]))
            .nothing("network.ipv4_address")
            .nothing("network.ipv6_address")
            .nothing("network.link_local_ips")
            .nothing("network.mac_address")
            .nothing("network.links")
            .nothing("network.gw_priority")
            .sample("network.driver_opts", map(&[("a.b", "1"), ("a.c", "2")]))
            .sample("dns", list(&[&["10.0.0.1"], &["10.0.0.1", "10.0.0.2"]]))
            .sample("dns_search", list(&[&["example.com"], &["example.org"]]))
            .sample("dns_options", list(&[&["ndots:2"], &["timeout:3"]]))
            .sample("extra_hosts", list(&[&["db:10.0.0.3"], &["db:10.0.0.4", "cache:10.0.0.5"]]))
            .sample("volumes", list(&[&["/data"], &["./here:/there:ro", "/data"]]))
            .sample("mount", [blocks([block(&[("target", "/memory".into()), ("type", "tmpfs".into())])])])
            .sample("mount.target", text(&["/mounted", "/elsewhere"]))
            .sample("mount.type", text(&["tmpfs"]))
            .nothing("mount.source")
            .nothing("mount.propagation")
            .nothing("mount.non_recursive")
            .nothing("mount.create_mountpoint")
            .nothing("mount.no_copy")
            .nothing("mount.labels")
            .nothing("mount.driver")
            .nothing("mount.driver_options")
            .nothing("mount.subpath")
            .sample("mount.consistency", text(&["cached", "delegated"]))
            .sample("mount.size", text(&["1MiB", "64m"]))
            .sample("mount.mode", text(&["1777", "700"]))
            .sample("tmpfs", map(&[("/run", "size=1m"), ("/var/tmp", "")]))
            .sample("volume_driver", text(&["local"]))
            .sample(
                "upload",
                text(&["one", "two"])
                    .into_iter()
                    .map(|content| blocks([block(&[("path", "/etc/uploaded".into()), ("content", content)])])),
            )
            .nothing("upload.source")
            .nothing("upload.content_base64")
            .leave("upload.path")
            .leave("upload.content")
            .leave("upload.mode")
            .leave("upload.uid")
            .leave("upload.gid")
            .sample("memory", text(&["64m", "80MiB"]))
            .sample("memory_swap", text(&["-1", "256m"]))
            .sample("memory_reservation", text(&["16m", "32m"]))
            .sample("memory_swappiness", number(&[10, 60]))
            .sample("oom_score_adj", number(&[100, 500]))
            .sample("shm_size", text(&["1m", "2m"]))
            .sample("cpus", halves)
            .sample("cpu_shares", number(&[256, 512]))
            .sample("cpuset_cpus", text(&["0", "0-1"]))
            .sample("cpuset_mems", text(&["0"]))
            .sample("pids_limit", number(&[64, 128, -1]))
            .sample("blkio_weight", number(&[100, 200]))
            .sample("ulimit.name", text(&["nofile", "nproc", "core"]))
            .sample("ulimit.soft", number(&[100, 200]))
            .sample("ulimit.hard", number(&[300, 400]))
            .sample("cap_add", list(&[&["NET_ADMIN"], &["cap_sys_time", "NET_RAW"]]))
            .sample("cap_drop", list(&[&["MKNOD"], &["SETFCAP", "AUDIT_WRITE"]]))
            .sample("security_opt", list(&[&["no-new-privileges"]]))
            .sample("group_add", list(&[&["10"], &["20", "30"]]))
            .sample("masked_paths", list(&[&["/proc/kcore"], &["/proc/keys"]]))
            .sample("readonly_paths", list(&[&["/proc/bus"], &["/proc/fs"]]))
            .sample("sysctls", map(&[("net.ipv4.ip_unprivileged_port_start", "0"), ("net.core.somaxconn", "1000")]))
            .sample("pid_mode", text(&["host"]))
            .sample("ipc_mode", text(&["private", "shareable"]))
            .sample("userns_mode", text(&["host"]))
            .sample("cgroupns_mode", text(&["host"]))
            .sample("cgroup_parent", text(&["/deployctl-test"]))
            .sample("runtime", text(&["runc"]))
            .sample("device.host_path", text(&["/dev/null", "/dev/zero"]))
            .sample("device.container_path", text(&["/dev/one", "/dev/two"]))
            .sample("device.permissions", text(&["r", "rwm"]))
            .sample("device_cgroup_rules", list(&[&["c 1:3 rwm"], &["c 1:5 r"]]))
            .sample("log.driver", text(&["json-file"]))
            .sample("log.options", map(&[("max-size", "1m"), ("max-size", "2m")]))
    }
}

#[async_trait]
impl Subject for Engine {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        self.provider.configure(&Value::map::<&str>([]), &self.bench.place).await
    }

    fn place(&self) -> Place {
        self.bench.place.clone()
    }

    fn files(&self) -> Arc<dyn Files> {
        self.bench.hand.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        vec![self.whole(), self.bridged(), self.replicated()]
    }

    async fn tamper(&self, _: &Case, object: &Object) -> bool {
        let id = object.attributes.get("id").and_then(Value::as_str).unwrap();
        docker(&["stop", "--time", "0", id]);
        true
    }

    async fn remove(&self, case: &Case, _: &Object) -> bool {
        self.names(case).iter().for_each(|name| drop(docker(&["rm", "--force", name])));
        true
    }

    async fn disown(&self, case: &Case, _: &Object) -> bool {
        let lineage = "deployctl.lineage=00000000-0000-4000-8000-000000000000";
        let resource = "deployctl.resource=00000000-0000-4000-8000-000000000001";
        for name in self.names(case) {
            docker(&["rm", "--force", &name]);
            let labels = ["--label", lineage, "--label", resource, "--label", "deployctl.address=docker_container.it"];
            docker(&[&["run", "--detach", "--name", &name][..], &labels, &[IMAGE, "sleep", "1000"]].concat());
        }
        true
    }

    async fn occupy(&self, case: &Case) -> bool {
        for name in self.names(case) {
            docker(&["run", "--detach", "--name", &name, IMAGE, "sleep", "1000"]);
        }
        true
    }

    async fn clear_foreign(&self, case: &Case) {
        self.names(case).iter().for_each(|name| drop(docker(&["rm", "--force", name])));
    }

    async fn silence(&self, silent: bool) -> bool {
        self.proxy.silence(silent);
        if !silent {
            // An engine that did not answer is left alone for a moment.
            tokio::time::sleep(deployctl_docker_client::PAUSE + Duration::from_millis(100)).await;
        }
        true
    }

    async fn sabotage(&self, _: &Case, moment: Moment) -> bool {
        self.proxy.refuse_after(match moment {
            Moment::Before => 0,
            Moment::Midway => 1,
        });
        true
    }

    async fn snapshot(&self) -> Option<String> {
        let filter = format!("name={}", self.bench.tag);
        Some(docker(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", "{{.ID}} {{.Names}} {{.State}}"]))
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let neighbour = self.bench.name("neighbour");
        Some(self.bench.containers().into_iter().filter(|name| *name != neighbour).collect())
    }
}

#[test]
fn what_random_edits_leave_out_or_meet_elsewhere_is_in_the_schema() {
    let provider = DockerProvider::new(Environment::of([]));
    let schema = provider.schema().resource(TYPE).unwrap();
    for name in BRIDGED.iter().copied().chain(LEFT_OUT.iter().map(|(name, _)| *name)) {
        assert!(schema.attributes.iter().any(|attribute| attribute.name == name && !attribute.read_only), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let report = check(&Engine::new().await, seed).await;
    assert!(report.is_clean(), "{report}");
    // Containers are found by their mark, so that no identity is written down.
    assert_eq!(report.unexamined(), [Law::IdentityHoldsNoSecret], "a law was never put to the test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_without_changes_costs_one_list_and_one_look_at_each() {
    use std::sync::atomic::Ordering;

    let engine = Engine::new().await;
    let connection = engine.connect().await.unwrap();
    let bench = &engine.bench;
    let mut held = Vec::new();
    for number in 0..5 {
        held.push(bench.make(&bench.config(&format!("counted-{number}"), &[])).await);
    }
    let requests: Vec<_> = held
        .iter()
        .map(|held| deployctl_sdk::ReadRequest {
            address: &held.mark.address,
            type_name: TYPE,
            id: held.mark.id,
            recorded: held.object.as_ref().unwrap(),
        })
        .collect();
    // The first question is which version is spoken.
    connection.read(&requests[..1]).await;
    let switches = &engine.proxy.switches;
    let before = (switches.requests.load(Ordering::SeqCst), switches.lists.load(Ordering::SeqCst));
    let observed = connection.read(&requests).await;
    assert!(observed.iter().all(|one| matches!(one, deployctl_sdk::Observed::AsRecorded)), "{observed:?}");
    let after = (switches.requests.load(Ordering::SeqCst), switches.lists.load(Ordering::SeqCst));
    assert_eq!((after.0 - before.0, after.1 - before.1), (6, 1));
    for held in held {
        bench.delete(held).await;
    }
}
