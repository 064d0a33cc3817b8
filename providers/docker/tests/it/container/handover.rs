//! Replacements that make the new container first, watched by clients that ask all the while.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deployctl_sdk::conformance::Held;
use deployctl_sdk::{Action, RiskKind, Value};

use super::bench::{Bench, attribute, block, blocks, docker, eventually, free_port, inspect, texts, with};

/// A small web server whose page says which one it is.
fn server(bench: &Bench, page: &str, more: &[(&str, Value)]) -> Value {
    let upload = blocks([block(&[("path", "/www/index.html".into()), ("content", page.into())])]);
    let command = texts(&["httpd", "-f", "-p", "80", "-h", "/www"]);
    let base = bench.config("web", &[("command", command), ("upload", upload), ("stop_timeout", Value::from(1))]);
    with(&base, more)
}

fn published(port: u16) -> Value {
    let members =
        [("internal", Value::from(80)), ("external", Value::from(i64::from(port))), ("ip", "127.0.0.1".into())];
    blocks([block(&members)])
}

fn check(test: &str) -> Value {
    let members = [("test", texts(&["CMD-SHELL", test])), ("interval", "200ms".into()), ("retries", Value::from(2))];
    block(&members)
}

/// Asks a port of this machine until told to stop: every answer, and the longest time without one.
struct Client {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(Vec<String>, Duration)>,
}

impl Client {
    fn of(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut answers, mut longest, mut last) = (Vec::new(), Duration::ZERO, Instant::now());
            loop {
                // Asks once more after it was told to stop: it may have waited in vain all the while the new one answered.
                let last_time = until.load(Ordering::SeqCst);
                if let Some(page) = ask(port) {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                    answers.push(page);
                }
                if last_time {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            (answers, longest.max(last.elapsed()))
        });
        Self { stop, thread }
    }

    fn end(self) -> (Vec<String>, Duration) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(500)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split("\r\n\r\n").nth(1).filter(|page| !page.is_empty()).map(str::to_owned)
}

