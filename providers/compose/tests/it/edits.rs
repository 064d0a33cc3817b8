//! Thirty edits chosen at random: each is planned exactly as Compose then does it, and leaves nothing to do.

use deployctl_sdk::Value;
use deployctl_sdk::conformance::Dice;

use crate::bench::Bench;

const ROUNDS: usize = 30;

/// A project that is described by a handful of numbers, each of which an edit may change.
#[derive(Debug, Clone, Default)]
struct Project {
    replicas: [usize; 3],
    environment: [usize; 3],
    command: [usize; 3],
    label: usize,
    health: usize,
    restarts: bool,
    shared_network: bool,
    front_labels: usize,
    volume: bool,
    secret: usize,
    setting: usize,
    page: usize,
    extra: bool,
    shares: bool,
}

impl Project {
    fn write(&self, bench: &Bench) {
        let service = |name: &str, number: usize, rest: &str| {
            format!(
                "  {name}:\n    image: deployctl-test/busybox:1\n    stop_signal: SIGKILL\n    \
                 command: [sleep, '{}']\n    environment: {{ ROUND: '{}' }}\n    scale: {}\n{rest}",
                1000 + self.command[number],
                self.environment[number],
                self.replicas[number],
            )
        };
        let networks = if self.shared_network { "[front, back]" } else { "[front]" };
        let volumes = if self.volume { "    volumes: ['data:/data']\n" } else { "" };
        let db = format!(
            "    networks: [front, back]\n    labels: {{ tier: 't{}' }}\n    healthcheck: {{ test: [CMD, 'true'], interval: {}ms }}\n    \
             secrets: [token]\n{volumes}",
            self.label,
            200 + self.health,
        );
        let api = format!(
            "    networks: {networks}\n    configs: [settings]\n    depends_on:\n      db: {{ condition: service_healthy, restart: {} }}\n",
            self.restarts
        );
        let web = "    volumes: ['./page.txt:/page.txt:ro']\n    depends_on: [api]\n";
        let mut text =
            format!("services:\n{}{}{}", service("db", 0, &db), service("api", 1, &api), service("web", 2, web));
        if self.extra {
            text += "  extra:\n    image: deployctl-test/busybox:1\n    stop_signal: SIGKILL\n    command: [sleep, '1000']\n";
            text += if self.shares { "    network_mode: service:db\n" } else { "    depends_on: [db]\n" };
        }
        text += &format!("networks:\n  front: {{ labels: {{ n: 'l{}' }} }}\n  back: {{ }}\n", self.front_labels);
        text += "volumes: { data: }\nconfigs: { settings: { file: settings.ini } }\nsecrets: { token: { file: token.txt } }\n";
        bench.write("compose.yaml", &text);
        bench.write("settings.ini", &self.setting.to_string());
        bench.write("token.txt", &self.secret.to_string());
        bench.write("page.txt", &self.page.to_string());
    }

    fn edit(&mut self, way: usize, dice: &mut Dice) {
        let which = dice.below(3);
        match way {
            0 => self.replicas[which] = if which == 0 { 1 } else { dice.below(4) },
            1 => self.environment[which] += 1,
            2 => self.command[which] += 1,
            3 => self.label += 1,
            4 => self.health += 1,
            5 => self.restarts = !self.restarts,
            6 => self.shared_network = !self.shared_network,
            7 => self.front_labels += 1,
            8 => self.volume = !self.volume,
            9 => self.secret += 1,
            10 => self.setting += 1,
            11 => self.page += 1,
            12 => self.extra = !self.extra,
            _ => self.shares = !self.shares,
        }
    }
}

const WAYS: usize = 14;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_random_edits_do_what_their_plans_say() {
    let seed = std::env::var("EDITS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    println!("EDITS_SEED={seed}");
    let mut dice = Dice::about(seed, "compose edits");
    let bench = Bench::new("edits").await;
    let mut project = Project { replicas: [1, 1, 2], restarts: true, ..Project::default() };
    project.write(&bench);
    let given = [("remove_volumes", Value::from(true))];
    let (mut object, _) = bench.apply(None, &given).await;
    // Every way at least once, in any order, and then any.
    let mut ways: Vec<usize> = (0..WAYS).chain((0..ROUNDS - WAYS).map(|_| dice.below(WAYS))).collect();
    dice.shuffle(&mut ways);
    for (round, way) in ways.into_iter().enumerate() {
        project.edit(way, &mut dice);
        if dice.chance(300) {
            project.edit(dice.below(WAYS), &mut dice);
        }
        println!("round {round}, way {way}: {project:?}");
        project.write(&bench);
        (object, _) = bench.apply(Some(&object), &given).await;
    }
    bench.destroy(&object).await;
}
