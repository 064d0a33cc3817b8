//! The kit that proves that a provider keeps the contract.
//!
//! A provider's own tests describe it as a [`Subject`]: cases, and ways to meddle with the real engine behind the
//! provider's back. [`check`] takes every case through every law and answers with a [`Report`]. The kit brings no test
//! framework and knows no engine; it uses a provider in the same steps as a run of deployctl ([`Hand`]).
//!
//! ```text
//! let report = conformance::check(&subject, seed).await;
//! assert!(report.is_clean(), "{report}");
//! assert_eq!(report.unexamined(), []);
//! ```

mod bench;
mod checks;
mod dice;
mod edits;
mod hand;
mod law;
mod settle;
mod subject;

use std::collections::BTreeSet;

pub use dice::Dice;
pub use hand::{Hand, Held};
pub use law::{Law, Report, Violation};
pub use settle::settle;
pub use subject::{Case, Edit, Expected, Moment, Subject};

use crate::value::Value;
use bench::Bench;

/// Takes a provider through every law. The seed decides the random edits; the report names it.
pub async fn check(subject: &dyn Subject, seed: u64) -> Report {
    let mut report = Report { seed, ..Report::default() };
    let provider = subject.provider();
    let schema = provider.schema();
    checks::schema(schema, &mut report);

    let cases = subject.cases();
    let tried: BTreeSet<&str> = cases.iter().map(|case| &*case.type_name).collect();
    for resource in schema.resources.iter().filter(|resource| !tried.contains(resource.name.as_str())) {
        complain(&mut report, Law::Converges, &resource.name, "there is no case for this type");
    }
    for case in &cases {
        let Some(resource) = schema.resource(&case.type_name) else {
            complain(&mut report, Law::SchemaIsSane, &case.name, "the schema does not have its type");
            continue;
        };
        let connection = match subject.connect().await {
            Ok(connection) => connection,
            Err(error) => {
                complain(&mut report, Law::Converges, &case.name, &format!("cannot connect: {error}"));
                continue;
            }
        };
        let hand = Hand::new(provider.clone(), connection, subject.files());
        let mut bench = Bench { subject, case, schema: resource, place: subject.place(), hand, report: &mut report };
        checks::check_case(&mut bench).await;
        // A check that stops has said why.
        let _: bench::Checked = edits::check(&mut bench).await;
        search_for_secrets(&mut bench);
    }
    if let Some(left) = subject.leftovers().await {
        *report.examined.entry(Law::NothingIsLeft).or_default() += 1;
        if !left.is_empty() {
            complain(&mut report, Law::NothingIsLeft, "", &format!("after all was deleted: {}", left.join(", ")));
        }
    }
    report
}

fn complain(report: &mut Report, law: Law, case: &str, what: &str) {
    report.violations.push(Violation { law, case: case.to_owned(), what: what.to_owned() });
}

/// Searches everything that was said for what the case's configurations hold in sensitive attributes.
fn search_for_secrets(bench: &mut Bench<'_>) {
    let mut planted = Vec::new();
    let edited = bench.case.edits.iter().map(|edit| &edit.config);
    for config in std::iter::once(&bench.case.config).chain(edited) {
        let settled = settle(&bench.schema.attributes, config).unwrap_or(Value::Null);
        settle::secrets(&settled, &mut planted);
    }
    if planted.is_empty() {
        return;
    }
    let said = bench.hand.said();
    let shown = said.iter().filter(|text| planted.iter().any(|secret| text.contains(secret.as_str()))).count();
    bench.hold(Law::SecretsStayHidden, shown == 0, || {
        format!("a sensitive value stands in {shown} of {} messages, plans and records", said.len())
    });
}
