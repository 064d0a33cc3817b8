//! The contract, on real Ansible: over `connection: local`, and over SSH to this machine as a user without privileges.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Place, Provider, ProviderError, Value, fs};

use crate::bench::{Bench, TYPE, local, program};
use crate::remote;

/// Fails once where a file asks for it, before it writes or after it. Each run of Ansible takes its time and the kit asks for
/// a hundred of them, so this is as few tasks as can be, and of those that need a single program on the host.
const SITE: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: Write
      lineinfile:
        path: \"{{ out }}/made\"
        create: true
        regexp: .*
        line: \"{{ who }} {{ password | default('') }}{{ lookup('pipe', once ~ 'before') }}\"
      tags: write
    - {name: Tell, set_stats: {data: {who: \"{{ who }}{{ lookup('pipe', once ~ 'midway') }}\"}, aggregate: false}, tags: always}
";

const UNDO: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: Remove, file: {path: \"{{ out }}/made\", state: absent}}
";

/// A module is told to its interpreter, instead of being copied to the host first.
const SETTINGS: &str = "[connection]\npipelining = true\n";

/// The provider on one sort of hosts.
struct Machine {
    bench: Bench,
    hosts: [Value; 2],
    plan: &'static str,
    /// Whether the hosts are this machine itself.
    is_near: bool,
}

impl Machine {
    async fn new(hosts: [Value; 2], plan: &'static str, is_near: bool) -> Self {
        let bench = Bench::new().await;
        bench.write("play/site.yml", SITE);
        bench.write("play/other.yml", &format!("# The same in other words.\n{SITE}"));
        bench.write("play/undo.yml", UNDO);
        bench.write("ansible.cfg", SETTINGS);
        bench.write("password", "a password of vaults\n");
        bench.write("play/collections/README", "none\n");
        let out = bench.path("out");
        fs::create_dir_all(&out).unwrap();
        // Whoever logs in writes here.
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&out, all).unwrap();
        remote::let_others_in(&out);
        Self { bench, hosts, plan, is_near }
    }

    fn config(&self, who: &str, more: &[(&'static str, Value)]) -> Value {
        let mut members = vec![
            ("playbook", "play/site.yml".into()),
            ("inventory", self.hosts[0].clone()),
            ("extra_vars", self.vars(who)),
            ("destroy_playbook", "play/undo.yml".into()),
            ("binary", program("ansible-playbook").display().to_string().into()),
            ("plan", self.plan.into()),
            ("unreachable_retries", Value::from(0)),
        ];
        members.extend(more.iter().cloned());
        Value::map(members)
    }

    fn vars(&self, who: &str) -> Value {
        let out = self.bench.path("out").display().to_string();
        let password = Value::from(format!("secret of {who}")).into_sensitive();
        // Fails if there is a file of that name, and takes it away.
        let once = format!("! rm {out}/fail-");
        Value::map([("who", Value::from(who)), ("out", out.into()), ("once", once.into()), ("password", password)])
    }
}

#[async_trait]
impl Subject for Machine {
    fn provider(&self) -> Arc<dyn Provider> {
        self.bench.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        self.bench.provider.configure(&Value::map::<&str>([]), &self.bench.place).await
    }

    fn place(&self) -> Place {
        self.bench.place.clone()
    }

    fn files(&self) -> Arc<dyn Files> {
        self.bench.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        let case = Case::new(TYPE, self.config("world", &[]))
            .then(self.config("moon", &[]), Expected::Update)
            .then(self.config("moon", &[("forks", Value::from(3))]), Expected::Update)
            .then(self.config("moon", &[("forks", Value::from(3))]), Expected::Nothing)
            .sample("playbook", ["play/site.yml".into(), "play/other.yml".into()])
            .sample("inventory", self.hosts.clone())
            .sample("limit", ["all".into(), "*".into()])
            .sample("tags", [Value::list(["write".into()]), Value::list(["all".into()])])
            .sample("extra_vars", [self.vars("world"), self.vars("moon"), self.vars("sun")])
            .sample("vault_password_file", ["password".into()])
            .sample("private_key_file", ["password".into()])
            .sample("become", [false.into()])
            .sample("forks", (1..6).map(Value::from))
            .sample("collections_path", ["play/collections".into()])
            .sample("binary", [program("ansible-playbook").display().to_string().into()])
            .sample("unreachable_retries", (0..3).map(Value::from))
            // Without it nothing would be undone; a test of its own forgets.
            .leave("destroy_playbook")
            .leave("plan")
            // Not every inventory and not every variable may be taken away.
            .leave("inventory")
            .leave("extra_vars")
            .leave("binary");
        // Ansible is looked at each hundredth of a second, and takes about a second. Where it takes longest it is interrupted
        // less often: that differs neither by the host nor by how it is planned.
        let case = case.together(3).interrupted_after([0, 70]);
        match (self.plan, self.is_near) {
            ("digest", true) => vec![case.interrupted_after([0, 30, 70, 110])],
            ("digest", false) => vec![case],
            // Each edit takes two check runs; the other case makes those of every attribute.
            _ => {
                let names = ["playbook", "limit", "tags", "vault_password_file", "private_key_file", "become"];
                let case = names.iter().fold(case, |case, name| case.leave(name));
                vec![case.leave("collections_path").leave("unreachable_retries")]
            }
        }
    }

    fn beyond(&self) -> &[Law] {
        &NOT_ABOUT_PLAYBOOKS
    }

    async fn sabotage(&self, _: &Case, moment: Moment) -> bool {
        let name = if moment == Moment::Before { "fail-before" } else { "fail-midway" };
        self.bench.write(&format!("out/{name}"), "");
        true
    }

    async fn snapshot(&self) -> Option<String> {
        let files = fs::read_dir(&self.bench.path("out")).unwrap();
        Some(files.iter().map(|file| format!("{} {:?}\n", file.display(), fs::read(file).unwrap())).collect())
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let made = crate::bench::files_below(&self.bench.path("out"));
        let private = self.bench.left_beside_the_state();
        Some(made.iter().chain(&private).map(|path| path.display().to_string()).collect())
    }
}

/// A check run sees what is there while planning, and nobody marks what a playbook made: these laws say nothing of it. That
/// drift is noticed, and that hosts that do not answer are said, is tested beside this. A playbook that was interrupted is run
/// again rather than looked for, so nothing is written down to find it by.
const NOT_ABOUT_PLAYBOOKS: [Law; 6] = [
    Law::NotOursIsUntouched,
    Law::UnreadableIsNotAbsent,
    Law::DriftIsNoticed,
    Law::RemovalIsNoticed,
    Law::CreateFirstHandsOver,
    Law::IdentityHoldsNoSecret,
];

async fn the_contract_is_kept(hosts: [Value; 2], plan: &'static str, is_near: bool) {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let machine = Machine::new(hosts, plan, is_near).await;
    let report = check(&machine, seed).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.unexamined(), NOT_ABOUT_PLAYBOOKS, "a law was never put to the test");
}

#[tokio::test]
async fn the_contract_is_kept_with_check_runs() {
    the_contract_is_kept([local(&["one"]), local(&["two"])], "check", true).await;
}

#[tokio::test]
async fn the_contract_is_kept_by_comparing() {
    the_contract_is_kept([local(&["one"]), local(&["two"])], "digest", true).await;
}

#[tokio::test]
async fn the_contract_is_kept_over_ssh() {
    the_contract_is_kept([remote::host("one"), remote::host("two")], "digest", false).await;
}
