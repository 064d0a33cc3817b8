//! Secrets that are read from Vault's own server, as one reads them from the stand-in that other tests play with.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::context::Context;
use crate::kubernetes::{Place, kubectl};
use crate::secret::{every_way_leads_to, of_vault};

const HOW: &str = "Vault is needed: eval \"$(cargo xtask engines vault)\"";

/// A server of its own, gone with this.
struct Server {
    process: Child,
    address: String,
    root: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// With version 2 of the engine at `secret/`, version 1 at `old/`, and secrets in both.
    fn start() -> Self {
        let program = std::env::var_os("VAULT_SERVER").expect(HOW);
        let mut command = Command::new(program);
        let mut process = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().expect(HOW);
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        let server = Self { process, address: text("address"), root: text("token") };
        server.post("sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
        server.post("sys/mounts/old", &json!({ "type": "kv", "options": { "version": "1" } }));
        server.post("old/db", &json!({ "password": "planted" }));
        // Version 2 of the engine is not there at once.
        for _ in 0..100 {
            if server.asked("POST", "secret/config", &json!({ "max_versions": 5 })).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        for password in ["older", "planted"] {
            server.post("secret/data/app/db", &json!({ "data": { "password": password, "port": 5432 } }));
        }
        let policy =
            "path \"secret/data/app/*\" { capabilities = [\"read\"] }\npath \"old/*\" { capabilities = [\"read\"] }";
        server.post("sys/policies/acl/reader", &json!({ "policy": policy }));
        server
    }

    fn asked(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/v1/{path}", self.address))
            .header("X-Vault-Token", &self.root)
            .body(body.to_string())
            .unwrap();
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.run(request).map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        if answer.status().is_success() {
            Ok(json)
        } else {
            Err(format!("{method} {path}: {} {text}", answer.status()))
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.asked("POST", path, body).unwrap()
    }

    /// A token that may read what the policy says.
    fn reader(&self) -> String {
        let made = self.post("auth/token/create", &json!({ "policies": ["reader"] }));
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// The role's id and a secret id for it.
    fn app_role(&self) -> (String, String) {
        self.post("sys/auth/approle", &json!({ "type": "approle" }));
        self.post("auth/approle/role/web", &json!({ "token_policies": ["reader"], "secret_id_num_uses": 20 }));
        let role = self.asked("GET", "auth/approle/role/web/role-id", &Value::Null).unwrap();
        let secret = self.post("auth/approle/role/web/secret-id", &json!({}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }

    /// Lets a service account of a real cluster in, and returns its token.
    fn service_account(&self, place: &Place) -> String {
        let namespace = place.namespace.as_str();
        let token = || kubectl(&["-n", namespace, "create", "token", "web"]);
        let view = ["config", "view", "--flatten", "--minify", "-o"];
        let cluster =
            |path: &str| kubectl(&[&view[..], &[&format!("jsonpath={{.clusters[0].cluster.{path}}}")]].concat());
        let authority = STANDARD.decode(cluster("certificate-authority-data")).unwrap();
        let authority = String::from_utf8(authority).unwrap();
        self.post("sys/auth/kubernetes", &json!({ "type": "kubernetes" }));
        let config = json!({ "kubernetes_host": cluster("server"), "kubernetes_ca_cert": authority, "token_reviewer_jwt": token() });
        self.post("auth/kubernetes/config", &config);
        let role = json!({
            "bound_service_account_names": ["web"], "bound_service_account_namespaces": [namespace],
            "token_policies": ["reader"],
        });
        self.post("auth/kubernetes/role/web", &role);
        token()
    }
}

/// A service account that may ask whose a token is, which is allowed for the whole cluster or not at all.
struct Reviewer(String);

impl Drop for Reviewer {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "clusterrolebinding", &self.0, "--ignore-not-found"]).output();
    }
}

impl Reviewer {
    fn of(place: &Place) -> Self {
        let name = place.namespace.as_str();
        kubectl(&["create", "namespace", name]);
        kubectl(&["-n", name, "create", "serviceaccount", "web"]);
        let account = format!("{name}:web");
        let role = "--clusterrole=system:auth-delegator";
        kubectl(&["create", "clusterrolebinding", name, role, "--serviceaccount", &account]);
        Self(name.to_owned())
    }
}

#[test]
fn vaults_own_server_is_read_in_both_versions_and_by_every_login() {
    let server = Server::start();
    let place = Place::new();
    let _reviewer = Reviewer::of(&place);
    let mut context = Context::new();
    let (role, secret) = server.app_role();
    context.set("VAULT_ADDR", &server.address);
    context.write("secret-id", &secret);
    context.write("jwt", &server.service_account(&place));
    context.write(".vault-token", &server.reader());
    every_way_leads_to(&context, "planted", &role);
    context.write("main.hcl", &of_vault("path = \"secret/app/db\"\nfield = \"password\""));
    let applied = context.run("apply --auto-approve");
    assert_eq!(applied.code, 0, "{applied}");
    context.write("main.hcl", &of_vault("path = \"secret/app/db\"\nfield = \"password\"\nversion = 1"));
    let older = context.run("plan --detailed-exitcode");
    assert_eq!(older.code, 2, "another version has another secret: {older}");
}

#[test]
fn what_vaults_own_server_refuses_is_said() {
    let server = Server::start();
    let mut context = Context::new();
    context.set("VAULT_ADDR", &server.address);
    context.set("VAULT_TOKEN", &server.reader());
    server.post("secret/data/app/gone", &json!({ "data": { "x": 1 } }));
    server.asked("DELETE", "secret/data/app/gone", &Value::Null).unwrap();
    let (role, _) = server.app_role();
    let path = |path: &str, field: &str| of_vault(&format!("path = \"{path}\"\nfield = \"{field}\""));
    let login = format!(
        "path = \"secret/app/db\"\napp_role {{\n role_id = \"{role}\"\n secret_id {{\n env = \"HOME\"\n }}\n }}"
    );
    let refused = |context: &Context, what: &str, said: &str| {
        let answer = context.run("plan");
        assert!(answer.code == 1 && answer.stderr.contains(said), "{what}: {answer}");
    };
    for (what, configuration, said) in [
        ("field", path("secret/app/db", "pasword"), "has no field `pasword`"),
        ("path", path("secret/app/nothing", "x"), "there is nothing at `secret/app/nothing`"),
        ("deleted", path("secret/app/gone", "x"), "was deleted"),
        ("denied", path("secret/other", "x"), "does not allow to read"),
        ("mount", path("nowhere/other", "x"), "does not allow to read"),
        ("engine", path("cubbyhole/x", "x"), "is an engine `cubbyhole`"),
        ("login", of_vault(&login), "refuses the AppRole login"),
    ] {
        context.write("main.hcl", &configuration);
        refused(&context, what, said);
    }
    context.write("main.hcl", &path("secret/app/db", "password"));
    context.set("VAULT_TOKEN", "hvs.nobody");
    refused(&context, "token", "does not accept the token");
    context.set("VAULT_TOKEN", &server.root);
    server.asked("PUT", "sys/seal", &Value::Null).unwrap();
    refused(&context, "sealed", "is sealed");
    assert!(!context.file(".deployctl").exists(), "something was written");
}
