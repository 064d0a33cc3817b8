//! What expressions are worth, in tables of text and expected value.

mod world;

use deployctl_sdk::Value;

pub(super) use self::world::World;
use super::*;
use crate::diagnostic::{Diagnostic, FileId};

fn value_of(text: &str) -> Result<Value, Vec<Diagnostic>> {
    let expr = parse_expression(FileId(0), text)?;
    evaluate(&expr, &World::new())
}

/// Evaluates each text and compares with the debug form of the expected value.
#[track_caller]
fn table(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        match value_of(text) {
            Ok(value) => assert_eq!(format!("{value:?}"), *expected, "of {text}"),
            Err(diagnostics) => panic!("{text}: {diagnostics:?}"),
        }
    }
}

/// Evaluates each text, which must fail, and compares the first message, label and the underlined text.
#[track_caller]
fn complaints(rows: &[(&str, &str, &str)]) {
    for (text, message, underlined) in rows {
        let diagnostics = value_of(text).expect_err(text);
        let first = &diagnostics[0];
        let (span, label) = &first.labels[0];
        let found = format!("{} / {label}", first.message);
        assert!(found.contains(message), "{text}: {found}");
        assert_eq!(&text[span.start as usize..span.end as usize], *underlined, "of {text}");
        assert!(!format!("{diagnostics:?}").contains("hunter2"), "{text}: {diagnostics:?}");
    }
}

