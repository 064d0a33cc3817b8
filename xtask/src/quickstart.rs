//! `cargo xtask quickstart`: deployctl as a newcomer first sees it. The real program deploys the real example, and every
//! step is checked, so that the tour cannot show something that is not so.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use crate::{Failure, cargo, output, web};

/// The folder of the example, from the top of the checkout.
const EXAMPLE: &str = "examples/quickstart";
/// The greeting that the page has when nobody asks for another.
const GREETING: &str = "Welcome. Leave a note if you like.";
/// The one that it is changed to.
const OTHER_GREETING: &str = "Good evening, and mind the step.";

/// What `cargo xtask quickstart` takes.
#[derive(Args)]
pub struct Arguments {
    /// The port of the web page; the two after it are used as well
    #[arg(long, default_value_t = 18080, value_parser = clap::value_parser!(u16).range(1024..=65533))]
    port: u16,
}

/// Builds, shows, and cleans up whatever happened.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    output::note("Building deployctl and the example application. The first time this takes a minute or two.");
    let program = cargo::build("deployctl", "deployctl")?;
    cargo::build("quickstart-app", "quickstart-app")?;
    let tour = Tour { program, root: cargo::root()?, port: arguments.port };
    tour.start_clean()?;
    let shown = tour.show();
    if shown.is_err() {
        say("Something went wrong, so everything that was started is taken down again.");
    } else {
        say("That is the tour. Everything is taken down again: in reverse order, no process and no file is left.");
    }
    let destroyed = tour.deployctl("destroy", &["--auto-approve"]).and_then(|()| tour.expect_nothing());
    shown.and(destroyed)?;
    let program = tour.program.strip_prefix(&tour.root).unwrap_or(&tour.program).display();
    say(&format!("Done. The program is {program}; what it just did is told in {EXAMPLE}/README.md."));
    Ok(())
}

struct Tour {
    program: PathBuf,
    root: PathBuf,
    port: u16,
}

impl Tour {
    /// A tour that was stopped half-way leaves the application running, and the next one would have nothing to show.
    fn start_clean(&self) -> Result<(), Failure> {
        let mut list = self.command("state", &["list"]);
        let listed = list.output().map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        if listed.status.success() && listed.stdout.iter().any(|byte| !byte.is_ascii_whitespace()) {
            say("The example is deployed already, so it is taken down first.");
            self.deployctl("destroy", &["--auto-approve"])?;
        }
        match (self.port..=self.port.saturating_add(2)).find(|port| web::listens(*port)) {
            None => Ok(()),
            Some(port) => Err(format!("something else listens on port {port}; choose another with --port")),
        }
    }

    fn show(&self) -> Result<(), Failure> {
        say("What would have to be done? `plan` changes nothing. (-C names the folder of the configuration.)");
        self.deployctl("plan", &[])?;

        say("Now do it. Each process is started only when the one that it needs is healthy.");
        self.deployctl("apply", &["--auto-approve"])?;
        say("Is it reachable?");
        self.expect_page(GREETING)?;
        self.deployctl("status", &[])?;

        say("Change a variable. Only the API is started with the greeting, so only the API is touched.");
        let changed = format!("greeting={OTHER_GREETING}");
        self.deployctl("plan", &["--var", &changed])?;
        self.deployctl("apply", &["--auto-approve", "--var", &changed])?;
        self.expect_page(OTHER_GREETING)?;

        say("Go back. The earlier revision is evaluated again, and shown as a plan like any other.");
        self.deployctl("rollback", &["--auto-approve"])?;
        self.expect_page(GREETING)?;
        self.deployctl("history", &[])
    }

    /// Runs deployctl on our own terminal, after the line that one would type.
    fn deployctl(&self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(name, arguments);
        let line: Vec<String> = command.get_args().map(|word| quoted(&word.to_string_lossy())).collect();
        let line = format!("deployctl {}", line.join(" "));
        output::result(&format!("\n$ {line}"));
        let status = command.status().map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.root).stdin(Stdio::null()).args(["-C", EXAMPLE, name]).args(arguments);
        if self.port != 18080 && matches!(name, "plan" | "apply" | "destroy") {
            command.args(["--var", &format!("port={}", self.port)]);
        }
        command
    }

    fn expect_page(&self, greeting: &str) -> Result<(), Failure> {
        output::result(&format!("\nGET http://127.0.0.1:{}/", self.port));
        let page = web::get(self.port, "/").map_err(|error| format!("the page cannot be fetched: {error}"))?;
        output::result(&page.status);
        for line in page.body.lines() {
            output::result(&format!("  {line}"));
        }
        match page.status.contains(" 200 ") && page.body.contains(greeting) {
            true => Ok(()),
            false => Err(format!("the page was to say `{greeting}`")),
        }
    }

    fn expect_nothing(&self) -> Result<(), Failure> {
        if let Some(port) = (self.port..=self.port.saturating_add(2)).find(|port| web::listens(*port)) {
            return Err(format!("something still listens on port {port}"));
        }
        let left = self.root.join(EXAMPLE).join("run");
        if left.exists() { Err(format!("{} is still there", left.display())) } else { Ok(()) }
    }
}

/// What the tour itself has to say, apart from what the program prints.
fn say(line: &str) {
    output::result(&format!("\n# {line}"));
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