async fn served(port: u16, page: &str) {
    eventually("the page", || ask(port).as_deref() == Some(page)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_port_is_handed_over_with_a_short_gap_that_the_plan_tells() {
    let bench = Bench::new().await;
    let port = free_port();
    let page = |page: &str| {
        server(&bench, page, &[("port", published(port)), ("healthcheck", check("wget -q -O- http://127.0.0.1/"))])
    };
    let mut held = bench.make(&page("one")).await;
    served(port, "one").await;
    let planned = bench.plan(&held, &page("two")).await;
    let risks: Vec<(RiskKind, &str)> = planned.risks.iter().map(|risk| (risk.kind, risk.text.as_str())).collect();
    let told = format!("host port {port} is fixed, so the old one stops before the new one starts");
    assert_eq!(risks, [(RiskKind::Interrupts, told.as_str())]);
    let client = Client::of(port);
    bench.try_apply(&mut held, &page("two"), true).await.unwrap();
    served(port, "two").await;
    let (answers, gap) = client.end();
    eprintln!("the port did not answer for {gap:?}, {} answers", answers.len());
    let turn = answers.iter().position(|page| page == "two").unwrap();
    assert!(answers[..turn].iter().all(|page| page == "one") && answers[turn..].iter().all(|page| page == "two"));
    assert_eq!(bench.containers(), [bench.name("web")]);
    bench.settled(&held, &page("two")).await;
    bench.delete(held).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_port_goes_back_to_the_old_one_if_the_new_one_does_not_come_up() {
    let bench = Bench::new().await;
    let port = free_port();
    let page =
        |page: &str, test: &str| server(&bench, page, &[("port", published(port)), ("healthcheck", check(test))]);
    let mut held = bench.make(&page("one", "true")).await;
    let id = attribute(&held, "id").clone();
    served(port, "one").await;
    let error = bench.try_apply(&mut held, &page("two", "echo unwell; false"), true).await.unwrap_err();
    assert!(error.message.contains("fails: unwell"), "{error}");
    assert!(error.message.ends_with("the old one was started again"), "{error}");
    served(port, "one").await;
    assert_eq!((attribute(&held, "id"), bench.containers()), (&id, vec![bench.name("web")]));
    bench.settled(&held, &page("one", "true")).await;
    bench.delete(held).await;
}

/// Starts a container that asks for `http://web/` all the time, and writes down what it gets.
fn asking(bench: &Bench, network: &str) -> String {
    let name = bench.name("client");
    // A statically linked wget cannot look up names itself; this client takes the first address that it is given, and
    // never tries another.
    let line = "while true; do \
        at=$(nslookup web 2>/dev/null | awk '/^Name/ { told = 1 } told && /^Address/ { print $2; exit }'); \
        timeout 1 wget -q -O- http://$at/ 2>/dev/null || echo failed; echo; done";
    docker(&[
        "run",
        "--detach",
        "--init",
        "--name",
        &name,
        "--network",
        network,
        super::bench::IMAGE,
        "sh",
        "-c",
        line,
    ]);
    name
}

fn answers(client: &str) -> Vec<String> {
    docker(&["logs", client]).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

async fn in_network(bench: &Bench) -> (String, Value) {
    let network = bench.name("net");
    docker(&["network", "create", &network]);
    let attached = blocks([block(&[("name", network.as_str().into()), ("aliases", texts(&["web"]))])]);
    (network, attached)
}

#[tokio::test]
async fn an_alias_is_handed_over_while_somebody_always_answers() {
    let bench = Bench::new().await;
    let (network, attached) = in_network(&bench).await;
    let test = "wget -q -O- http://127.0.0.1/";
    let page = |page: &str| server(&bench, page, &[("network", attached.clone()), ("healthcheck", check(test))]);
    let mut held = bench.make(&page("one")).await;
    let client = asking(&bench, &network);
    eventually("the page", || answers(&client).iter().filter(|page| *page == "one").count() > 20).await;
    bench.try_apply(&mut held, &page("two"), true).await.unwrap();
    eventually("the page", || answers(&client).iter().rev().take(20).all(|page| page == "two")).await;
    docker(&["stop", "--time", "0", &client]);
    let all = answers(&client);
    let failed = all.iter().filter(|page| *page == "failed").count();
    eprintln!("{failed} of {} requests failed", all.len());
    // The engine's name server gives an address away until its container has ended, and this client never tries another
    // one: so some requests may meet the very end of the old one, and only those.
    assert!(failed * 10 <= all.len(), "{failed} of {} requests failed", all.len());
    docker(&["rm", "--force", &client]);
    assert_eq!(bench.containers(), [bench.name("web")]);
    bench.settled(&held, &page("two")).await;
    bench.delete(held).await;
}

#[tokio::test]
async fn nobody_is_led_to_a_new_one_that_is_not_healthy() {
    let bench = Bench::new().await;
    let (network, attached) = in_network(&bench).await;
    let page =
        |page: &str, test: &str| server(&bench, page, &[("network", attached.clone()), ("healthcheck", check(test))]);
    let mut held = bench.make(&page("one", "true")).await;
    let id = attribute(&held, "id").clone();
    let client = asking(&bench, &network);
    eventually("the page", || answers(&client).iter().filter(|page| *page == "one").count() > 20).await;
    let before = answers(&client).len();
    let error = bench.try_apply(&mut held, &page("two", "sleep 1; false"), true).await.unwrap_err();
    assert!(error.message.contains("the health check of"), "{error}");
    eventually("more answers", || answers(&client).len() > before + 50).await;
    let all = answers(&client);
    assert!(all.iter().skip_while(|page| *page == "failed").all(|page| page == "one"), "{all:?}");
    docker(&["rm", "--force", &client]);
    assert_eq!((attribute(&held, "id"), bench.containers()), (&id, vec![bench.name("web")]));
    bench.delete(held).await;
}

#[tokio::test]
async fn a_range_of_ports_lets_both_run_side_by_side() {
    let bench = Bench::new().await;
    let first = free_port().min(60_000);
    let range = format!("{first}-{}", first + 200);
    let port =
        blocks([block(&[("internal", Value::from(80)), ("range", range.as_str().into()), ("ip", "127.0.0.1".into())])]);
    let page = |page: &str| server(&bench, page, &[("port", port.clone())]);
    let mut held = bench.make(&page("one")).await;
    let number = |held: &Held| {
        let ports = attribute(held, "ports").get("80/tcp").and_then(Value::as_list).unwrap().to_vec();
        u16::try_from(ports[0].as_i64().unwrap()).unwrap()
    };
    let old = number(&held);
    assert!((first..=first + 200).contains(&old));
    served(old, "one").await;
    assert_eq!(bench.plan(&held, &page("two")).await.risks, []);
    bench.try_apply(&mut held, &page("two"), true).await.unwrap();
    assert_ne!(number(&held), old);
    served(number(&held), "two").await;
    bench.delete(held).await;
}

#[tokio::test]
async fn replicas_are_handed_over_together() {
    let bench = Bench::new().await;
    let page = |page: &str| server(&bench, page, &[("replicas", Value::from(2))]);
    let mut held = bench.make(&page("one")).await;
    let before = attribute(&held, "ids").clone();
    let planned = bench.try_apply(&mut held, &page("two"), true).await.unwrap();
    assert!(planned.children.iter().all(|child| matches!(child.action, Action::Replace(_))), "{:?}", planned.children);
    assert_eq!(planned.children.len(), 2);
    let after = attribute(&held, "ids").clone();
    assert!(after.as_list().unwrap().iter().all(|id| !before.as_list().unwrap().contains(id)));
    let mut names = bench.containers();
    names.sort();
    assert_eq!(names, [bench.name("web-1"), bench.name("web-2")]);
    assert_eq!(inspect(&names[0], "{{.State.Status}}"), "running");
    bench.settled(&held, &page("two")).await;
    bench.delete(held).await;
}
