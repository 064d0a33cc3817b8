//! A server that speaks as much of Vault's HTTP protocol as a client of its KV engine hears: mounts, both versions of the
//! engine, tokens with policies, AppRole and Kubernetes logins, namespaces, being sealed. It stands in for a real one
//! where a test looks at what is asked, or asks for what a server in memory does not do; `vault_server` has a real one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the server holds.
#[derive(Default)]
pub struct State {
    /// Whether it is sealed.
    pub sealed: bool,
    /// The tokens that are good, with the beginnings of the paths that each may read.
    pub tokens: BTreeMap<String, Vec<String>>,
    /// Secrets of version 2 of the engine at `secret/`, each with its versions; `None` where one was deleted.
    pub second: BTreeMap<String, Vec<Option<Value>>>,
    /// Secrets of version 1 of the engine at `old/`.
    pub first: BTreeMap<String, Value>,
    /// The secret ids that AppRole takes, with the role's id.
    pub app_roles: BTreeMap<String, String>,
    /// The service account tokens that the Kubernetes login takes.
    pub accounts: BTreeMap<String, String>,
    /// The namespace that everything is in.
    pub namespace: Option<String>,
    /// Every request line that came, and the token that came with it.
    pub requests: Vec<String>,
}

/// The server, for as long as this lives.
pub struct Vault {
    /// Where it is.
    pub address: String,
    /// What it holds.
    pub state: Arc<Mutex<State>>,
}

impl Vault {
    /// Starts it on loopback.
    pub fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Changes what it holds.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    token: String,
    namespace: Option<String>,
    body: Value,
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let (status, body) = answer(&request, &mut state.lock().unwrap());
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        if stream.write_all(format!("{head}{text}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut token, mut namespace) = (0, String::new(), None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-vault-token" => token = value.trim().to_owned(),
            "x-vault-namespace" => namespace = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), token, namespace, body })
}

fn errors(status: u16, errors: &[&str]) -> (u16, Value) {
    (status, json!({ "errors": errors }))
}

fn answer(request: &Request, state: &mut State) -> (u16, Value) {
    state.requests.push(format!("{} {} {}", request.method, request.path, request.token));
    if state.sealed {
        return errors(503, &["Vault is sealed"]);
    }
    let path = request.path.strip_prefix("/v1/").unwrap_or_default();
    if state.namespace != request.namespace {
        return errors(403, &["permission denied"]);
    }
    let logged_in = |token: &str| (200, json!({ "auth": { "client_token": token, "policies": ["default"] } }));
    match path {
        "auth/approle/login" => {
            let (role, id) = (request.body["role_id"].as_str(), request.body["secret_id"].as_str());
            return match id.and_then(|id| state.app_roles.get(id)) {
                Some(known) if Some(known.as_str()) == role => logged_in("by-app-role"),
                _ => errors(400, &["invalid role or secret ID"]),
            };
        }
        "auth/kubernetes/login" => {
            let (role, jwt) = (request.body["role"].as_str(), request.body["jwt"].as_str());
            return match jwt.and_then(|jwt| state.accounts.get(jwt)) {
                Some(known) if Some(known.as_str()) == role => logged_in("by-kubernetes"),
                _ => errors(403, &["permission denied"]),
            };
        }
        _ => {}
    }
    if path.starts_with("auth/") && path.ends_with("/login") {
        return errors(404, &[]);
    }
    let Some(allowed) = state.tokens.get(&request.token) else {
        return errors(403, &["permission denied", "invalid token"]);
    };
    if path == "auth/token/lookup-self" {
        return (200, json!({ "data": { "id": "hidden" } }));
    }
    if let Some(asked) = path.strip_prefix("sys/internal/ui/mounts/") {
        let mount = |name: &str, version: &str| {
            (200, json!({ "data": { "path": name, "type": "kv", "options": { "version": version } } }))
        };
        return match asked.split('/').next() {
            Some("secret") => mount("secret/", "2"),
            Some("old") => mount("old/", "1"),
            Some("pki") => (200, json!({ "data": { "path": "pki/", "type": "pki", "options": null } })),
            _ => {
                errors(403, &["preflight capability check returned 403, please ensure client's policies grant access"])
            }
        };
    }
    if !allowed.iter().any(|prefix| path.starts_with(prefix.as_str())) {
        return errors(403, &["1 error occurred:\n\t* permission denied\n\n"]);
    }
    if let Some(name) = path.strip_prefix("old/") {
        return state.first.get(name).map_or_else(|| errors(404, &[]), |data| (200, json!({ "data": data })));
    }
    let Some(versions) = path.strip_prefix("secret/data/").and_then(|name| state.second.get(name)) else {
        return errors(404, &[]);
    };
    let asked = request.query.strip_prefix("version=").and_then(|version| version.parse::<usize>().ok());
    let version = asked.unwrap_or(versions.len());
    match versions.get(version.wrapping_sub(1)) {
        None => errors(404, &[]),
        Some(None) => (
            404,
            json!({ "data": { "data": null, "metadata": { "version": version, "destroyed": false, "deletion_time": "2026-01-01T00:00:00Z" } } }),
        ),
        Some(Some(data)) => (
            200,
            json!({ "data": { "data": data, "metadata": { "version": version, "destroyed": false, "deletion_time": "" } } }),
        ),
    }
}
