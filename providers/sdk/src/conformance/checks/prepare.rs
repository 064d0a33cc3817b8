//! `prepare` and `identity`: offline, repeatable, at ease with what is not known yet.

use std::sync::Arc;

use super::super::bench::{Bench, Checked};
use super::super::law::Law;
use super::super::settle::{secrets, settle};
use crate::value::{Map, Value};

/// Prepares the case's configuration several times and ways.
pub(super) fn check(bench: &mut Bench<'_>) -> Checked {
    let law = Law::PrepareIsPure;
    let held = bench.nothing();
    let config = bench.case.config.clone();
    let prepared = bench.prepare(&held, &config)?;
    let again = bench.prepare(&held, &config)?;
    bench.hold(law, prepared.config == again.config && prepared.captured == again.captured, || {
        "the same configuration is prepared in two ways".to_owned()
    });
    match bench.hand.prepare(&held, &prepared.config) {
        Ok(again) => {
            bench.hold(law, again.config.same(&prepared.config), || "preparing what is prepared changes it".to_owned());
        }
        Err(_) => bench.hold(law, false, || "preparing what is prepared fails".to_owned()),
    }

    for attribute in bench.schema.attributes.iter().filter(|attribute| !attribute.read_only) {
        let mut members: Map = config.as_map().cloned().unwrap_or_default();
        members.insert(Arc::from(attribute.name.as_str()), Value::Unknown.with_mark(attribute.sensitive));
        let answer = bench.prepare_or_complain(&held, &Value::from(members));
        let name = attribute.name.as_str();
        bench.hold(law, answer.is_ok(), || {
            format!("an unknown `{name}` is refused: {}", answer.as_ref().err().map_or("", String::as_str))
        });
    }

    identity(bench, &prepared.config);
    Ok(())
}

fn identity(bench: &mut Bench<'_>, config: &Value) {
    let law = Law::IdentityHoldsNoSecret;
    let Some(identity) = bench.hand.provider.identity(&bench.case.type_name, config) else { return };
    let mut planted = Vec::new();
    if let Ok(settled) = settle(&bench.schema.attributes, &bench.case.config) {
        secrets(&settled, &mut planted);
    }
    let text = format!("{:?}", identity.reveal());
    let shown = identity.contains_sensitive() || planted.iter().any(|secret| text.contains(secret));
    bench.hold(law, !shown, || "the identity holds a sensitive value".to_owned());
    let known = !identity.contains_unknown();
    bench.hold(Law::FindsWhatWasLeft, known, || "the identity of a known configuration is unknown".to_owned());
}
