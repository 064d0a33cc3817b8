//! The type through the laws of the contract, with either engine.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Object, Place, Provider, ProviderError, Value, fs};

use crate::bench::{Bench, MODULE};
use crate::engines;

struct Modules {
    bench: Bench,
}

impl Modules {
    fn new(binary: String) -> Self {
        let bench = Bench::new(binary);
        bench.write("net/main.tf", MODULE);
        bench.write("net.tfvars", "size = 2\n");
        bench.write("extra/note.txt", "x");
        // The engines make a workspace by making its folder.
        fs::create_dir_all(&bench.path("net/terraform.tfstate.d/blue")).unwrap();
        Self { bench }
    }

    fn state(&self) -> PathBuf {
        self.bench.path("net/terraform.tfstate")
    }

    fn aside(&self) -> PathBuf {
        self.bench.path("net/aside")
    }

    fn vars(&self, name: &str, secret: &str) -> Value {
        let sabotage = self.bench.path("sabotage").to_string_lossy().into_owned();
        Value::map([
            ("name", Value::from(name)),
            ("secret", Value::from(secret).into_sensitive()),
            ("sabotage", Value::from(sabotage)),
        ])
    }

    fn sized(&self, size: i64) -> Value {
        let mut vars = self.vars("a", "planted-first").as_map().cloned().unwrap();
        vars.insert("size".into(), Value::from(size));
        Value::from(vars)
    }

    fn states(&self) -> Vec<PathBuf> {
        vec![self.state(), self.bench.path("net/terraform.tfstate.d/blue/terraform.tfstate")]
    }
}

#[async_trait]
impl Subject for Modules {
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
        self.bench.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        let config = |vars: Value, more: &[(&str, Value)]| {
            let given: Vec<_> = std::iter::once(("vars", vars)).chain(more.iter().cloned()).collect();
            self.bench.config("net", &given)
        };
        let first = self.vars("a", "planted-first");
        let other = self.vars("b", "planted-second");
        let blue = [("workspace", Value::from("blue"))];
        let case = Case::new(deployctl_provider_terraform::TYPE, config(first.clone(), &[]))
            .then(config(self.sized(2), &[]), Expected::Update)
            .then(config(other.clone(), &[]), Expected::Update)
            .then(config(other.clone(), &[("parallelism", Value::from(10))]), Expected::Nothing)
            .then(config(other.clone(), &[("auto_approve", Value::from(true))]), Expected::Update)
            .then(config(other.clone(), &blue), Expected::Replace)
            .sample("vars", [first, other, self.sized(3)])
            .sample("var_files", [Value::list([Value::from("net.tfvars")])])
            .sample("include", [Value::list([Value::from("extra")]), Value::list([Value::from("extra/note.txt")])])
            .sample("targets", [Value::list([Value::from("terraform_data.first")])])
            .sample("parallelism", [1, 2, 10].map(Value::from))
            .sample("lock_timeout", ["0s", "5s"].map(Value::from))
            .sample("workspace", ["default", "blue"].map(Value::from));
        vec![case.leave("path").leave("binary").leave("backend_config")]
    }

    async fn tamper(&self, _: &Case, _: &Object) -> bool {
        let mut state = self.bench.state("net");
        state["serial"] = (state["serial"].as_u64().unwrap() + 1).into();
        state["outputs"]["name"]["value"] = "tampered".into();
        let resources = state["resources"].as_array_mut().unwrap();
        let first = resources.iter_mut().find(|resource| resource["name"] == "first").unwrap();
        for attribute in ["input", "output"] {
            first["instances"][0]["attributes"][attribute]["value"] = "tampered".into();
        }
        self.bench.write("net/terraform.tfstate", &state.to_string());
        true
    }

    async fn remove(&self, _: &Case, _: &Object) -> bool {
        fs::remove_file(&self.state()).unwrap();
        true
    }

    async fn occupy(&self, _: &Case) -> bool {
        let state = r#"{"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "somebody-elses", "outputs": {},
            "resources": [{"mode": "managed", "type": "terraform_data", "name": "theirs",
            "provider": "provider[\"terraform.io/builtin/terraform\"]", "instances": [{"schema_version": 0,
            "attributes": {"id": "1", "input": null, "output": null, "triggers_replace": null}}]}]}"#;
        self.bench.write("net/terraform.tfstate", state);
        true
    }

    async fn clear_foreign(&self, _: &Case) {
        fs::remove_file(&self.state()).unwrap();
    }

    async fn silence(&self, silent: bool) -> bool {
        // A folder where the file was cannot be read as one.
        if silent {
            fs::rename(&self.state(), &self.aside()).unwrap();
            fs::create_dir_all(&self.state()).unwrap();
        } else {
            fs::remove_dir_all(&self.state()).unwrap();
            fs::rename(&self.aside(), &self.state()).unwrap();
        }
        true
    }

    async fn sabotage(&self, _: &Case, moment: Moment) -> bool {
        // The engine's own failures come in the middle; before anything, there is nothing of its to fail.
        if moment == Moment::Before {
            return false;
        }
        self.bench.write("sabotage", "");
        true
    }

    async fn snapshot(&self) -> Option<String> {
        let read = |path: &PathBuf| format!("{path:?} {:?}\n", fs::read_if_there(path).unwrap());
        Some(self.states().iter().map(read).collect())
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let mut left = Vec::new();
        for path in self.states().iter().filter(|path| path.exists()) {
            let state: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            left.extend(state["resources"].as_array().unwrap().iter().map(|resource| resource["name"].to_string()));
        }
        let claims = fs::read_dir(&self.bench.place.data.join("terraform/claims")).unwrap_or_default();
        left.extend(claims.iter().map(|claim| claim.display().to_string()));
        Some(left)
    }
}

async fn holds(binary: String) {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let modules = Modules::new(binary);
    let report = check(&modules, seed).await;
    assert!(report.is_clean(), "{report}");
    // A module's state is one: there can be no second one beside it, and no mark that could be another's.
    assert_eq!(report.unexamined(), [Law::CreateFirstHandsOver], "a law was never put to the test");
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_keeps_the_contract() {
    holds(engines::terraform()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opentofu_keeps_the_contract() {
    holds(engines::tofu()).await;
}
