//! A long history: ten thousand revisions, of which all but the retention's are collected; and that whoever lost the lock
//! collects nothing.

use aws_sdk_s3::primitives::ByteStream;
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};

use super::locks::lock_id;
use super::place::{ALL, Kind, Place, address};
use super::proxy::Proxy;
use super::team::{SITE, ok};

/// How many there are. A short run is content with what takes S3 two pages to list; the stand-in takes minutes for more.
fn revisions(kind: Kind) -> usize {
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    if long && kind != Kind::Moto { 10_000 } else { 1_100 }
}

/// The revision as it rests, with another serial and an old date.
fn older(bytes: &[u8], serial: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (_, body) = text.split_once("\"body\":").unwrap();
    let mut body: serde_json::Value = serde_json::from_str(body.trim_end().strip_suffix('}').unwrap()).unwrap();
    body["serial"] = serial.into();
    body["at"] = "2020-01-01T00:00:00Z".into();
    let body = body.to_string();
    let sum: String =
        Sha256::digest(format!("deployctl-revision\n1\n{body}")).iter().map(|b| format!("{b:02x}")).collect();
    format!(
        "{{\"format\":\"deployctl-revision\",\"format_version\":1,\"checksum\":\"sha256:{sum}\",\"body\":{body}}}\n"
    )
    .into_bytes()
}

#[test]
fn a_long_history_is_listed_and_collected() {
    for kind in ALL {
        let count = revisions(kind);
        let place = Place::new(kind);
        let machine = place.machine(SITE);
        ok(machine.run("apply --auto-approve"));
        let resting = place.resting();
        let (_, first) = resting.iter().find(|(name, _)| name.ends_with("revisions/000000000001.json")).unwrap();
        // Serials below the real one are all taken: the old ones stand above it, with an old date.
        let all: Vec<(String, Vec<u8>)> = (2..=count)
            .map(|serial| (format!("shop/default/revisions/{serial:012}.json"), older(first, serial)))
            .collect();
        put(&place, all);
        let output = machine.command().args(["state", "prune", "--json"]).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // The last fifty stay; the real one, which is young, too.
        assert_eq!(shown["revisions"].as_array().unwrap().len(), count - 51, "{kind:?}");
        assert_eq!(shown["removed"], false, "{kind:?}");
        ok(machine.run("state prune --apply"));
        let left = place.resting().into_iter().filter(|(name, _)| name.contains("/revisions/")).count();
        assert_eq!(left, 51, "{kind:?}");
        assert_eq!(ok(machine.run("output page")), "first\n", "{kind:?}");
    }
}

/// The pruner has found out what nobody needs, and is held up; meanwhile its lock is broken, and the next run needs it.
#[test]
fn a_pruner_whose_lock_was_broken_removes_nothing_that_the_next_run_needs() {
    for kind in ALL {
        let place = Place::new(kind);
        let proxy = Proxy::new(&address(&place.server), kind != Kind::Postgres, 1);
        let through = place.server.replace(&address(&place.server), &proxy.address);
        let retention = |main: String| {
            main.replacen("deployctl {", "deployctl {\n  retention {\n    revisions = 1\n    days = 0\n  }", 1)
        };
        let (pruner, other) = (place.machine_at(&through, SITE), place.machine(SITE));
        pruner.write("main.hcl", &retention(pruner.read("main.hcl")));
        for text in ["first", "second", "third"] {
            ok(other.run(&format!("apply --auto-approve --var text={text}")));
        }
        let before = place.resting();
        proxy.hold(if kind == Kind::Postgres { "blobs/" } else { "prefix=shop%2Fdefault%2Fblobs" });
        let pruned = std::thread::scope(|scope| {
            let pruning = scope.spawn(|| pruner.run("state prune --apply"));
            proxy.wait_for_held();
            ok(other.run_args(&["state", "unlock", "--force", &lock_id(&other).unwrap()]));
            ok(other.run("apply --auto-approve --var text=first"));
            proxy.let_go();
            pruning.join().unwrap()
        });
        assert_eq!(pruned.code, 4, "{kind:?}: {pruned}");
        assert!(pruned.stderr.contains("the lock was broken"), "{kind:?}: {pruned}");
        let after = place.resting();
        for (name, _) in before.iter().filter(|(name, _)| name.contains("/blobs/") || name.contains("/revisions/")) {
            assert!(after.iter().any(|(other, _)| other == name), "{kind:?}: {name} was removed");
        }
        ok(other.run("rollback --auto-approve --to 2"));
        assert_eq!(ok(other.run("output page")), "second\n", "{kind:?}");
        // Whoever holds the lock collects them.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        assert!(ok(pruner.run("state prune --apply")).contains("Removed 4 revisions"), "{kind:?}");
    }
}

fn put(place: &Place, all: Vec<(String, Vec<u8>)>) {
    if place.kind == Kind::Postgres {
        for some in all.chunks(500) {
            let rows = some.iter().map(|(name, bytes)| {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let path = name.strip_prefix("shop/default/").unwrap();
                format!("('shop/default', '{path}', nextval('{{schema}}.versions'), '\\x{hex}')")
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            place.sql(&format!("insert into {{schema}}.documents (deployment, path, version, bytes) values {rows}"));
        }
        return;
    }
    let client = place.client();
    let puts = stream::iter(all)
        .map(|(name, bytes)| client.put_object().bucket(&place.name).key(name).body(ByteStream::from(bytes)).send());
    place.wait(puts.buffer_unordered(32).for_each(async |put| drop(put.unwrap())));
}
