//! Whole configurations through the whole of this module.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{AttrPath, Attribute, CapturedFile, Digest, FileError, Files, Nesting, Type, Value};

use super::*;
use crate::lang::{Outside, Scope, Step, Unresolved};
use crate::model::graph::{Graph, Node};

/// Files and an outside that are nothing but a map.
struct Memory(BTreeMap<&'static str, &'static str>);

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        let missing = || FileError { path: path.to_owned(), reason: "no such file".to_owned() };
        text.map(|text| Arc::from(text.as_bytes())).ok_or_else(missing)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let path = path.display().to_string();
        Ok(CapturedFile { path, digest: Digest::of(&bytes), size: bytes.len() as u64, executable: false })
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, FileError> {
        Ok(self.0.keys().map(|name| (*name).to_owned()).collect())
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.list(folder)?.into_iter().filter(|name| name.ends_with(suffix)).collect())
    }

    fn content(&self, _: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(FileError { path: PathBuf::new(), reason: "not captured".to_owned() })
    }
}

impl Outside for Memory {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        Path::new("/")
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn timestamp(&self) -> String {
        String::new()
    }

    fn uuid(&self, _: &str) -> String {
        String::new()
    }
}

/// A scope with one value, `later`, that is not known yet.
struct Later(Memory);

impl Scope for Later {
    fn resolve(&self, root: &str, _: &[Step]) -> Result<(Value, usize), Unresolved> {
        match root {
            "later" => Ok((Value::Unknown, 0)),
            _ => Err(Unresolved { message: format!("there is no `{root}`"), help: None }),
        }
    }

    fn outside(&self) -> &dyn Outside {
        &self.0
    }
}

fn parsed(text: &str) -> Configuration {
    parse(vec![("main.hcl".to_owned(), text.as_bytes().to_vec())]).unwrap()
}

#[test]
fn a_whole_configuration() {
    let config = parsed(include_str!("../../testdata/good/everything.hcl"));
    assert!(config.settings.required_version.is_some());
    assert_eq!(config.settings.retention, Retention { revisions: 5, days: 7 });
    assert_eq!(config.deployment.strategy, Strategy::Hybrid);
    assert_eq!(config.deployment.timeout, Some(Duration::from_secs(1800)));
    assert!(config.deployment.rollback_on_failure);
    assert_eq!(config.variables["ports"].default, Some(Value::list([Value::from(80), Value::from(443)])));
    let web = &config.resources[config.resource("local_process", "web").unwrap()];
    assert_eq!(web.provider_reference(), ("local", Some("here")));
    assert_eq!(web.timeouts.create, Some(Duration::from_secs(90)));
    assert_eq!(web.retry.unwrap().attempts, 4);
    assert_eq!(web.retry.unwrap().max_delay, Duration::from_secs(30));
    assert_eq!(web.lifecycle.create_before_destroy, Some(false));
    assert!(web.lifecycle.prevent_destroy);
    let ignored = vec![AttrPath::of("args"), AttrPath::of("env").key("HOME"), AttrPath::of("ports").index(0)];
    assert_eq!(web.lifecycle.ignore_changes, IgnoreChanges::Paths(ignored));
    assert_eq!(web.lifecycle.postconditions.len(), 1);
    let names: Vec<_> = web.body.attributes.iter().map(|attribute| &*attribute.name).collect();
    assert_eq!(names, ["command"], "what is left belongs to the type");
    let health = web.health.as_ref().unwrap();
    let value = health.body.evaluate(&Health::attributes(), &Later(Memory(BTreeMap::new())), "health").unwrap();
    let check = HealthCheck::from_value(&value).unwrap();
    assert_eq!(check.probe, Probe::Http { url: "http://127.0.0.1:80/".to_owned(), expect_status: Some(204) });
    assert_eq!((check.interval, check.retries), (Duration::from_millis(500), 30));
}

#[test]
fn byte_order_marks_and_windows_line_ends() {
    let text = "\u{feff}locals {\r\n  a = 1\r\n}\r\n";
    let config = parse(vec![("a.hcl".to_owned(), text.as_bytes().to_vec())]).unwrap();
    let span = config.locals["a"].span;
    let place = config.sources.position(span).unwrap();
    assert_eq!((place.line, place.column), (2, 3));
}

