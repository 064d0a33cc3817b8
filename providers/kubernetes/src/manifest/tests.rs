use deployctl_sdk::ProviderError;
use serde_json::{Value, json};

use super::{Document, check_unique, parse};

/// The only object of a text that says what its `spec` is.
fn spec(text: &str) -> Value {
    let text = format!("apiVersion: v1\nkind: Thing\nmetadata: {{name: a}}\nspec:\n{text}");
    let mut documents = parse("a.yaml", &text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).object["spec"].take()
}

fn refused(text: &str) -> ProviderError {
    parse("a.yaml", text).unwrap_err()
}

fn named(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| format!("{}/{}:{}", document.kind(), document.name(), document.line)).collect()
}

#[test]
fn several_documents_come_with_their_lines_and_empty_ones_count_for_nothing() {
    let text = "\
# nothing but a comment
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: one
---
---
# two
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
...
---
{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"three\"}}
";
    assert_eq!(named(&parse("a.yaml", text).unwrap()), ["ConfigMap/one:3", "ConfigMap/two:10", "Secret/three:15"]);
    assert!(parse("a.yaml", "").unwrap().is_empty());
    assert!(parse("a.yaml", "\u{feff}---\n# empty\n").unwrap().is_empty());
}

#[test]
fn lists_give_their_items_and_a_typed_list_their_kind() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: b}
---
apiVersion: v1
kind: SecretList
items: null
";
    let documents = parse("a.yaml", text).unwrap();
    assert_eq!(named(&documents), ["Service/a:4", "ConfigMap/b:10"]);
    assert_eq!(documents[1].api_version(), "v1");
}

#[test]
fn json_is_read_with_several_documents_and_keys_once() {
    let text = "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"spec\":1.0}\n\n {\"apiVersion\":\"v1\",\n\
        \"kind\":\"B\",\"metadata\":{\"name\":\"b\"}}";
    let documents = parse("a.json", text).unwrap();
    assert_eq!(named(&documents), ["A/a:1", "B/b:3"]);
    assert_eq!(documents[0].object["spec"], json!(1));
    let error = parse("a.json", "{\"apiVersion\": \"v1\",\n \"apiVersion\": \"v1\"}").unwrap_err();
    assert!(error.message.starts_with("a.json:2:"), "{}", error.message);
    assert!(error.message.contains("`apiVersion` stands a second time"), "{}", error.message);
}

#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    for (written, meant) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!(true)),
        ("\"yes\"", json!("yes")),
        ("!!str yes", json!("yes")),
        ("~", json!(null)),
        ("", json!(null)),
        ("0644", json!(420)),
        ("0o644", json!(420)),
        ("-0644", json!(-420)),
        ("0x1F", json!(31)),
        ("0b101", json!(5)),
        ("08", json!(8)),
        ("1_000", json!(1000)),
        ("+12", json!(12)),
        ("1e3", json!(1000)),
        ("1.0", json!(1)),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        ("1:30", json!("1:30")),
        ("2001-01-01", json!("2001-01-01")),
        ("1.2.3", json!("1.2.3")),
        ("100m", json!("100m")),
        ("0xyz", json!("0xyz")),
        ("0x-1", json!("0x-1")),
        ("-", json!([null])),
        ("--x", json!("--x")),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("!!binary aGk=", json!("hi")),
    ] {
        assert_eq!(spec(&format!("  {written}\n")), meant, "{written}");
    }
}

#[test]
fn keys_are_texts_however_they_are_written() {
    assert_eq!(spec("  0644: a\n  yes: b\n  1.5: c\n"), json!({"420": "a", "true": "b", "1.5": "c"}));
    assert!(refused("[a]: b").message.contains("a key is text"));
}

#[test]
fn anchors_aliases_and_merges_are_written_out() {
    let text = "  base: &base {a: 1, b: 2}\n  more: &more {b: 3, c: 4}\n  one:\n    <<: [*base, *more]\n    a: 0\n  two: *base\n";
    let spec = spec(text);
    assert_eq!(spec["one"], json!({"a": 0, "b": 2, "c": 4}));
    assert_eq!(spec["two"], json!({"a": 1, "b": 2}));
    let error = refused("base: &base {a: 1}\none:\n  a: 0\n  <<: *base\n");
    assert_eq!(error.message, "a.yaml:4:7: `<<` brings a `a`, and another stands above it");
}

#[test]
fn aliases_that_grow_without_bounds_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let error = refused(&text);
    assert!(error.message.contains("aliases of this file stand for more than 16 MiB"), "{}", error.message);
    assert!(refused("a: &a [*a]").message.contains("stands inside of what it names"));
    // One large text named many times is no less of a bomb.
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1000].join(", "));
    assert!(refused(&text).message.contains("stand for more than"));
}

