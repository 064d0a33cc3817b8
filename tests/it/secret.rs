//! Secrets that never come to rest: from every source, through plan, apply, change and rollback, and looked for everywhere.
#![cfg(unix)]

use std::collections::BTreeMap;

use serde_json::json;

use crate::context::{Answer, Context};
use crate::search::{files_below, holds, watching_processes};
use crate::vault::{State, Vault};

/// What is planted; nothing of it may rest.
const ENV: &str = "planted-in-env-/\"0123456789";
const FILE: &str = "planted-in-file-0123456789";
const COMMAND: &str = "planted-in-command-0123456789";
const VAULT: &str = "planted-in-vault-0123456789";
const TOKEN: &str = "planted-token-of-vault-0123456789";
/// What rests as ciphertext alone.
const VARIABLE: &str = "planted-in-variable-0123456789";
const CAPTURED: &str = "planted-in-captured-file-0123456789";

const PLANTED: [&str; 7] = [ENV, FILE, COMMAND, VAULT, TOKEN, VARIABLE, CAPTURED];

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{answer}");
    answer
}

fn vault() -> Vault {
    Vault::start(State {
        tokens: BTreeMap::from([
            (TOKEN.to_owned(), vec!["secret/data/app".to_owned(), "old/".to_owned()]),
            ("by-app-role".to_owned(), vec!["secret/data/app".to_owned()]),
            ("by-kubernetes".to_owned(), vec!["secret/data/app".to_owned()]),
        ]),
        second: BTreeMap::from([
            (
                "app/db".to_owned(),
                vec![Some(json!({ "password": "older" })), Some(json!({ "password": VAULT, "port": 5432 }))],
            ),
            ("app/gone".to_owned(), vec![None]),
        ]),
        first: BTreeMap::from([("db".to_owned(), json!({ "password": VAULT }))]),
        app_roles: BTreeMap::from([("proof-0123456789".to_owned(), "role".to_owned())]),
        accounts: BTreeMap::from([("jwt-0123456789".to_owned(), "web".to_owned())]),
        ..State::default()
    })
}

const EVERYWHERE: &str = r#"
secret "env" { env = "PLANTED" }
secret "file" { file = "secrets/${var.place}.txt" }
secret "command" { command = ["sh", "-c", "cat secrets/command.txt"] }
secret "vault" {
  vault {
    path  = "secret/app/db"
    field = "password"
  }
}
variable "place" { default = "db" }
variable "hush" { sensitive = true }
locals {
  url   = "postgres://app:${secret.vault}@db/${upper(secret.env)}"
  parts = { both = [secret.file, base64encode("user:${secret.command}")], plain = "x" }
}
resource "value" "all" {
  input = { url = local.url, parts = local.parts, hush = var.hush, plain = "y" }
}
resource "value" "second" {
  input = "${value.all.output.url}-${substr(secret.file, 3, 12)}"
}
resource "local_file" "page" {
  path    = "out/page.txt"
  content = "db=${secret.vault}\nhush=${var.hush}\n${file("captured.txt")}"
}
resource "local_command" "shown" {
  create = ["sh", "-c", "echo \"$PASSWORD\"; echo \"$PASSWORD\" >&2"]
  env    = { PASSWORD = secret.command }
}
output "url" {
  value     = local.url
  sensitive = true
}
"#;

fn everywhere(vault: &Vault) -> Context {
    let mut context = Context::with(EVERYWHERE);
    context.write("secrets/db.txt", &format!("{FILE}\n"));
    context.write("secrets/command.txt", COMMAND);
    context.write("captured.txt", CAPTURED);
    context.set("PLANTED", ENV);
    context.set("DEPLOYCTL_VAR_hush", VARIABLE);
    context.set("VAULT_ADDR", &vault.address);
    context.set("VAULT_TOKEN", TOKEN);
    context
}

/// Every file that deployctl wrote: all but what was put there by hand and what was deployed.
/// How many there are.
fn assert_nothing_rests(context: &Context, when: &str) -> usize {
    let mut files = files_below(context.path());
    files.retain(|path| {
        !["out", "secrets"].iter().any(|folder| path.starts_with(context.file(folder)))
            && !path.ends_with("captured.txt")
            && !path.ends_with("main.hcl")
    });
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        assert!(!holds(&bytes, &PLANTED), "{when}: {} holds a secret", path.display());
    }
    files.len()
}