#[test]
fn bodies_are_evaluated_against_schemas() {
    let schema = [
        Attribute::required("path", Type::String, ""),
        Attribute::optional("size", Type::Number, "").with_default(7),
        Attribute::optional("gone", Type::String, ""),
        Attribute::optional("token", Type::String, "").secret(),
        Attribute::computed("id", Type::String, ""),
        Attribute::block("port", Nesting::List, vec![Attribute::required("internal", Type::Number, "")], ""),
        Attribute::block("limits", Nesting::Single, vec![Attribute::optional("cpus", Type::Number, "")], ""),
    ];
    let scope = Later(Memory(BTreeMap::new()));
    let body = |text: &str| parsed(&format!("resource \"t\" \"a\" {{\n{text}\n}}")).resources.remove(0).body;
    let good = body("path = later\ngone = null\ntoken = 5\nport {\n internal = \"80\"\n}\nport {\n internal = 81\n}");
    let port = |number: i64| Value::map([("internal", Value::from(number))]);
    let expected = Value::map([
        ("path", Value::Unknown),
        ("size", Value::from(7)),
        ("token", Value::from("5").into_sensitive()),
        ("port", Value::list([port(80), port(81)])),
    ]);
    assert_eq!(good.evaluate(&schema, &scope, "t"), Ok(expected));
    assert!(good.span_of(&AttrPath::of("port").index(1).key("internal")).is_some());
    let bad = body("size = []\nid = \"x\"\nport = 1\nlimits {\n}\nlimits {\n cpu = 1\n}");
    let complaints = bad.evaluate(&schema, &scope, "t").unwrap_err();
    let messages: Vec<_> = complaints.iter().map(|complaint| complaint.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`t` needs `path`, a string",
            "wrong type for `size` of `t`: expected a number, found a list",
            "`id` of `t` cannot be set: it is found out when the resource is applied",
            "`t` takes one `limits` block",
            "`port` of `t` is a block, not an attribute",
        ]
    );
}

#[test]
fn the_strongest_source_of_a_variable_wins() {
    let files = Memory(BTreeMap::from([
        (
            "main.hcl",
            "variable \"a\" {\n default = \"default\"\n}\nvariable \"n\" {\n type = list(number)\n sensitive = true\n default = []\n}\n\
             variable \"kept\" {\n nullable = false\n default = 1\n}\n\
             environment \"e\" {\n variables = { a = \"environment\", kept = null }\n}\n",
        ),
        ("1.auto.vars.hcl", "a = \"auto 1\"\n"),
        ("2.auto.vars.hcl", "a = upper(\"auto 2\")\n"),
        ("f.vars.hcl", "a = \"file\"\n"),
    ]));
    let config = load(&files).unwrap();
    assert_eq!(config.auto_files, ["1.auto.vars.hcl", "2.auto.vars.hcl"]);
    let environment = select_environment(&config, Some("e")).unwrap();
    let mut inputs = VariableInputs { environment: Some(environment), ..VariableInputs::default() };
    let value = |inputs: &VariableInputs| resolve_variables(&config, inputs, &files, &files).unwrap()["a"].clone();
    assert_eq!(value(&VariableInputs::default()), Value::from("default"));
    assert_eq!(value(&inputs), Value::from("environment"));
    inputs.auto = config.auto_files.clone();
    assert_eq!(value(&inputs), Value::from("AUTO 2"));
    inputs.env = vec![("DEPLOYCTL_VAR_a".to_owned(), "env".to_owned()), ("DEPLOYCTL_VAR_b".to_owned(), "x".to_owned())];
    assert_eq!(value(&inputs), Value::from("env"));
    inputs.files = vec!["f.vars.hcl".into()];
    assert_eq!(value(&inputs), Value::from("file"));
    inputs.flags = vec![("a".to_owned(), "flag".to_owned()), ("n".to_owned(), "[1, \"2\"]".to_owned())];
    assert_eq!(value(&inputs), Value::from("flag"));
    let all = resolve_variables(&config, &inputs, &files, &files).unwrap();
    assert_eq!(all["n"], Value::list([Value::from(1), Value::from(2)]).into_sensitive());
    assert_eq!(all["kept"], Value::from(1), "null stands for the default where it is not allowed");
}