#[test]
fn a_complaint_shows_the_line_with_the_place_underlined() {
    let error = refused("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n");
    assert_eq!(error.message, "a.yaml:5:3: `name` stands here a second time; it stands on line 4 too");
    assert_eq!(error.detail, ["5 │   name: b", "  │   ^^^^ again"]);

    let error = refused("apiVersion: v1\nkind: ConfigMap\ndata:\n\ta: b\n");
    assert!(error.message.starts_with("a.yaml:4:"), "{}", error.message);
    assert_eq!(error.detail.len(), 2);
}

#[test]
fn no_line_of_a_secret_is_shown() {
    let error = refused("apiVersion: v1\nkind: Secret\nstringData:\n  password: hunter2\n  password: hunter3\n");
    assert_eq!(error.detail, ["5 │   password: (sensitive value)", "  │ again"]);
    assert!(!format!("{error:?}").contains("hunter"));
}

#[test]
fn a_very_long_line_is_shown_around_the_place() {
    let text = format!("{{\"kind\": \"{}\", \"kind\": \"b\"}}", "x".repeat(1_000_000));
    let error = refused(&text);
    assert!(error.detail[0].chars().count() < 140, "{}", error.detail[0].len());
    assert_eq!(error.detail[0].matches('…').count(), 2 - usize::from(error.detail[0].ends_with('}')));
}

#[test]
fn what_is_no_object_is_refused_by_what_it_lacks() {
    for (text, said) in [
        ("just text", "a.yaml:1:1: an object of Kubernetes is a map; this is text"),
        ("- a\n- b\n", "a.yaml:1:1: an object of Kubernetes is a map; this is a list"),
        ("kind: ConfigMap\n", "a.yaml:1:1: this object has no `apiVersion`"),
        ("apiVersion: v1\n", "a.yaml:1:1: this object has no `kind`"),
        ("apiVersion: 1\nkind: A\n", "a.yaml:1:13: `apiVersion` is text and not empty; this is a number"),
        ("apiVersion: v1\nkind: A\n", "a.yaml:1:1: this A has no `metadata`, so it has no name"),
        ("apiVersion: v1\nkind: A\nmetadata:\n  labels: {}\n", "a.yaml:3:1: this A has no name"),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: 1}\n",
            "a.yaml:3:18: `metadata.name` is text and not empty; this is a number",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: \"\"}\n",
            "a.yaml:3:18: `metadata.name` is text and not empty; this is empty",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  labels:\n    on: 1\n",
            "a.yaml:6:9: `metadata.labels` holds texts; `true` is a number",
        ),
        ("a: *nothing\n", "a.yaml:1:4: this is not YAML: while parsing node, found unknown anchor"),
        ("a: !Ref b\n", "a.yaml:1:9: this tag means nothing here"),
        ("a: .inf\n", "a.yaml:1:4: infinity and not-a-number cannot be sent to an API server"),
        ("apiVersion: v1\nkind: List\nitems: 3\n", "a.yaml:3:1: `items` of a list is a list"),
    ] {
        assert_eq!(refused(text).message, said, "{text}");
    }
    let generated = refused("apiVersion: v1\nkind: Job\nmetadata: {generateName: a-}\n");
    assert!(generated.hint.unwrap().contains("generateName"));
    let template = refused("apiVersion: v1\nkind: {{ .Values.kind }}\n");
    assert!(template.hint.unwrap().contains("helm template"), "{}", template.message);
    let kustomization = refused("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n");
    assert!(kustomization.hint.unwrap().contains("kubectl kustomize"));
}

#[test]
fn one_object_in_two_places_is_refused_with_both() {
    let one = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let other = "# moved\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n";
    let mut documents = parse("a.yaml", one).unwrap();
    documents.extend(parse("b.yaml", other).unwrap());
    assert!(check_unique(&documents, "default").is_ok());
    let error = check_unique(&documents, "shop").unwrap_err();
    assert_eq!(error.message, "b.yaml:2: Deployment `web` stands at a.yaml:1 too");
}

#[test]
fn a_document_of_ten_megabytes_is_read() {
    let mut text = String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n");
    for line in 0..100_000 {
        text.push_str(&format!("  key-{line}: \"{}\"\n", "x".repeat(85)));
    }
    assert!(text.len() > 9_900_000);
    let documents = parse("a.yaml", &text).unwrap();
    assert_eq!(documents[0].object["data"].as_object().unwrap().len(), 100_000);
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_its_line() {
    let error = super::text("a.yaml", b"a: b\nc: \xff\n").unwrap_err();
    assert_eq!(error.message, "a.yaml:2: this is not text in UTF-8");
}

#[test]
fn a_document_shows_nothing_of_what_it_holds() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: hunter2}\n";
    assert_eq!(format!("{:?}", parse("a.yaml", text).unwrap()), "[Secret a (a.yaml:1)]");
}