#[test]
fn nothing_of_a_secret_is_found_anywhere() {
    let vault = vault();
    let context = everywhere(&vault);
    let (said, processes) = watching_processes(b"planted-", || {
        let mut said = Vec::new();
        for (line, code) in [
            ("validate", 0),
            ("plan --out plan.bin", 0),
            ("plan --json", 0),
            ("plan --markdown", 0),
            ("show plan.bin", 0),
            ("show --json plan.bin", 0),
            ("--log-level trace apply plan.bin", 0),
            ("--json apply --auto-approve", 0),
            ("plan --detailed-exitcode", 0),
            ("state show value.all", 0),
            ("show --json", 0),
            ("state pull", 0),
            ("output", 0),
            ("output url", 1),
            ("status", 0),
            ("history", 0),
            ("graph", 0),
            ("plan --refresh-only", 0),
        ] {
            let answer = context.run(line);
            assert_eq!(answer.code, code, "{line}: {answer}");
            said.push((line, answer));
            assert_nothing_rests(&context, line);
        }
        said
    });
    assert!(assert_nothing_rests(&context, "at the end") > 5);
    for (line, answer) in &said {
        assert!(!holds(answer.to_string().as_bytes(), &PLANTED), "`{line}` shows a secret: {answer}");
    }
    assert!(processes.is_empty(), "a secret is an argument: {}", String::from_utf8_lossy(&processes));
    assert!(context.read("out/page.txt").contains(VAULT), "what was deployed has it");
}

/// Nothing can be decrypted of a secret either: without the configuration's sources nobody gets it back from the state.
#[test]
fn the_state_holds_a_digest_and_no_ciphertext_of_it() {
    let mut context =
        Context::with("secret \"s\" { env = \"S\" }\nresource \"value\" \"v\" {\n  input = \"a-${secret.s}\"\n}\n");
    context.set("S", FILE);
    ok(context.run("apply --auto-approve"));
    let pulled = ok(context.run("state pull")).stdout;
    let state: serde_json::Value = serde_json::from_str(&pulled).unwrap();
    let attributes = &state["body"]["records"]["value.v"]["object"]["attributes"];
    let withheld =
        |value: &serde_json::Value| value.to_string().contains("$withheld") || value.get("$sensitive").is_some();
    assert!(withheld(&attributes["input"]), "{attributes:#}");
    // The same length whatever was sealed: a digest, not the text.
    context.set("S", &FILE.repeat(40));
    ok(context.run("apply --auto-approve"));
    let longer = ok(context.run("state pull")).stdout;
    assert!(longer.len() < pulled.len() + 64, "the state grew with the secret");
}

#[test]
fn a_changed_secret_is_seen_and_a_saved_plan_is_stale() {
    let vault = vault();
    let mut context = everywhere(&vault);
    ok(context.run("apply --auto-approve"));
    assert_eq!(context.run("plan --detailed-exitcode").code, 0, "an unchanged secret is a change");
    context.write("secrets/db.txt", "planted-another-0123456789");
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 2, "{plan}");
    assert!(plan.stdout.contains("value.all") && plan.stdout.contains("(sensitive value, changed)"), "{plan}");
    ok(context.run("plan --out plan.bin"));
    context.write("secrets/db.txt", "planted-a-third-0123456789");
    let stale = context.run("apply plan.bin");
    assert_eq!(stale.code, 3, "{stale}");
    assert!(stale.stderr.contains("the secret `file` is another one since"), "{stale}");
    context.write("secrets/db.txt", "planted-another-0123456789");
    ok(context.run("apply plan.bin"));
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    // One that was deployed outside is drift, found by its digest.
    context.write("out/page.txt", "something else");
    let drift = context.run("plan --detailed-exitcode");
    assert_eq!(drift.code, 2, "{drift}");
    assert!(drift.stdout.contains("local_file.page"), "{drift}");
    context.set("VAULT_TOKEN", "expired");
    let refused = context.run("plan");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("does not accept the token"), "{refused}");
}

#[test]
fn a_rollback_fetches_secrets_anew() {
    let mut context = Context::with(
        "secret \"s\" { env = \"S\" }\nvariable \"n\" { default = 1 }\nresource \"local_file\" \"f\" {\n  path = \"f\"\n  content = \"${var.n} ${secret.s}\"\n}\n",
    );
    context.set("S", FILE);
    ok(context.run("apply --auto-approve"));
    ok(context.run("apply --auto-approve --var n=2"));
    context.set("S", COMMAND);
    ok(context.run("rollback --auto-approve"));
    assert_eq!(context.read("f"), format!("1 {COMMAND}"));
    ok(context.run("destroy --auto-approve"));
    assert!(!context.file("f").exists());
}