#[test]
fn the_graph_is_in_order() {
    let config = parsed(
        "output \"o\" {\n value = local.l\n}\nlocals {\n l = [for v in value.b : v]\n}\n\
         resource \"value\" \"b\" {\n input = value.a[0].output\n}\nresource \"value\" \"c\" {\n input = local.l\n}\n\
         resource \"value\" \"a\" {\n count = 1\n}\nprovider \"value\" {\n x = value.z.output\n}\n\
         resource \"value\" \"d\" {\n provider = value.other\n}\nresource \"other_value\" \"z\" {}\n",
    );
    let graph = Graph::build(&config).unwrap();
    let place = |node: Node| graph.order.iter().position(|other| *other == node).unwrap();
    let resource = |name: &str| config.resource("value", name).unwrap();
    assert!(place(Node::Resource(resource("a"))) < place(Node::Resource(resource("b"))));
    assert!(place(Node::Resource(resource("b"))) < place(Node::Local("l".into())));
    assert!(place(Node::Local("l".into())) < place(Node::Output("o".into())));
    assert_eq!(graph.dependencies(resource("c")), [resource("b")], "through the local");
    assert_eq!(graph.direct(&Node::Output("o".into())).cloned().collect::<Vec<_>>(), [Node::Local("l".into())]);
    assert!(graph.direct(&Node::Resource(resource("a"))).any(|node| *node == Node::Provider(0)));
    assert!(graph.direct(&Node::Resource(resource("d"))).next().is_none(), "it names another provider block");
}

#[test]
fn long_chains_do_not_recurse() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for at in 0..5_000 {
        write!(text, "resource \"value\" \"v{at}\" {{\n input = value.v{}.output\n}}\n", at + 1).unwrap();
    }
    let open = text.clone() + "resource \"value\" \"v5000\" {}\n";
    let config = parsed(&open);
    let graph = Graph::build(&config).unwrap();
    assert_eq!(graph.order.first(), Some(&Node::Resource(5_000)));
    assert_eq!(graph.order.last(), Some(&Node::Resource(0)));
    let closed = text + "resource \"value\" \"v5000\" {\n input = value.v0.output\n}\n";
    let complaints = Graph::build(&parsed(&closed)).unwrap_err();
    assert_eq!(complaints.len(), 1);
    assert_eq!(complaints[0].labels.len(), 5_001);
}

#[test]
fn large_texts_are_parsed_in_parts_with_the_right_places() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for at in 0..40_000 {
        write!(text, "resource \"value\" \"v{at}\" {{\n  input = <<EOT\n}}\nresource {{\nEOT\n}}\r\n").unwrap();
    }
    let files = |tail: &str| vec![("main.hcl".to_owned(), (text.clone() + tail).into_bytes())];
    let config = parse(files("")).unwrap();
    assert_eq!(config.resources.len(), 40_000);
    let place = config.sources.position(config.resources[39_999].body.attributes[0].name_span).unwrap();
    assert_eq!((place.line, place.column), (39_999 * 6 + 2, 3));
    let error = parse(files("locals {\n  a = \n}\n")).unwrap_err();
    let report = error.report.unwrap();
    let place = report.sources.position(report.diagnostics[0].labels[0].0).unwrap();
    assert_eq!(place.line, 40_000 * 6 + 2);
}

#[test]
fn an_indented_heredoc_reads_the_same_in_a_large_text() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for at in 0..10_000 {
        write!(text, "resource \"value\" \"v{at}\" {{\n  input = <<-EOT\n      a ${{1}}\n    b\n  EOT\n}}\n").unwrap();
    }
    let config = parse(vec![("main.hcl".to_owned(), text.into_bytes())]).unwrap();
    for at in [0, 9_999] {
        let input = config.resources[at].body.attribute("input").unwrap();
        let value = crate::lang::evaluate(&input.value, &Later(Memory(BTreeMap::new()))).unwrap();
        assert_eq!(value, Value::from("  a 1\nb\n"));
        let place = config.sources.position(input.value.span()).unwrap();
        assert_eq!((place.line, place.column), (at * 6 + 2, 11));
    }
}