#[test]
fn literals() {
    table(&[
        ("1", "1"),
        ("-1.50", "-1.5"),
        ("- 2", "-2"),
        ("9007199254740993.0", "9007199254740993"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("18446744073709551617", "18446744073709551617"),
        ("1e3", "1000"),
        ("null", "null"),
        ("true", "true"),
        (r#""a\n\u00e4\"$${x}""#, r#""a\nä\"${x}""#),
        ("[1, \"a\", [],]", "[1, \"a\", []]"),
        ("{a = 1, \"b c\" = 2, (s) = 3, 4: 5, true = 6}", r#"{"4": 5, "a": 1, "b c": 2, "text": 3, "true": 6}"#),
        ("{\n a = 1 # one\n b = 2\n}", r#"{"a": 1, "b": 2}"#),
    ]);
}

#[test]
fn operators() {
    table(&[
        ("\"1\" + 1", "2"),
        ("2 + 3 * 4 - 1", "13"),
        ("(2 + 3) * 4", "20"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("1 / 4", "0.25"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("-n", "-3"),
        ("!false && true", "true"),
        ("false && nosuch", "false"),
        ("true || nosuch", "true"),
        ("\"1\" == 1", "false"),
        ("[1, 2] == [1, 2]", "true"),
        ("{a = 1} != {a = 2}", "true"),
        ("nothing == null", "true"),
        ("1 < 2 && 2 >= 2", "true"),
        ("\"10\" > 9", "true"),
        ("n == 3 ? \"three\" : nosuch", "\"three\""),
        ("unknown ? 1 : 2", "(known after apply)"),
        ("unknown + 1", "(known after apply)"),
        ("unknown && false", "false"),
        ("unknown || true", "true"),
        ("unknown && nosuch", "(known after apply)"),
        ("unknown == unknown", "(known after apply)"),
        ("{a = 1, b = unknown} == {a = 2, b = 1}", "false"),
        ("[unknown] == []", "false"),
        ("secret == \"hunter2\"", "(sensitive value)"),
        ("secret == null", "(sensitive value)"),
        ("secret != \"\" ? 1 : 2", "(sensitive value)"),
        ("sensitive(1) + 1", "(sensitive value)"),
        ("sensitive(false) && true", "(sensitive value)"),
        ("[secret, 1]", "[(sensitive value), 1]"),
        ("mixed", r#"{"key": (sensitive value), "later": (known after apply), "open": "x"}"#),
    ]);
}

#[test]
fn traversals() {
    table(&[
        ("map.a", "1"),
        ("map[\"b\"]", "2"),
        ("list[0] + list[\"1\"]", "3"),
        ("list.2", "3"),
        ("people[*].name", r#"["ana", "ben"]"#),
        ("people.*.name", r#"["ana", "ben"]"#),
        ("people.*.name[0]", r#""ana""#),
        ("people[1].age", "27"),
        ("nothing[*].x", "[]"),
        ("s[*]", r#"["text"]"#),
        ("map[*].a", "[1]"),
        ("unknown.x[1].y", "(known after apply)"),
        ("unknown[*].x", "(known after apply)"),
        ("list[unknown]", "(known after apply)"),
        ("secret_list[0]", "(sensitive value)"),
        ("secret_list[*]", "(sensitive value)"),
        ("map[sensitive(\"a\")]", "(sensitive value)"),
        ("mixed.open", "\"x\""),
        ("{a = {b = [1, 2]}}.a.b[1]", "2"),
        ("[[1, 2], [3]][*][0]", "[1, 3]"),
    ]);
}

#[test]
fn for_expressions() {
    table(&[
        ("[for x in list : x * 2]", "[2, 4, 6]"),
        ("[for i, x in names : \"${i}${x}\"]", r#"["0b", "1a", "2b"]"#),
        ("[for k, v in map : \"${k}=${v}\" if v > 1]", r#"["b=2"]"#),
        ("{for x in list : \"k${x}\" => x}", r#"{"k1": 1, "k2": 2, "k3": 3}"#),
        ("{for i, x in names : x => i...}", r#"{"a": [1], "b": [0, 2]}"#),
        ("[for a in [1, 2] : [for b in [10, 20] : a + b]]", "[[11, 21], [12, 22]]"),
        ("[for x in unknown : x]", "(known after apply)"),
        ("[for x in [1, unknown] : x if x == 1]", "(known after apply)"),
        ("[for x in secret_list : 1]", "(sensitive value)"),
        ("[for x in [secret] : \"a${x}\"]", "[(sensitive value)]"),
        ("{for x in [secret] : x => 1}", "(sensitive value)"),
        ("{for x in [unknown] : x => 1}", "(known after apply)"),
        ("{for x in [unknown] : x => secret}", "(sensitive value)"),
        ("{(secret) = 1}", "(sensitive value)"),
    ]);
}

#[test]
fn templates() {
    table(&[
        ("\"a ${s} ${n} ${true}\"", "\"a text 3 true\""),
        ("\"${list}\"", "[1, 2, 3]"),
        ("\"a${unknown}\"", "(known after apply)"),
        ("\"a${secret}\"", "(sensitive value)"),
        ("\"%{ if n > 2 }big%{ else }small%{ endif }\"", "\"big\""),
        ("\"%{ for x in list ~} ${x} %{~ endfor }\"", "\"123\""),
        ("\"a  ${~ s ~}  b\"", "\"atextb\""),
        ("\"%{ if unknown }x%{ endif }\"", "(known after apply)"),
        ("<<EOT\nhi ${s}\n  there\nEOT\n", "\"hi text\\n  there\\n\""),
        ("<<-EOT\n    hi ${s}\n      there\n    EOT\n", "\"hi text\\n  there\\n\""),
        ("<<-EOT\n  a ${n} b\nc ${n}\n    d\n  EOT\n", "\"  a 3 b\\nc 3\\n    d\\n\""),
        ("<<-EOT\n    a\n\n      b\n    ${n}\n  EOT\n", "\"a\\n\\n  b\\n3\\n\""),
        ("<<-EOT\n    %{ if true }\n    a\n    %{ endif }\n  EOT\n", "\"\\na\\n\\n\""),
        (
            "<<-EOT\n    %{ for x in list ~}\n    - ${x}\n    %{ endfor ~}\n    end\n    EOT\n",
            "\"- 1\\n- 2\\n- 3\\nend\\n\"",
        ),
        ("<<EOT\nusers:\n%{ for x in list ~}\n  - ${x}\n%{ endfor ~}\nEOT\n", "\"users:\\n  - 1\\n  - 2\\n  - 3\\n\""),
        ("<<-EOT\n  a $${x} ${n}\n   b\n  EOT\n", "\"a ${x} 3\\n b\\n\""),
        ("<<EOT\n%{ for x in list ~}\n- ${x}\n%{ endfor ~}\nEOT\n", "\"- 1\\n- 2\\n- 3\\n\""),
    ]);
}

#[test]
fn functions_on_text() {
    table(&[
        ("upper(\"aä\")", "\"AÄ\""),
        ("title(\"hello big world\")", "\"Hello Big World\""),
        ("join(\", \", names)", "\"b, a, b\""),
        ("split(\",\", \"a,b,\")", r#"["a", "b", ""]"#),
        ("replace(\"a-b-c\", \"-\", \"+\")", "\"a+b+c\""),
        ("replace(\"a1b22\", \"/[0-9]+/\", \"#\")", "\"a#b#\""),
        ("replace(\"john smith\", \"/(\\\\w+) (\\\\w+)/\", \"$2 $1\")", "\"smith john\""),
        ("regex(\"[a-z]+\", \"12ab3\")", "\"ab\""),
        ("regex(\"(\\\\d)(\\\\d)\", \"x12\")", r#"["1", "2"]"#),
        ("regex(\"(?P<first>\\\\d)\", \"x12\")", r#"{"first": "1"}"#),
        ("regexall(\"[a-z]\", \"1a2b\")", r#"["a", "b"]"#),
        ("trimspace(\"  a \\n\")", "\"a\""),
        ("trim(\"??a!?\", \"!?\")", "\"a\""),
        ("chomp(\"a\\r\\n\\n\")", "\"a\""),
        ("indent(2, \"a\\nb\")", "\"a\\n  b\""),
        ("substr(\"hello\", 1, 3)", "\"ell\""),
        ("substr(\"hello\", -3, -1)", "\"llo\""),
        ("strrev(\"abc\")", "\"cba\""),
        ("startswith(s, \"te\") && endswith(s, \"xt\")", "true"),
        ("format(\"%s is %d and %5.2f|%-4s|%04d|%%\", s, 3, 1.005, \"a\", 7)", "\"text is 3 and  1.00|a   |0007|%\""),
        ("format(\"%q %v %v %x %t\", \"a\", [1], {a = 1}, 255, true)", r#""\"a\" [1] {\"a\":1} ff true""#),
        ("format(\"%[2]s %[1]s\", \"a\", \"b\")", "\"b a\""),
        ("format(\"%.3f\", 2)", "\"2.000\""),
        ("format(\"%.0f %f\", 2.5, -0.25)", "\"2 -0.250000\""),
        ("formatlist(\"%s-%s\", names, \"x\")", r#"["b-x", "a-x", "b-x"]"#),
    ]);
}

#[test]
fn functions_on_collections() {
    table(&[
        ("length(list) + length(map) + length(\"äb\")", "7"),
        ("keys(map)", r#"["a", "b"]"#),
        ("values(map)", "[1, 2]"),
        ("lookup(map, \"z\", 9)", "9"),
        ("merge(map, {b = 3}, null)", r#"{"a": 1, "b": 3}"#),
        ("concat(list, [4])", "[1, 2, 3, 4]"),
        ("flatten([1, [2, [3]], []])", "[1, 2, 3]"),
        ("distinct(names)", r#"["b", "a"]"#),
        ("sort(names)", r#"["a", "b", "b"]"#),
        ("reverse(list)", "[3, 2, 1]"),
        ("compact([\"a\", \"\", null])", r#"["a"]"#),
        ("chunklist(list, 2)", "[[1, 2], [3]]"),
        ("coalesce(null, \"\", \"a\")", "\"a\""),
        ("coalescelist([], list)", "[1, 2, 3]"),
        ("contains(list, 2)", "true"),
        ("contains(list, \"2\")", "false"),
        ("element(list, 4)", "2"),
        ("element(list, -1)", "3"),
        ("index(names, \"a\")", "1"),
        ("slice(list, 1, 3)", "[2, 3]"),
        ("range(3)", "[0, 1, 2]"),
        ("range(3, 0)", "[3, 2, 1]"),
        ("range(0, 1, 0.25)", "[0, 0.25, 0.5, 0.75]"),
        ("zipmap([\"a\", \"b\"], list[*] == [] ? [] : [1, 2])", r#"{"a": 1, "b": 2}"#),
        ("toset(names)", r#"["a", "b"]"#),
        ("tolist([1, \"a\", unknown])", r#"[(known after apply), "a", (known after apply)]"#),
        ("tolist([1, \"a\", true])", r#"["1", "a", "true"]"#),
        ("setunion([\"b\"], [\"a\", \"b\"])", r#"["a", "b"]"#),
        ("setintersection(list, [2, 3, 4])", "[2, 3]"),
        ("setsubtract(list, [2])", "[1, 3]"),
        ("one([])", "null"),
        ("sum(list) + max(1, 5) + min(list...)", "12"),
        ("alltrue([true, unknown, false])", "false"),
        ("anytrue([false, unknown])", "(known after apply)"),
    ]);
}

#[test]
fn functions_on_the_rest() {
    table(&[
        ("abs(-1.5) + ceil(1.2) + floor(1.8) + signum(-3)", "3.5"),
        ("pow(2, 100)", "1267650600228229401496703205376"),
        ("pow(2, -2)", "0.25"),
        ("parseint(\"ff\", 16)", "255"),
        ("parseint(\"-101\", 2)", "-5"),
        ("tonumber(\"1.5\")", "1.5"),
        ("tostring(1.50)", "\"1.5\""),
        ("tobool(\"true\")", "true"),
        ("jsonencode({b = [1, 0.1, null], a = \"<x>\"})", r#""{\"a\":\"\\u003cx\\u003e\",\"b\":[1,0.1,null]}""#),
        (
            "jsondecode(\"{\\\"n\\\": 0.1234567890123456789, \\\"l\\\": [true, null]}\")",
            r#"{"l": [true, null], "n": 0.1234567890123456789}"#,
        ),
        ("yamldecode(\"a: 1\\nb: [x, no, true]\\n\")", r#"{"a": 1, "b": ["x", "no", true]}"#),
        (
            "yamldecode(yamlencode({a = [{b = 1, c = []}, [1, 2]], t = \"x\\ny\\n\", e = \"\"}))",
            r#"{"a": [{"b": 1, "c": []}, [1, 2]], "e": "", "t": "x\ny\n"}"#,
        ),
        (
            "yamlencode({a = [1, {b = 2, c = \"x\"}], d = {}})",
            r#""\"a\":\n- 1\n- \"b\": 2\n  \"c\": \"x\"\n\"d\": {}\n""#,
        ),
        ("base64decode(base64encode(\"hällo\"))", "\"hällo\""),
        ("sha256(\"\")", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""),
        ("urlencode(\"a b&ä\")", "\"a+b%26%C3%A4\""),
        ("file(\"hello.txt\")", "\"hello\\n\""),
        ("filesha256(\"hello.txt\") == sha256(file(\"hello.txt\"))", "true"),
        ("filebase64(\"hello.txt\")", "\"aGVsbG8K\""),
        ("[fileexists(\"hello.txt\"), fileexists(\"dir/none\")]", "[true, false]"),
        ("fileset(\"dir\", \"*.yaml\")", r#"["a.yaml"]"#),
        ("fileset(\"dir\", \"**/*.yaml\")", r#"["a.yaml", "sub/b.yaml"]"#),
        ("templatefile(\"greet.tpl\", {name = \"ana\", items = [1, 2]})", "\"Hello ana!\\n- 1\\n- 2\\n\""),
        ("abspath(\"./x/../y\")", "\"/srv/shop/y\""),
        (
            "[basename(\"a/b.c\"), dirname(\"a/b.c\"), dirname(\"b\"), pathexpand(\"~/x\")]",
            r#"["b.c", "a", ".", "/home/ana/x"]"#,
        ),
        ("env(\"NONE\", \"d\")", "\"d\""),
        ("timeadd(timestamp(), \"1h30m\")", "\"2026-01-02T16:34:05Z\""),
        (
            "formatdate(\"EEE, DD MMM YYYY hh:mm:ss ZZZ 'o''clock'\", \"2026-01-02T15:04:05Z\")",
            "\"Fri, 02 Jan 2026 15:04:05 UTC o'clock\"",
        ),
        ("uuid() == uuid()", "false"),
        ("type({a = [1, \"x\"]})", "\"object({ a = tuple([number, string]) })\""),
        ("[issensitive(secret), issensitive(s)]", "[true, false]"),
        ("nonsensitive(secret)", "\"hunter2\""),
        ("can(1 + \"x\")", "false"),
        ("try(map.z, nothing.x, 5)", "5"),
        ("try(unknown.x, 5)", "(known after apply)"),
        ("try(tonumber(secret), 5)", "(sensitive value)"),
        ("can(tonumber(secret))", "(sensitive value)"),
        ("jsonencode(mixed)", "(sensitive value)"),
        ("length([secret, unknown])", "2"),
        ("join(\",\", [unknown])", "(known after apply)"),
    ]);
}

#[test]
fn errors_point_at_the_fault() {
    complaints(&[
        ("1 + \"x\"", "`+` takes numbers / this string is not a number", "\"x\""),
        ("5 % 0", "division by zero", "0"),
        ("map.c", "there is no attribute `c`", "c"),
        ("people[0].nmae", "did you mean `name`?", "nmae"),
        ("people.name", "a list has no attribute `name`", "name"),
        ("list[7]", "the list has 3 items", "7"),
        ("list[0.5]", "whole number", "0.5"),
        ("uper(s)", "did you mean `upper`?", "uper"),
        ("upper()", "too few arguments", "upper()"),
        ("upper([1])", "`upper`: this must be a string / this is a list", "[1]"),
        ("\"a${null}\"", "a template cannot hold null", "null"),
        ("\"a${list}\"", "a template cannot hold a list", "list"),
        ("[for x in 5 : x]", "`for` takes a list or a map", "5"),
        ("{for x in [1, 1] : \"a\" => x}", "two items have the same key / \"a\" again", "\"a\""),
        ("1 ? 2 : 3", "the condition must be a bool", "1"),
        ("nosuch.x", "there is no `nosuch`", "nosuch.x"),
        ("{map.a = 1}", "must stand in parentheses", "map.a"),
        ("tonumber(secret)", "`tonumber`: this must be a number", "secret"),
        ("jsondecode(secret)", "this is not JSON", "secret"),
        ("map[secret]", "the map has no such key", "secret"),
        ("{for x in [secret, secret] : x => 1}", "the same key again", "x"),
        ("file(\"none\")", "none: no such file", "\"none\""),
        (
            "templatefile(\"bad.tpl\", {name = 1})",
            "bad.tpl line 2: the template has no variable `nmae`",
            "templatefile(\"bad.tpl\", {name = 1})",
        ),
        ("templatefile(\"again.tpl\", {})", "cannot render another one", "templatefile(\"again.tpl\", {})"),
        ("try(nosuch, 1 + \"x\")", "every argument has an error", "try(nosuch, 1 + \"x\")"),
        ("pow(10, 3000)", "more than 1000 digits", "pow(10, 3000)"),
        ("1 +", "syntax error: unexpected `+`", "+"),
    ]);
    assert_eq!(value_of("[nosuch, uper(s), {a = 1 + \"x\"}]").unwrap_err().len(), 3);
}

#[test]
fn growth_is_bounded() {
    for text in [
        "range(100000000)",
        "[for a in range(3000) : [for b in range(3000) : [for c in range(3000) : 1]]]",
        "\"%{ for a in range(1000000) }%{ for b in range(1000000) }%{ endfor }%{ endfor }\"",
        "format(\"%1000000000d\", 1)",
        "join(s, [for x in range(1000) : indent(10000, join(\"\\n\", range(1000)))])",
        "[for a in [[1, 1]] : [for b in [[a, a, a, a, a, a, a, a]] : [for c in [[b, b, b, b, b, b, b, b]] : [for d in [[c, c, c, c, c, c, c, c]] : [for e in [[d, d, d, d, d, d, d, d]] : [for f in [[e, e, e, e, e, e, e, e]] : [for g in [[f, f, f, f, f, f, f, f]] : [for h in [[g, g, g, g, g, g, g, g]] : [for i in [[h, h, h, h, h, h, h, h]] : i]]]]]]]]]",
        "length(concat([for x in range(100) : range(100000)]...))",
        "length(join(\",\", [for x in range(100) : range(100000)]...))",
        "[for x in range(100000) : x if contains(range(100000), -x)]",
        "length(distinct([for x in range(100000) : join(s, [for y in range(10) : indent(100, join(\"\\n\", range(100)))])]))",
        "pow(pow(10, 900), 900)",
        "yamldecode(\"a: &a [x, x, x, x, x, x, x, x, x, x]\\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\\n\")",
    ] {
        assert!(value_of(text).is_err(), "{text}");
    }
}

#[test]
fn references_are_free_names_only() {
    let text = "{ (a.b) = [for x in c[d.e].f : \"${x} ${y[*].z}\" if x != g], h = i(j...), k = \"%{ for l in m }${l}${n}%{ endfor }\" }";
    let expr = parse_expression(FileId(0), text).unwrap();
    let found: Vec<_> = references(&expr)
        .into_iter()
        .map(|reference| &text[reference.span.start as usize..reference.span.end as usize])
        .collect();
    assert_eq!(found, ["a.b", "c[d.e].f", "d.e", "y[*].z", "g", "j", "m", "n"]);
}

#[test]
fn types_are_read() {
    let ty = |text: &str| parse_type(&parse_expression(FileId(0), text).unwrap());
    for text in [
        "string",
        "list(number)",
        "map(any)",
        "set(bool)",
        "tuple([string, number])",
        "object({ a = optional(string), b = number })",
    ] {
        assert_eq!(ty(text).unwrap().to_string(), text);
    }
    let defaulted = ty("object({ a = optional(number, \"5\") })").unwrap();
    assert_eq!(format!("{:?}", defaulted.convert(&Value::map::<&str>([])).unwrap()), r#"{"a": 5}"#);
    for (text, message) in [
        ("strin", "there is no type `strin`"),
        ("\"string\"", "a type stands without quotes"),
        ("list", "`list` needs the type"),
        ("object({ a = optional(number, \"x\") })", "the default does not fit"),
        ("object({ a = optional(string, timestamp()) })", "without functions"),
        ("map(string, string)", "takes one argument"),
        ("optional(string)", "only within `object"),
    ] {
        let diagnostics = ty(text).unwrap_err();
        assert!(diagnostics[0].message.contains(message), "{text}: {diagnostics:?}");
    }
}

#[test]
fn the_table_is_sorted_and_documented() {
    let names: Vec<_> = functions().iter().map(|function| function.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    for function in functions() {
        assert!(function.signature.starts_with(function.name) && function.doc.ends_with('.'), "{function:?}");
    }
}
