//! All types through the laws of the contract, against the real machine.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Number, Object, Place, Provider, ProviderError, Value, fs};

use crate::bench::{Bench, strings, supervisor, text, write};
use crate::process::is_alive;

struct Machine {
    bench: Bench,
    provider: Arc<dyn Provider>,
}

impl Machine {
    async fn new() -> Self {
        let bench = Bench::new("local_file").await;
        write(&bench.path("source.txt"), "from the source");
        fs::create_dir_all(&bench.path("elsewhere")).unwrap();
        Self { bench, provider: deployctl_provider_local::provider(supervisor()) }
    }

    fn path_of(&self, case: &Case) -> Option<PathBuf> {
        case.config.get("path").and_then(Value::as_str).map(|path| self.bench.path(path))
    }

    /// The folder that a process keeps beside the state.
    fn record_of(&self, object: &Object) -> PathBuf {
        let id = object.private.get("id").and_then(Value::as_str).unwrap();
        self.bench.place.data.join("local").join(id)
    }
}

/// A script that fails, once, when it is told to.
fn script(rest: &str) -> Value {
    strings(&["-c", &format!("if test -e sabotage; then rm sabotage; exit 1; fi; {rest}")])
}

fn with(base: &Value, more: &[(&str, Value)]) -> Value {
    let mut members = base.as_map().cloned().unwrap_or_default();
    members.extend(more.iter().map(|(name, value)| (Arc::from(*name), value.clone())));
    Value::from(members)
}

fn secret(text: &str) -> Value {
    Value::from(text).into_sensitive()
}

fn block(members: &[(&str, Value)]) -> Value {
    Value::map(members.iter().cloned())
}

fn file_cases() -> Vec<Case> {
    let plain = block(&[("path", "made/here/plain.txt".into()), ("content", "one".into())]);
    let hidden = block(&[("path", "hidden.txt".into()), ("content", secret("planted-content"))]);
    let copied = block(&[("path", "copied.txt".into()), ("source", "source.txt".into())]);
    let paths = ["made/here/plain.txt", "made/there.txt", "other.txt"].map(Value::from);
    let modes = ["0600", "644", "0755"].map(Value::from);
    vec![
        Case::new("local_file", plain.clone())
            .then(with(&plain, &[("content", "two".into())]), Expected::Update)
            .then(with(&plain, &[("content", "two".into()), ("mode", "0644".into())]), Expected::Nothing)
            .then(with(&plain, &[("path", "made/there.txt".into())]), Expected::Replace)
            .sample("path", paths)
            .sample("mode", modes.clone())
            .leave("source"),
        Case::new("local_file", hidden.clone())
            .named("local_file, sensitive")
            .then(with(&hidden, &[("content", secret("planted-other"))]), Expected::Update)
            .then(with(&hidden, &[("content", "nothing secret".into())]), Expected::Update)
            .sample("mode", modes.clone())
            .leave("path")
            .leave("source"),
        Case::new("local_file", copied.clone())
            .named("local_file, copied")
            .then(with(&copied, &[("mode", "0600".into())]), Expected::Update)
            .sample("mode", modes)
            .leave("path")
            .leave("content")
            .sample("source", [Value::from("source.txt")]),
    ]
}

fn command_case() -> Case {
    let shell =
        |rest: &str| Value::list([Value::from("sh")].into_iter().chain(script(rest).as_list().unwrap().to_vec()));
    let base = block(&[
        ("create", shell("touch made-by-command; echo $TOKEN")),
        ("update", shell("touch made-by-command; echo again")),
        ("destroy", strings(&["rm", "-f", "made-by-command"])),
        ("env", block(&[("TOKEN", secret("planted-token"))])),
    ]);
    Case::new("local_command", base.clone())
        .then(with(&base, &[("triggers", block(&[("version", "2".into())]))]), Expected::Update)
        .then(with(&base, &[("env", block(&[("TOKEN", secret("planted-second"))]))]), Expected::Update)
        .then(with(&base, &[("timeout", "1m".into())]), Expected::Update)
        .then(with(&base, &[("update", Value::Null), ("timeout", "1m".into())]), Expected::Update)
        .then(with(&base, &[("update", Value::Null), ("stdin", "x".into())]), Expected::Replace)
        .sample("create", [shell("touch made-by-command; true"), shell("touch made-by-command; echo other")])
        .leave("update")
        .leave("destroy")
        .sample("working_dir", [Value::from("."), Value::from("../root")])
        .sample("timeout", ["30s", "1m"].map(Value::from))
        .sample("exit_codes", [Value::list([Value::from(0)]), Value::list([Value::from(0), Value::from(3)])])
}

