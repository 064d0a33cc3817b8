//! Runs that are killed as `kill -9` does, at counted points: at every write of ours and around every call of the provider, and
//! before and after every request that changes something on the cluster. The next run finds all that there is, and finishes.
//!
//! A short run takes a few of the points; with `DEPLOYCTL_TEST_LONG=1` all are taken.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::kubernetes::{Place, done, nothing_left, settled, write};

/// How many points of each command a short run takes.
const SHORT: usize = 3;

/// Every which one of so many points is taken.
fn step(total: usize) -> usize {
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    if long { 1 } else { (total / SHORT).max(1) }
}

/// Kills a command at one point after the other, each time from a fresh start, runs it again, and looks. How many points
/// there are.
fn each_point(prepare: impl Fn(&Place), command: &str, look: impl Fn(&Place)) -> usize {
    let total = points(&prepare, command);
    for point in (0..total).step_by(step(total)) {
        let mut place = Place::new();
        prepare(&place);
        place.context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
        let killed = place.run(command);
        place.context.set("DEPLOYCTL_TEST_CRASH_AT", "");
        // Actions run side by side, so a run may have a point or two fewer than the one that was counted.
        assert!(killed.code == -1 || point + 3 > total, "not killed at point {point} of {total}: {killed}");
        if killed.code == -1 {
            done(&place.run(command));
        }
        look(&place);
        done(&place.run("destroy --auto-approve"));
        nothing_left(&place);
    }
    total
}

/// How many points a command has, found by halving: a run that is not killed has fewer.
fn points(prepare: &impl Fn(&Place), command: &str) -> usize {
    let (mut dies, mut lives) = (0, 64);
    while lives - dies > 1 {
        let middle = usize::midpoint(dies, lives);
        let mut place = Place::new();
        prepare(&place);
        place.context.set("DEPLOYCTL_TEST_CRASH_AT", &middle.to_string());
        let killed = place.run(command).code == -1;
        if killed { dies = middle } else { lives = middle }
    }
    lives
}

#[test]
fn an_apply_that_is_killed_leaves_nothing_behind_that_the_next_one_does_not_find() {
    let points = each_point(|place| write(place, 1), "apply --auto-approve", |place| settled(place, 1));
    println!("{points} points");
    assert!(points >= 17, "there are only {points} points");
}

#[test]
fn a_change_that_is_killed_is_finished_by_the_next_apply() {
    let prepare = |place: &Place| {
        write(place, 1);
        done(&place.run("apply --auto-approve"));
        write(place, 2);
    };
    let points = each_point(prepare, "apply --auto-approve", |place| settled(place, 2));
    println!("{points} points");
    assert!(points >= 14, "there are only {points} points");
}

#[test]
fn a_destroy_that_is_killed_is_finished_by_the_next_one() {
    let prepare = |place: &Place| {
        write(place, 1);
        done(&place.run("apply --auto-approve"));
    };
    let points = each_point(prepare, "destroy --auto-approve", nothing_left);
    println!("{points} points");
    assert!(points >= 17, "there are only {points} points");
}

/// What is to be killed, and when.
#[derive(Default)]
struct Aim {
    /// The program.
    run: Option<Child>,
    /// How many requests that change something are still let through.
    others: usize,
    /// Whether the one that it is killed at is carried out before.
    after: bool,
    /// How many requests that change something came.
    seen: usize,
}

/// A port in front of the API server, where the run that asks is killed.
struct Gate {
    port: u16,
    aim: Arc<Mutex<Aim>>,
    kubectl: Child,
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

impl Gate {
    fn new() -> Self {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["proxy", "--port=0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut kubectl = kubectl.spawn().expect("`kubectl` is needed: cargo xtask engines kubernetes");
        let mut said = String::new();
        BufReader::new(kubectl.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let behind = said.trim().rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let aim = Arc::<Mutex<Aim>>::default();
        let shared = aim.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let aim = shared.clone();
                std::thread::spawn(move || pass(client.unwrap(), behind, &aim));
            }
        });
        Self { port, aim, kubectl }
    }

    /// The configuration, with the cluster behind this port.
    fn write(&self, place: &Place, version: u32) {
        write(place, version);
        let main = place.context.read("main.hcl");
        let provider = format!("provider \"kubernetes\" {{\n  host = \"http://127.0.0.1:{}\"\n}}\n", self.port);
        place.context.write("main.hcl", &(provider + &main));
    }

