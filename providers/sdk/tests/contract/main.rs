//! The conformance kit on the simulated provider: clean when the provider keeps the contract, and able to fail, which is
//! shown by breaking each law once.

mod flawed;
mod subject;

use std::collections::BTreeSet;

use deployctl_sdk::conformance::{Law, check};
use deployctl_sdk::sim::Odds;

use flawed::Flaw;
use subject::SimSubject;

fn seeds() -> impl Iterator<Item = u64> {
    match std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..20,
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_provider_keeps_the_contract() {
    for seed in seeds() {
        let odds = Odds { latency_millis: 50, ..Odds::default() };
        let subject = SimSubject::new(seed, odds, None);
        let report = check(&subject, seed).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.unexamined(), [], "a law was never put to the test");
    }
}

#[tokio::test(start_paused = true)]
async fn each_law_broken_is_noticed() {
    let mut noticed = BTreeSet::new();
    let mut missed = Vec::new();
    for flaw in Flaw::ALL {
        let subject = SimSubject::new(1, Odds::default(), Some(flaw));
        let report = check(&subject, 1).await;
        let law = flaw.breaks();
        if !report.broken().contains(&law) {
            missed.push(format!("{flaw:?} was not caught as a breach of {law:?}: {report}"));
        }
        noticed.insert(law);
    }
    assert_eq!(missed, Vec::<String>::new(), "{}", missed.join("\n"));
    let never: Vec<Law> = Law::ALL.into_iter().filter(|law| !noticed.contains(law)).collect();
    assert_eq!(never, [], "laws of which nothing shows that the kit notices a breach");
}