#[test]
fn an_apply_with_secrets_killed_anywhere_can_be_done_again() {
    for point in (0..).step_by(4) {
        let vault = vault();
        let mut context = everywhere(&vault);
        context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
        let answer = context.run("apply --auto-approve");
        context.set("DEPLOYCTL_TEST_CRASH_AT", "100000");
        if context.file(".deployctl/default/journal").exists() {
            assert_nothing_rests(&context, &format!("killed at {point}"));
        }
        if answer.code == 0 {
            break;
        }
        ok(context.run("apply --auto-approve"));
        assert_eq!(context.run("plan --detailed-exitcode").code, 0, "killed at {point}");
    }
}

/// A configuration whose one secret is of Vault.
pub fn of_vault(inside: &str) -> String {
    format!("secret \"s\" {{\n  vault {{\n{inside}\n  }}\n}}\nresource \"value\" \"v\" {{\n  input = secret.s\n}}\n")
}

/// Reads the secret in both versions of the engine and by every login. AppRole's secret id, the service account's token and
/// Vault's own are in files of the folder.
pub fn every_way_leads_to(context: &Context, planted: &str, role_id: &str) {
    let whole = "path = \"secret/app/db\"\nfield = \"password\"\n";
    context.write("planted", planted);
    context.write("main.hcl", &of_vault("").replace("vault {\n\n  }", "file = \"planted\""));
    ok(context.run("apply --auto-approve"));
    for inside in [
        whole.to_owned(),
        "path = \"app/db\"\nmount = \"secret\"\nengine_version = 2\nfield = \"password\"".to_owned(),
        "path = \"old/db\"\nfield = \"password\"".to_owned(),
        "path = \"db\"\nmount = \"old\"\nengine_version = 1\nfield = \"password\"".to_owned(),
        format!("{whole}token {{\n file = \".vault-token\"\n }}"),
        format!("{whole}app_role {{\n role_id = \"{role_id}\"\n secret_id {{\n file = \"secret-id\"\n }}\n }}"),
        format!("{whole}kubernetes {{\n role = \"web\"\n token_file = \"jwt\"\n }}"),
    ] {
        context.write("main.hcl", &of_vault(&inside));
        let console = context.run_args(&["console", "-e", &format!("sha256(secret.s) == sha256(\"{planted}\")")]);
        assert_eq!(console.code, 0, "{inside}: {console}");
        // The comparison is as sensitive as the secret. A plan tells: another secret would be a change.
        let plan = context.run("plan --detailed-exitcode");
        assert_eq!(plan.code, 0, "{inside}: {plan}");
    }
}

#[test]
fn vault_is_read_in_both_versions_and_by_every_login() {
    let vault = vault();
    let mut context = Context::new();
    context.set("VAULT_ADDR", &vault.address);
    context.write("secret-id", "proof-0123456789\n");
    context.write("jwt", "jwt-0123456789");
    context.write(".vault-token", TOKEN);
    every_way_leads_to(&context, VAULT, "role");
    context.write("main.hcl", &of_vault("path = \"secret/app/db\"\nfield = \"password\"\nversion = 1"));
    ok(context.run("apply --auto-approve"));
    vault.change(|state| state.namespace = Some("team".to_owned()));
    context.write("main.hcl", &of_vault("namespace = \"team\"\npath = \"secret/app/db\"\nfield = \"password\""));
    ok(context.run("apply --auto-approve"));
}