fn process_case() -> Case {
    let seconds = |seconds: f64| Value::Number(Number::from_f64(seconds).unwrap());
    let range =
        |range: &str| Value::list([block(&[("name", "http".into()), ("range", range.into()), ("env", "PORT".into())])]);
    let base = block(&[
        ("command", "sh".into()),
        ("args", script("echo {{replica}} {{port.http}}; exec sleep 600")),
        ("start_seconds", seconds(0.02)),
        ("env", block(&[("TOKEN", secret("planted-token"))])),
        ("port", range("20000-29000")),
        ("stop", block(&[("grace", "2s".into())])),
    ]);
    Case::new("local_process", base.clone())
        .then(with(&base, &[("env", block(&[("TOKEN", secret("planted-second"))]))]), Expected::Update)
        .then(with(&base, &[("replicas", Value::from(2))]), Expected::Update)
        .then(with(&base, &[("replicas", Value::from(2)), ("port", range("21000-29000"))]), Expected::Update)
        .then(with(&base, &[("replicas", Value::from(2)), ("port", range("21000-29000"))]), Expected::Nothing)
        .then(with(&base, &[("replicas", Value::from(1)), ("port", range("20000-29000"))]), Expected::Update)
        .then(with(&base, &[("args", script("sleep 600"))]), Expected::Update)
        .sample("command", [Value::from("sh"), Value::from("/bin/sh")])
        .leave("args")
        .sample("cwd", [".", "../root"].map(Value::from))
        .sample("replicas", [1, 2].map(Value::from))
        .sample("start_seconds", [0.01, 0.02, 0.03].map(seconds))
        .leave("port")
        .sample("log.path", ["logs/{{replica}}.log", "{{replica}}.log"].map(Value::from))
        .sample("log.max_size", ["1KiB", "1MiB"].map(Value::from))
        .sample("log.max_files", [1, 2, 3].map(Value::from))
        .sample("restart.policy", ["always", "never", "on_failure"].map(Value::from))
        .sample("restart.initial_backoff", ["10ms", "1s"].map(Value::from))
        .sample("restart.max_backoff", ["2s", "1m"].map(Value::from))
        .sample("stop.signal", ["TERM", "INT", "KILL"].map(Value::from))
        .sample("stop.grace", ["1s", "2s"].map(Value::from))
}

#[async_trait]
impl Subject for Machine {
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
        self.bench.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        file_cases().into_iter().chain([command_case(), process_case()]).collect()
    }

    async fn tamper(&self, case: &Case, object: &Object) -> bool {
        match &*case.type_name {
            "local_file" => write(&self.path_of(case).unwrap(), "tampered with"),
            "local_process" => kill_supervisors(&self.record_of(object)).await,
            _ => return false,
        }
        true
    }

    async fn remove(&self, case: &Case, object: &Object) -> bool {
        match &*case.type_name {
            "local_file" => fs::remove_file(&self.path_of(case).unwrap()).unwrap(),
            "local_process" => {
                kill_supervisors(&self.record_of(object)).await;
                fs::remove_dir_all(&self.record_of(object)).unwrap();
            }
            _ => return false,
        }
        true
    }

    async fn occupy(&self, case: &Case) -> bool {
        let Some(path) = self.path_of(case) else { return false };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, "somebody else's");
        true
    }

    async fn clear_foreign(&self, case: &Case) {
        let Some(path) = self.path_of(case) else { return };
        fs::remove_file(&path).unwrap();
        if path.starts_with(self.bench.path("made")) {
            fs::remove_dir_all(&self.bench.path("made")).unwrap();
        }
    }

    async fn silence(&self, silent: bool) -> bool {
        // A folder where the file was cannot be read as one.
        let (path, aside) = (self.bench.path("hidden.txt"), self.bench.path("hidden.aside"));
        if silent == aside.exists() || (silent && !path.exists()) {
            return false;
        }
        if silent {
            fs::rename(&path, &aside).unwrap();
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::remove_dir_all(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        true
    }

    async fn sabotage(&self, case: &Case, _: Moment) -> bool {
        if &*case.type_name == "local_file" {
            return false;
        }
        write(&self.bench.path("sabotage"), "");
        true
    }

    async fn snapshot(&self) -> Option<String> {
        let files = self.bench.all_files_below(&self.bench.place.root);
        Some(files.iter().map(|file| format!("{} {:?}\n", file.display(), fs::read(file).unwrap())).collect())
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let files = self.bench.all_files_below(&self.bench.place.root).into_iter();
        let files = files.filter(|file| !file.ends_with("source.txt") && !file.ends_with("sabotage"));
        let files = files.map(|file| file.display().to_string());
        let folders = ["made", "logs"].into_iter().filter(|folder| self.bench.path(folder).exists());
        Some(files.chain(folders.map(str::to_owned)).chain(self.bench.processes()).collect())
    }
}

async fn kill_supervisors(record: &std::path::Path) {
    for replica in fs::read_dir(record).unwrap() {
        let status: serde_json::Value = serde_json::from_str(&text(&replica.join("status.json"))).unwrap();
        let pids = ["supervisor", "service"].map(|who| status[who]["pid"].as_i64().unwrap());
        std::process::Command::new("kill").args(["-9", &pids[0].to_string()]).status().unwrap();
        crate::bench::eventually("the service dies with its supervisor", || !pids.iter().any(|pid| is_alive(*pid)))
            .await;
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let machine = Machine::new().await;
    let report = check(&machine, seed).await;
    assert!(report.is_clean(), "{report}");
    let unexamined = report.unexamined();
    assert_eq!(unexamined, [], "a law was never put to the test");
}
