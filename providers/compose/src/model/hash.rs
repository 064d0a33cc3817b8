//! The hashes by which Compose tells whether an object was made from another configuration.
//!
//! Compose writes a hash of a service's resolved configuration on each container, and of a network's and a volume's on
//! them. It is the SHA-256 of the JSON that Go's encoder makes of them, without the members that do not concern the
//! container. `config --hash` prints it too, though not with the service's environment files resolved, and not for networks
//! and volumes; `config --format json` has all that is needed to work it out. The tests hold it against real labels.

use deployctl_sdk::Digest;

use super::node::Node;

/// What a service's hash leaves out.
pub(crate) const NOT_IN_HASH: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// The hash of a service whose references to other services are resolved.
pub(crate) fn service(service: &Node) -> String {
    let mut hashed = service.clone();
    NOT_IN_HASH.iter().for_each(|key| hashed.remove(key));
    if let Some(deploy) = hashed.get_mut("deploy") {
        deploy.remove("replicas");
    }
    of(&hashed)
}

/// The hash of a network.
pub(crate) fn network(network: &Node) -> String {
    of(network)
}

/// The hash of a volume, which has a driver even where none is given.
pub(crate) fn volume(volume: &Node) -> String {
    if volume.text("driver").is_some_and(|driver| !driver.is_empty()) {
        return of(volume);
    }
    let mut members: Vec<(String, Node)> =
        volume.members().iter().filter(|(key, _)| key != "driver").cloned().collect();
    // The driver stands after the name.
    let place = members.iter().position(|(key, _)| key == "name").map_or(0, |at| at + 1);
    members.insert(place, ("driver".to_owned(), Node::Text("local".to_owned())));
    of(&Node::Map(members))
}

fn of(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    Digest::of(text.as_bytes()).to_string()
}

/// As Go's encoder writes it: no space between tokens, and what HTML gives a meaning to escaped.
fn write(node: &Node, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::Text(text) => quote(text, out),
        Node::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Node::Map(members) => {
            out.push('{');
            for (position, (key, member)) in members.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{0}'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Compose 2.40.3 wrote on the objects that it made from this configuration.
    const SERVICE: &str = r#"{"command":["sleep","1000"],"depends_on":{"db":{"condition":"service_healthy","restart":true,
        "required":true}},"deploy":{"replicas":2,"resources":{},"placement":{}},"entrypoint":null,
        "environment":{"W":"1"},"image":"deployctl-test/busybox:1","networks":{"default":null},
        "ports":[{"mode":"ingress","host_ip":"127.0.0.1","target":80,"protocol":"tcp"}]}"#;

    fn node(text: &str) -> Node {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn hashes_are_those_that_compose_writes_on_its_objects() {
        assert_eq!(service(&node(SERVICE)), "ec34e45d2dabd0ffebae763f8affb55c64c1d078e7b3e5fa603010ef312a51d9");
        assert_eq!(
            network(&node(r#"{"name":"ctx1_default","ipam":{}}"#)),
            "343c40e19559175cc191d4527afee1aa1905ce897065a2d1bc0122968369f71f"
        );
        assert_eq!(
            volume(&node(r#"{"name":"ctx1_data"}"#)),
            "627281307588ecf16f1c50af9f978dfbb33a676e9fd3928d4c56684f9d90b194"
        );
    }

    #[test]
    fn texts_are_quoted_as_go_does() {
        let mut out = String::new();
        quote("a<b>&\"\\\n\u{1}\u{2028}é$", &mut out);
        assert_eq!(out, "\"a\\u003cb\\u003e\\u0026\\\"\\\\\\n\\u0001\\u2028é$\"");
    }
}
