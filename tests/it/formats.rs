//! Every document that the real program writes or prints fits its schema in `state-schemas`, and none holds a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::context::Context;

const SECRET: &str = "planted-Secret_0123456789abcdef";

const MAIN: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}
variable "text" { default = "one" }
variable "exit" { default = 0 }
resource "value" "odd" {
  input = { password = var.password, part = 1.5, "$key" = [true, null], large = 123456789012345678901234567890 }
}
resource "value" "counted" {
  count = 2
  input = "number ${count.index}"
}
resource "value" "each" {
  for_each = { a = 1, "b c" = 2 }
  input    = each.value
}
resource "local_file" "page" {
  path       = "out/${var.text}.txt"
  content    = "${var.text}\n"
  depends_on = [value.counted]
}
resource "local_file" "secret" {
  path    = "out/secret.txt"
  content = "password=${var.password}"
}
resource "local_command" "may_fail" {
  create   = ["sh", "-c", "exit ${var.exit}"]
  triggers = { text = var.text }
}
resource "value" "after" {
  input      = var.text
  depends_on = [local_command.may_fail]
}
output "text" { value = var.text }
output "password" {
  value     = "postgres://${var.password}@db"
  sensitive = true
}
"#;

const SLOW: &str = r#"
resource "local_command" "slow" {
  create = ["sh", "-c", "touch started; while [ ! -e go ]; do sleep 0.05; done"]
}
"#;

/// All that was written and printed on one tour through the program: documents by the name of their schema, and raw bytes.
#[derive(Default)]
struct Tour {
    documents: BTreeMap<&'static str, Vec<Value>>,
    bytes: Vec<(String, Vec<u8>)>,
}

static TOUR: LazyLock<Tour> = LazyLock::new(|| {
    let mut tour = Tour::default();
    tour.deployment();
    tour.crashes();
    tour.lock();
    tour.encryption();
    tour
});

impl Tour {
    fn deployment(&mut self) {
        let context = Context::with(MAIN);
        context.write("secret.auto.vars.hcl", &format!("password = \"{SECRET}\"\n"));
        for (command, code) in [
            ("validate", 0),
            ("plan --out saved.plan", 0),
            ("show saved.plan", 0),
            ("apply saved.plan", 0),
            ("apply", 1),
            ("apply --auto-approve --var text=two", 0),
            ("plan --var text=three --var exit=3", 0),
            ("apply --auto-approve --var text=three --var exit=3", 1),
            ("plan", 0),
            ("rollback --auto-approve", 0),
            ("status", 0),
            ("health", 0),
            ("health value.odd", 0),
            ("history", 0),
            ("list", 0),
            ("output", 0),
            ("show", 0),
            ("show local_file.secret", 0),
            ("state list", 0),
            ("state show value.odd", 0),
            ("state show value.nothing", 64),
            ("state pull", 0),
            ("state diff 1", 0),
            ("state diff 1 2", 0),
            ("state locks", 0),
            ("state prune", 0),
            ("graph", 0),
            ("schema", 0),
            ("schema local_file", 0),
            ("version", 0),
        ] {
            self.run(&context, command, code);
        }
        std::fs::remove_file(context.file("out/secret.txt")).unwrap();
        self.run(&context, "health", 1);
        self.run(&context, "plan --refresh-only", 0);
        context.write("wrong.hcl", "resource \"value\" \"odd\" {\n  inptu = 1\n}\n");
        self.run(&context, "validate", 65);
        self.run(&context, "plan", 65);
        std::fs::remove_file(context.file("wrong.hcl")).unwrap();
        self.saved_plan(&context.file("saved.plan"));
        self.folder(&context);
        self.run(&context, "destroy --auto-approve", 0);
        self.run(&context, "plan --destroy", 0);
        self.folder(&context);
    }

    /// Journals are seen only where a run was killed. What stands in one at a point depends on how many records were written at
    /// once, and so on how busy the machine is: there are enough points for that not to matter.
    fn crashes(&mut self) {
        for point in (2..50).step_by(3) {
            let mut context = Context::with(MAIN);
            context.write("secret.auto.vars.hcl", &format!("password = \"{SECRET}\"\n"));
            context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
            context.run("apply --auto-approve");
            self.folder(&context);
            context.set("DEPLOYCTL_TEST_CRASH_AT", "100000");
            self.run(&context, "plan", 0);
            self.run(&context, "apply --auto-approve", 0);
        }
    }

