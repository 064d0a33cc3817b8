//! What can be wrong about a shared place, and what is said of it. What a server at hand can be brought to answer, it answers
//! itself; what takes AWS's own (skewed clocks, expired tokens, other regions) is answered by a stand-in in AWS's words.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;

use super::careless::{Objects, exchange};
use super::place::{Kind, Place};
use super::team::{SITE, ok};
use crate::context::Context;

/// A server that gives one answer to everything.
pub fn answering(status: &'static str, kind: &'static str, headers: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match client.read(&mut piece) {
                        Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
                        _ => return,
                    }
                }
                let length = body.len();
                let _ = write!(
                    client,
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
                );
            });
        }
    });
    format!("http://{address}")
}

fn refusing(status: &'static str, body: &'static str) -> String {
    answering(status, "application/xml", "", body)
}

/// A machine whose state is in a bucket of that server.
fn at(endpoint: &str) -> Context {
    let mut context = Context::with(&format!(
        "deployctl {{\n  state \"s3\" {{\n    bucket = \"states\"\n    key = \"shop\"\n    region = \"us-east-1\"\n    endpoint = \"{endpoint}\"\n    path_style = true\n  }}\n}}\n{SITE}"
    ));
    Place::prepare(&mut context);
    context
}

/// What is said, with what differs from run to run replaced.
pub fn said(context: &Context, command: &str) -> String {
    let answer = context.run(command).to_string();
    let names = regex::Regex::new(r"\bt[0-9a-f]{32}\b").unwrap().replace_all(&answer, "[BUCKET]").into_owned();
    regex::Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(&names, "[SERVER]").into_owned()
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_with_call_and_object() {
    let mut all = String::new();
    let mut show = |case: &str, context: &Context, command: &str| {
        writeln!(all, "# {case}\n{}", said(context, command)).unwrap();
    };
    let place = Place::new(Kind::Minio);
    let mut missing = at(&place.server);
    missing.write("main.hcl", &missing.read("main.hcl").replace("\"states\"", "\"no-such-bucket-anywhere\""));
    show("a bucket that is not there", &missing, "plan");
    show("a bucket that is not there, applied", &missing, "apply --auto-approve");
    missing.set("AWS_SECRET_ACCESS_KEY", "wrong");
    show("a wrong secret", &missing, "plan");
    missing.set("AWS_ACCESS_KEY_ID", "nobody");
    show("an unknown key", &missing, "plan");
    missing.set("AWS_ACCESS_KEY_ID", "");
    show("no credentials", &missing, "plan");
    let denied = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    show("access denied", &at(&refusing("403 Forbidden", denied)), "plan");
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>";
    show("a skewed clock", &at(&refusing("403 Forbidden", skewed)), "plan");
    let expired = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    show("expired credentials", &at(&refusing("400 Bad Request", expired)), "plan");
    let region = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>";
    show("another region", &at(&refusing("400 Bad Request", region)), "plan");
    let moved = "<Error><Code>PermanentRedirect</Code><Message>The bucket must be addressed using the specified endpoint.</Message></Error>";
    let moved = answering("301 Moved Permanently", "application/xml", "x-amz-bucket-region: eu-central-1\r\n", moved);
    show("a bucket that is elsewhere", &at(&moved), "plan");
    let page = "<!DOCTYPE html><html><body>Welcome to the console</body></html>";
    show("a web page", &at(&answering("200 OK", "text/html", "", page)), "plan");
    show("a web page's refusal", &at(&answering("404 Not Found", "text/html", "", page)), "plan");
    show("a web page, written to", &at(&answering("200 OK", "text/html", "", page)), "apply --auto-approve");
    show("nothing that listens", &at("http://127.0.0.1:9"), "plan");
    insta::assert_snapshot!(all);
}

#[test]
fn a_server_without_conditional_writes_is_refused_unless_the_risk_is_accepted() {
    let objects = Objects::default();
    let machine = at(&careless(&objects));
    insta::assert_snapshot!(said(&machine, "apply --auto-approve"));
    assert!(objects.lock().unwrap().keys().all(|name| name.ends_with("/probe")), "nothing else was written");
    let main = machine.read("main.hcl").replace("path_style", "allow_unconditional_writes = true\n    path_style");
    machine.write("main.hcl", &main);
    ok(machine.run("apply --auto-approve"));
    ok(machine.run("apply --auto-approve --var text=second"));
    assert_eq!(ok(machine.run("output page")), "second\n");
}

/// A server that keeps objects and heeds no condition.
fn careless(objects: &Objects) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, objects) = (listener.local_addr().unwrap(), objects.clone());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(mut client), objects) = (client, objects.clone()) else { return };
            std::thread::spawn(move || while exchange(&mut client, &objects).unwrap_or(false) {});
        }
    });
    format!("http://{address}")
}

#[test]
fn a_state_of_another_lineage_is_not_pushed_over_this_one() {
    for kind in super::place::ALL {
        let (place, other) = (Place::new(kind), Place::new(kind));
        let (machine, stranger) = (place.machine(SITE), other.machine(SITE));
        ok(machine.run("apply --auto-approve"));
        ok(stranger.run("apply --auto-approve"));
        let pulled = stranger.command().args(["state", "pull"]).output().unwrap().stdout;
        machine.write("other.json", &String::from_utf8(pulled).unwrap());
        let answer = machine.run("state push other.json");
        assert_eq!(answer.code, 6, "{kind:?}: {answer}");
        assert!(answer.stderr.contains("lineages differ"), "{kind:?}: {answer}");
        if kind == Kind::Minio {
            insta::assert_snapshot!("a_state_of_another_lineage", said(&machine, "state push other.json"));
        }
        // A plan that was saved for the other one:
        ok(stranger.run("plan -o plan.bin --var text=second"));
        let place_of_plan = machine.file("plan.bin");
        std::fs::copy(stranger.file("plan.bin"), &place_of_plan).unwrap();
        // It names the place that it was made for, and is carried out there.
        ok(machine.run("apply plan.bin"));
        assert_eq!(ok(stranger.run("output page")), "second\n", "{kind:?}");
        assert_eq!(ok(machine.run("output page")), "first\n", "{kind:?}");
    }
}

#[test]
fn what_is_wrong_with_a_database_is_said() {
    let place = Place::new(Kind::Postgres);
    let mut all = String::new();
    let mut show = |case: &str, url: &str| {
        let mut context = place.machine_at(url, SITE);
        Place::prepare(&mut context);
        let text = said(&context, "apply --auto-approve").replace(&place.name, "[SCHEMA]");
        writeln!(all, "# {case}\n{text}").unwrap();
    };
    let server = super::place::address(&place.server);
    let role = format!("r{}", &place.name[1..12]);
    place.sql(&format!("create role {role} login password 'secret'"));
    show("no such database", &format!("postgres://deployctl:deployctl@{server}/nowhere"));
    show("a wrong password", &format!("postgres://deployctl:hunter2@{server}/deployctl"));
    show("no right to make a schema", &format!("postgres://{role}:secret@{server}/deployctl"));
    show("nothing that listens", "postgres://deployctl:hunter2@127.0.0.1:9/deployctl");
    show("no address", "what:is@this");
    ok(place.machine(SITE).run("apply --auto-approve"));
    show("no right to the tables", &format!("postgres://{role}:secret@{server}/deployctl"));
    place.sql(&format!("drop role {role}"));
    place.sql("insert into {schema}.schema_version (version) values (7)");
    show("tables of a newer version", &place.server);
    assert!(!all.contains("hunter2") && !all.contains("secret@"), "{all}");
    insta::assert_snapshot!(all.replace(&role, "[ROLE]"));
}