#[test]
fn what_goes_wrong_with_vault_is_said_without_the_secret() {
    let vault = vault();
    let mut context = Context::new();
    context.set("VAULT_ADDR", &vault.address);
    context.set("VAULT_TOKEN", TOKEN);
    let path = |path: &str, field: &str| of_vault(&format!("path = \"{path}\"\nfield = \"{field}\""));
    for (what, configuration, said) in [
        ("field", path("secret/app/db", "pasword"), "has no field `pasword`"),
        ("path", path("secret/app/nothing", "x"), "there is nothing at `secret/app/nothing`"),
        ("deleted", path("secret/app/gone", "x"), "was deleted"),
        ("denied", path("secret/other", "x"), "does not allow to read"),
        ("engine", path("pki/x", "x"), "is an engine `pki`"),
        (
            "login",
            of_vault(
                "path = \"secret/app/db\"\napp_role {\n role_id = \"role\"\n secret_id {\n env = \"VAULT_TOKEN\"\n }\n }",
            ),
            "refuses the AppRole login",
        ),
    ] {
        context.write("main.hcl", &configuration);
        let answer = context.run("plan");
        assert_eq!(answer.code, 1, "{what}: {answer}");
        assert!(answer.stderr.contains(said), "{what}: {answer}");
        assert!(!holds(answer.to_string().as_bytes(), &PLANTED), "{what}: {answer}");
    }
    context.write("main.hcl", &path("secret/app/db", "password"));
    vault.change(|state| state.sealed = true);
    let sealed = context.run("plan");
    assert!(sealed.code == 1 && sealed.stderr.contains("is sealed"), "{sealed}");
    vault.change(|state| state.sealed = false);
    context.set("VAULT_TOKEN", "");
    let none = context.run("plan");
    assert!(none.code == 1 && none.stderr.contains("VAULT_TOKEN is not set"), "{none}");
    context.set("VAULT_ADDR", "http://127.0.0.1:9");
    context.set("VAULT_TOKEN", TOKEN);
    let away = context.run("plan");
    assert!(away.code == 1 && away.stderr.contains("cannot be reached"), "{away}");
    assert!(!context.file(".deployctl").exists(), "something was written");
}

#[test]
fn a_secret_that_is_not_to_be_had_stops_before_anything_is_done() {
    let context = Context::with(
        "secret \"a\" { env = \"NOT_SET\" }\nsecret \"b\" { file = \"no-such\" }\nsecret \"unused\" { env = \"NEITHER\" }\n\
         resource \"value\" \"v\" {\n  input = [secret.a, secret.b]\n}\n",
    );
    let answer = context.run("apply --auto-approve");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains("2 secrets are not to be had"), "{answer}");
    assert!(answer.stderr.contains("NOT_SET is not set") && answer.stderr.contains("no-such"), "{answer}");
    assert!(!answer.stderr.contains("NEITHER"), "one that nobody uses was asked for: {answer}");
    assert_eq!(context.run("validate").code, 0, "a configuration is valid without its secrets");
}

/// The engine's own plan has a secret in clear, so a saved plan is without it: it is made again before anything is done, and
/// must come to what was shown.
#[test]
fn an_engines_plan_with_a_secret_is_made_again_and_held_against_what_was_shown() {
    let [engine, _] = crate::terraform::engines();
    let mut context = Context::with(&format!(
        "secret \"db\" {{ env = \"DB\" }}\nresource \"terraform_module\" \"app\" {{\n  path   = \"app\"\n  binary = \"{engine}\"\n  \
         vars   = {{ password = secret.db }}\n}}\n"
    ));
    context.set("DB", ENV);
    let outside = context.file("outside").display().to_string();
    context.write(
        "app/main.tf",
        &format!(
            "variable \"password\" {{ sensitive = true }}\nresource \"terraform_data\" \"user\" {{ input = \"u-${{var.password}}\" }}\n\
             resource \"terraform_data\" \"size\" {{ input = fileexists(\"{outside}\") ? \"large\" : \"small\" }}\n"
        ),
    );
    let nothing_rests = |context: &Context| {
        for path in files_below(&context.file(".deployctl")).into_iter().chain([context.file("plan.bin")]) {
            assert!(!holds(&std::fs::read(&path).unwrap(), &PLANTED), "{} holds a secret", path.display());
        }
    };
    for (line, made) in [("plan --out plan.bin", true), ("plan --destroy --out plan.bin", false)] {
        ok(context.run(line));
        nothing_rests(&context);
        if made {
            // By now the engine would do something else than was shown.
            context.write("outside", "");
            let stale = context.run("apply plan.bin");
            assert_eq!(stale.code, 3, "{stale}");
            assert!(stale.stderr.contains("terraform_module.app would be something else by now"), "{stale}");
            assert!(!context.file("app/terraform.tfstate").exists(), "something was done");
            std::fs::remove_file(context.file("outside")).unwrap();
        }
        ok(context.run("apply plan.bin"));
        assert_eq!(context.read("app/terraform.tfstate").contains("small"), made);
        nothing_rests(&context);
    }
}
