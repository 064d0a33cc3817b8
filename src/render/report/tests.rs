//! Failures as people see them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;

/// The span of the `nth` place where `needle` stands.
fn span(sources: &SourceMap, file: FileId, needle: &str) -> Span {
    let start = sources.get(file).unwrap().text.find(needle).unwrap();
    Span { file, start: u32::try_from(start).unwrap(), end: u32::try_from(start + needle.len()).unwrap() }
}

const SHOP: &str =
    "# the shop\nresource \"docker_container\" \"api\" {\n  imgae = docker_image.api.id\n  cmd   = [\"é\"]\r\n}\n";

#[test]
fn mistakes_are_underlined() {
    let mut sources = SourceMap::default();
    let shop = sources.add("shop.hcl", SHOP);
    let other = sources.add("other.hcl", "value = 1\n");
    let found = vec![
        Diagnostic::error(
            span(&sources, shop, "imgae"),
            "docker_container has no attribute `imgae`",
            "did you mean `image`?",
        )
        .with_help("`deployctl schema docker_container` lists its attributes"),
        Diagnostic::error(span(&sources, shop, "\"é\""), "two places", "here")
            .with_label(span(&sources, other, "value"), "and there")
            .with_label(span(&sources, shop, "cmd"), ""),
        Diagnostic::warning(Span { file: shop, start: 900, end: 2000 }, "past the end", ""),
    ];
    let error = Error::invalid(Arc::new(sources), found);
    insta::assert_snapshot!(super::error(&error, Look::plain()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&document(&error)).unwrap());
}

#[test]
fn a_line_of_megabytes_is_shown_in_part() {
    let mut sources = SourceMap::default();
    let file = sources.add("long.hcl", format!("a = \"{}\" ! oops {}\n", "x".repeat(5_000_000), "y".repeat(5_000_000)));
    let found = vec![Diagnostic::error(span(&sources, file, "!"), "unexpected `!`", "here")];
    let shown = super::error(&Error::invalid(Arc::new(sources), found), Look::plain());
    insta::assert_snapshot!(shown);
}

#[test]
fn many_mistakes_in_a_large_file_are_counted() {
    let mut sources = SourceMap::default();
    let file = sources.add("many.hcl", "wrong = true\n".repeat(2_000_000));
    let at = |n: u32| Span { file, start: n * 13, end: n * 13 + 5 };
    let found = (0..10_000).map(|n| Diagnostic::error(at(n), format!("no {n}"), "here")).collect();
    let start = Instant::now();
    let shown = super::error(&Error::invalid(Arc::new(sources), found), Look::plain());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(shown.lines().count() < 300);
    assert!(shown.contains("… and 9980 more like these"));
    assert!(shown.ends_with("10000 errors. Nothing was changed.\n"), "{shown}");
}

#[test]
fn failures_without_a_place_say_what_to_do() {
    let error = Error::failed("cannot reach the engine")
        .with_detail(["dial tcp: \u{1b}[2Jrefused\nsecond line".to_owned()])
        .with_hint("is it running?");
    insta::assert_snapshot!(super::error(&error, Look::plain()));
    assert!(super::error(&error, Look { color: true, width: 80, cuts: true }).starts_with("\u{1b}[1;31merror:"));
}

#[test]
fn lines_beside_a_mistake_are_not_shown_unless_they_open_its_block() {
    let text = "resource \"value\" \"a\" {\n  value = 1 1\n  password = \"hunter2\"\n  other = 2 2\n}\n";
    let mut sources = SourceMap::default();
    let file = sources.add("main.hcl", text);
    let found = ["1 1", "2 2"].map(|each| Diagnostic::error(span(&sources, file, each), "two values", "here"));
    let both = Diagnostic::error(span(&sources, file, "1 1"), "two places", "one")
        .with_label(span(&sources, file, "2 2"), "the other");
    let error = Error::invalid(Arc::new(sources), found.into_iter().chain([both]).collect());
    let shown = super::error(&error, Look::plain());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(shown.matches("resource \"value\" \"a\" {").count(), 2, "{shown}");
}