    fn lock(&mut self) {
        let context = Context::with(SLOW);
        let mut holder = std::process::Command::new(env!("CARGO_BIN_EXE_deployctl"))
            .args(["apply", "--auto-approve"])
            .current_dir(context.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while !context.file("started").exists() {
            assert!(Instant::now() < end, "the apply did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.run(&context, "state locks", 0);
        self.run(&context, "apply --auto-approve", 4);
        self.folder(&context);
        context.write("go", "");
        assert!(holder.wait().unwrap().success());
    }

    /// What lies around an encrypted state is read by its own tests; here the keyring and what a plan says of it.
    fn encryption(&mut self) {
        let mut context = Context::with(MAIN);
        context.write("secret.auto.vars.hcl", &format!("password = \"{SECRET}\"\n"));
        context.write("state.hcl", &crate::encryption::aes("env = \"STATE_KEK\""));
        context.set("STATE_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        self.run(&context, "plan --out saved.plan", 0);
        self.run(&context, "apply saved.plan", 0);
        self.run(&context, "history", 0);
        self.saved_plan(&context.file("saved.plan"));
        self.document("keyring", &context.read(".deployctl/default/keyring.json"));
        for path in files(&context.file(".deployctl")) {
            self.bytes.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }

    /// Runs a command with `--json`; every line that it prints is a document.
    fn run(&mut self, context: &Context, line: &str, code: i32) {
        let output = context.command().args(line.split_whitespace()).arg("--json").output().unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "`{line}`\n{stdout}\n{stderr}");
        for text in stdout.lines() {
            self.document(schema_of(line), text);
        }
        for text in stderr.lines() {
            self.document("error", text);
        }
        self.bytes.push((line.to_owned(), output.stdout));
        self.bytes.push((line.to_owned(), output.stderr));
    }

    fn document(&mut self, schema: &'static str, text: &str) {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{schema}: {error}: {text}"));
        self.documents.entry(schema).or_default().push(value);
    }

    fn saved_plan(&mut self, path: &Path) {
        let bytes = std::fs::read(path).unwrap();
        let header = bytes.split(|byte| *byte == b'\n').nth(2).unwrap();
        self.document("saved-plan-header", &text(header));
        self.bytes.push(("saved.plan".to_owned(), bytes));
    }

    /// Everything below `.deployctl`.
    fn folder(&mut self, context: &Context) {
        for path in files(&context.file(".deployctl")) {
            let bytes = std::fs::read(&path).unwrap();
            let shown = path.strip_prefix(context.path()).unwrap().to_string_lossy().into_owned();
            let parts: Vec<&str> = shown.split('/').skip(1).collect();
            match parts.as_slice() {
                [".gitignore"] => assert_eq!(text(&bytes).trim(), "*"),
                [_, "state.json"] => self.document("state", &text(&bytes)),
                [_, "revisions", _] => self.document("revision", &text(&bytes)),
                [_, "history.jsonl"] => text(&bytes).lines().for_each(|line| self.document("history-entry", line)),
                // A killed run may leave a last line that is cut off.
                [_, "journal"] => bytes.split_inclusive(|byte| *byte == b'\n').for_each(|line| {
                    if line.ends_with(b"\n") {
                        self.document("journal", &text(line));
                    }
                }),
                [_, "lock"] if bytes.is_empty() => {}
                [_, "lock"] => self.document("lock", &text(&bytes)),
                [_, "key"] => assert!(serde_json::from_slice::<Value>(&bytes).is_err(), "the key is no document"),
                [_, "blobs", _, _] => self.blob(&bytes),
                // The local provider's own notes.
                [_, "local-folders", _] | [_, "local", ..] => {}
                _ => panic!("{shown} has no schema"),
            }
            self.bytes.push((shown, bytes));
        }
    }

    /// What is kept by its digest is sealed, or compressed; a state among it is one like any other.
    fn blob(&mut self, bytes: &[u8]) {
        let Some(packed) = bytes.strip_prefix(b"p") else { return assert!(bytes.starts_with(b"s")) };
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(packed).read_to_end(&mut content).unwrap();
        if content.starts_with(b"{\"format\"") {
            self.document("state", &text(&content));
        }
        self.bytes.push(("a blob, unpacked".to_owned(), content));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The schema of what a command prints.
fn schema_of(line: &str) -> &'static str {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["plan", ..] | ["show", "saved.plan"] => "plan",
        ["apply" | "destroy" | "rollback", ..] => "event",
        ["status" | "health", ..] => "health",
        ["history"] => "history",
        ["validate"] => "validate",
        ["list"] => "list",
        ["output"] => "outputs",
        ["show"] => "show",
        ["show", _] | ["state", "show", _] => "show-resource",
        ["state", "list"] => "state-list",
        ["state", "pull"] => "state",
        ["state", "diff", ..] => "state-diff",
        ["state", "locks"] => "state-locks",
        ["state", "prune"] => "state-prune",
        ["graph"] => "graph",
        ["schema", ..] => "schema",
        ["version"] => "version",
        _ => panic!("`{line}` has no schema"),
    }
}

/// The schemas by name, as they are in the files.
fn schemas() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("state-schemas");
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().strip_suffix(".v1.json").unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    files(&folder).into_iter().map(read).collect()
}

/// The schema with every object closed, so that a member that nobody wrote down is noticed.
pub fn closed(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(closed).collect(),
        Value::Object(members) => {
            let mut members: serde_json::Map<String, Value> =
                members.iter().map(|(key, member)| (key.clone(), closed(member))).collect();
            if members.contains_key("required") && members.get("properties").is_some_and(Value::is_object) {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            Value::Object(members)
        }
        other => other.clone(),
    }
}

#[test]
fn every_document_fits_its_schema() {
    let schemas = schemas();
    for (name, documents) in &TOUR.documents {
        let validator = jsonschema::validator_for(&closed(&schemas[*name])).unwrap();
        for document in documents {
            let errors: Vec<String> = validator
                .iter_errors(document)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
        }
    }
    let seen: BTreeSet<&str> = TOUR.documents.keys().copied().collect();
    assert_eq!(
        seen,
        schemas.keys().map(String::as_str).collect(),
        "each schema has documents, and the other way round"
    );
}

#[test]
fn the_tour_sees_what_matters() {
    let events: BTreeSet<&str> = TOUR.documents["event"].iter().filter_map(|event| event["event"].as_str()).collect();
    for name in ["planned", "recovered", "step_finished", "apply_finished"] {
        assert!(events.contains(name), "{name} is not among {events:?}");
    }
    let outcomes: BTreeSet<&str> =
        TOUR.documents["event"].iter().filter_map(|event| event["outcome"].as_str()).collect();
    assert_eq!(outcomes, BTreeSet::from(["done", "failed", "not_started"]));
    let entries: BTreeSet<&str> = TOUR.documents["journal"]
        .iter()
        .flat_map(|line| line["content"].as_array().into_iter().flatten())
        .filter_map(|entry| entry["entry"].as_str())
        .collect();
    assert!(entries.is_superset(&BTreeSet::from(["before", "after"])), "{entries:?}");
    assert!(TOUR.documents["state-locks"].iter().any(|document| document["locks"][0].is_object()));
}

#[test]
fn an_altered_document_is_refused() {
    for (name, schema) in &schemas() {
        let validator = jsonschema::validator_for(schema).unwrap();
        assert!(!validator.is_valid(&json!([])), "{name}");
        for document in &TOUR.documents[name.as_str()] {
            // Outputs are whatever the configuration makes them; only their names are bound.
            if name == "outputs" {
                assert!(!validator.is_valid(&json!({ "not a name": 1 })));
                continue;
            }
            for key in document.as_object().unwrap().keys() {
                let mut without = document.clone();
                without.as_object_mut().unwrap().remove(key);
                let optional =
                    [("error", "help"), ("saved-plan-header", "encryption")].contains(&(name.as_str(), key.as_str()));
                assert!(optional || !validator.is_valid(&without), "{name} without {key}");
                let mut altered = document.clone();
                altered[key] = json!({ "altered": true });
                let open = name == "show" && key == "outputs";
                assert!(open || !validator.is_valid(&altered), "{name} with another {key}");
            }
            if document.get("format_version").is_some() {
                let mut newer = document.clone();
                newer["format_version"] = json!(2);
                assert!(!validator.is_valid(&newer), "{name} of a newer version");
            }
            if schema["additionalProperties"] == json!(false) {
                let mut more = document.clone();
                more["more"] = json!(1);
                assert!(!validator.is_valid(&more), "{name} with more");
            }
        }
    }
}

#[test]
fn schemas_are_schemas_and_agree_with_each_other() {
    let formats = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md")).unwrap();
    let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
    for (name, schema) in &schemas() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], format!("urn:deployctl:{name}:1"));
        assert!(formats.contains(&format!("state-schemas/{name}.v1.json")), "docs/formats.md does not name {name}");
        for (key, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            let first = definitions.entry(key.clone()).or_insert_with(|| definition.clone());
            assert_eq!(first, definition, "{key} is defined in another way in {name}");
        }
    }
}

#[test]
fn no_secret_is_in_anything_written_or_printed() {
    assert!(TOUR.bytes.len() > 200);
    for (place, bytes) in &TOUR.bytes {
        assert!(!holds_secret(bytes), "{place} holds the secret");
    }
    let engine = base64::engine::general_purpose::STANDARD;
    let hidden = format!("{{\"x\":\"{}\"}}", engine.encode(format!("{{\"{SECRET}\"}}")));
    assert!(holds_secret(hidden.as_bytes()), "the search finds what is encoded");
}

/// Whether bytes hold the secret: as they are, or in what they hold as base64 or hexadecimal digits.
fn holds_secret(bytes: &[u8]) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    if holds(bytes) || bytes.windows(hex.len()).any(|window| window.eq_ignore_ascii_case(hex.as_bytes())) {
        return true;
    }
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let runs = bytes.split(|byte| !(byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)));
    runs.filter(|run| run.len() >= SECRET.len()).any(|run| {
        let run: Vec<u8> = run
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect();
        (0..4).any(|start| {
            let part = &run[start..];
            let part = &part[..part.len() / 4 * 4];
            engine.decode(part).is_ok_and(|decoded| holds(&decoded))
        })
    })
}