    /// Runs a command and kills it at a request. Whether it came so far, and how many requests changed something.
    fn kill_at(&self, place: &Place, command: &str, others: usize, after: bool) -> (bool, usize) {
        let mut run = Command::new(env!("CARGO_BIN_EXE_deployctl"));
        run.args(command.split_whitespace()).current_dir(place.context.path()).env("HOME", place.context.path());
        run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut aim = self.aim.lock().unwrap();
        *aim = Aim { run: Some(run.spawn().unwrap()), others, after, seen: 0 };
        drop(aim);
        loop {
            let mut aim = self.aim.lock().unwrap();
            if let Some(status) = aim.run.as_mut().unwrap().try_wait().unwrap() {
                aim.run = None;
                return (status.code().is_none(), aim.seen);
            }
            drop(aim);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// Passes one request on, unless it is the one.
fn pass(mut client: TcpStream, behind: u16, aim: &Mutex<Aim>) -> Option<()> {
    let (head, body) = request(&mut client)?;
    let line = head.lines().next()?;
    let changes = ["PATCH", "POST", "DELETE"].iter().any(|method| line.starts_with(method)) && !line.contains("dryRun");
    let mut kill = false;
    if changes {
        let mut aim = aim.lock().unwrap();
        aim.seen += 1;
        kill = aim.run.is_some() && aim.seen == aim.others + 1;
        if kill && !aim.after {
            return killed(&mut aim);
        }
    }
    let mut server = TcpStream::connect(("127.0.0.1", behind)).ok()?;
    let kept = head.lines().filter(|header| !header.is_empty() && !header.to_lowercase().starts_with("connection:"));
    let kept: String = kept.map(|header| format!("{header}\r\n")).collect();
    server.write_all(format!("{kept}Connection: close\r\n\r\n").as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    if kill {
        // The server has answered, and nobody hears it.
        std::io::copy(&mut server, &mut std::io::sink()).ok()?;
        return killed(&mut aim.lock().unwrap());
    }
    std::io::copy(&mut server, &mut client).ok().map(drop)
}

fn killed(aim: &mut Aim) -> Option<()> {
    kill_process(Pid::from_child(aim.run.as_ref()?), Signal::KILL).ok()
}

/// One request: its head, and its body.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Kills a command before and after each of its requests that change something, runs it again, and looks. How many points
/// there are.
fn each_request(prepare: impl Fn(&Gate, &Place), command: &str, look: impl Fn(&Place)) -> usize {
    let gate = Gate::new();
    let place = Place::new();
    prepare(&gate, &place);
    let (killed, requests) = gate.kill_at(&place, command, usize::MAX - 1, false);
    assert!(!killed && requests > 0, "a run that nobody kills changes something");
    look(&place);
    let total = 2 * requests;
    for point in (0..total).step_by(step(total)) {
        let place = Place::new();
        prepare(&gate, &place);
        let (killed, seen) = gate.kill_at(&place, command, point / 2, point % 2 == 1);
        assert!(killed, "not killed at point {point} of {total}: there were {seen} requests");
        done(&place.run(command));
        look(&place);
        done(&place.run("destroy --auto-approve"));
        nothing_left(&place);
    }
    total
}

#[test]
fn an_apply_that_is_killed_around_a_request_is_finished_by_the_next_one() {
    let points = each_request(|gate, place| gate.write(place, 1), "apply --auto-approve", |place| settled(place, 1));
    println!("{points} points");
    assert!(points >= 12, "there are only {points} points");
}

#[test]
fn a_change_that_is_killed_around_a_request_is_finished_by_the_next_one() {
    let prepare = |gate: &Gate, place: &Place| {
        gate.write(place, 1);
        done(&place.run("apply --auto-approve"));
        gate.write(place, 2);
    };
    let points = each_request(prepare, "apply --auto-approve", |place| settled(place, 2));
    println!("{points} points");
    assert!(points >= 8, "there are only {points} points");
}

#[test]
fn a_destroy_that_is_killed_around_a_request_is_finished_by_the_next_one() {
    let prepare = |gate: &Gate, place: &Place| {
        gate.write(place, 1);
        done(&place.run("apply --auto-approve"));
    };
    let points = each_request(prepare, "destroy --auto-approve", nothing_left);
    println!("{points} points");
    assert!(points >= 8, "there are only {points} points");
}
