//! A long history: ten thousand revisions, of which all but the retention's are collected.

use aws_sdk_s3::primitives::ByteStream;
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};

use super::place::{ALL, Kind, Place};
use super::team::{SITE, ok};

const REVISIONS: usize = 10_000;

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
fn ten_thousand_revisions_are_listed_and_collected() {
    for kind in ALL {
        // The stand-in takes minutes for so many objects; MinIO pages as it does.
        let count = if kind == Kind::Moto { 1500 } else { REVISIONS };
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
