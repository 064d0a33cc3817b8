//! Why a playbook could not be run at all, in Ansible's own words where it has some.
//!
//! That tasks fail and hosts do not answer is no matter of this module: those are results.

use std::time::Duration;

use deployctl_sdk::program::{CannotStart, Ended, Stopped};
use deployctl_sdk::{AttrPath, ErrorKind, ProviderError};

use crate::callback::PROTOCOL;
use crate::config::text;
use crate::event::TaskStatus;
use crate::run::Order;
use crate::tally::Tally;

/// How long a playbook may take to end after it was asked to: a task that runs is ended by Ansible itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The oldest ansible-core whose check runs and callbacks are understood.
const OLDEST: (u64, u64) = (2, 15);

/// How many lines of what Ansible says are shown.
const SHOWN: usize = 20;

/// How to come by the program.
const INSTALL: &str = "install ansible-core (`pipx install ansible-core`, or your system's package), or set `binary`";

/// There is no such program.
pub(crate) fn no_binary(binary: &str) -> ProviderError {
    let message = format!("there is no program `{binary}`");
    ProviderError::invalid(AttrPath::of("binary"), message).with_hint(INSTALL)
}

/// There is one, and it cannot be started.
pub(crate) fn not_started(error: &CannotStart) -> ProviderError {
    ProviderError::invalid(AttrPath::of("binary"), error.to_string()).with_hint(INSTALL)
}

/// Whether the Ansible that speaks is too old.
pub(crate) fn is_too_old(tally: &Tally) -> bool {
    tally.version.as_deref().and_then(version).is_some_and(|version| version < OLDEST)
}

fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// Why the run as a whole came to nothing, if it did.
///
/// # Errors
/// That.
pub(crate) fn of_the_run(order: &Order<'_>, ended: &Ended, tally: &Tally) -> Result<(), ProviderError> {
    if is_too_old(tally) {
        let found = tally.version.as_deref().unwrap_or_default();
        let message = format!("ansible-core {found} is too old; {}.{} or newer is needed", OLDEST.0, OLDEST.1);
        return Err(ProviderError::invalid(AttrPath::of("binary"), message).with_hint(INSTALL));
    }
    let words = order.mask.apply(&order.workspace.in_the_words_of_the_checkout(&ended.stderr_text()));
    if let Some(line) = &tally.not_an_event {
        let message = "Ansible was expected to tell events as JSON, and wrote something else";
        let error = ProviderError::new(ErrorKind::Refused, message).with_detail([line.clone()]);
        return Err(
            error.with_hint("see that `binary` is ansible-playbook, and that nothing of it prints to standard output")
        );
    }
    vault(order, &words, tally)?;
    if tally.counts.is_some() && tally.protocol == Some(PROTOCOL) {
        return no_hosts(order, tally);
    }
    Err(from_words(order, ended, &words, tally))
}

/// A vault that cannot be opened, wherever it was met.
fn vault(order: &Order<'_>, words: &str, tally: &Tally) -> Result<(), ProviderError> {
    let failures = tally.results.iter().filter(|result| result.status == TaskStatus::Failed && !result.ignored);
    let said = failures.map(|result| result.message.as_str()).chain([words]);
    let missing = "no vault secrets found";
    let wrong = ["Decryption failed", "no vault secrets were found that could decrypt"];
    for text in said {
        if !text.contains(missing) && !wrong.iter().any(|wrong| text.contains(wrong)) {
            continue;
        }
        let detail = shown(text);
        let given = text_of(order, "vault_password_file");
        return Err(match given {
            Some(path) => ProviderError::invalid(
                AttrPath::of("vault_password_file"),
                format!("the password in {path} does not open a vault that the playbook reads"),
            )
            .with_hint("give the password that it was sealed with"),
            None => ProviderError::invalid(
                AttrPath::of("playbook"),
                "the playbook reads a vault, and there is no password for it",
            )
            .with_hint("set `vault_password_file`"),
        }
        .with_detail(detail));
    }
    Ok(())
}

/// A playbook of which no play found a host.
fn no_hosts(order: &Order<'_>, tally: &Tally) -> Result<(), ProviderError> {
    if tally.plays == 0 || tally.without_hosts.len() < tally.plays {
        return Ok(());
    }
    let plays: Vec<String> = tally.without_hosts.iter().map(|play| format!("`{play}`")).collect();
    Err(nobody(order, format!("no host of the inventory belongs to the playbook's hosts: {}", plays.join(", "))))
}

fn nobody(order: &Order<'_>, message: String) -> ProviderError {
    let attribute = ["limit", "inventory"].into_iter().find(|name| order.config.get(name).is_some());
    let error = ProviderError::invalid(AttrPath::of(attribute.unwrap_or("playbook")), message);
    error.with_hint("compare the playbook's `hosts` and `limit` with the groups and hosts of the inventory")
}

fn from_words(order: &Order<'_>, ended: &Ended, words: &str, tally: &Tally) -> ProviderError {
    if ended.stopped == Some(Stopped::TimedOut) {
        return ProviderError::new(ErrorKind::Transient, "Ansible took longer than it may");
    }
    if words.contains("no hosts to target") {
        return nobody(order, "no host of the inventory is left to run the playbook on".to_owned());
    }
    let lines = shown(words);
    let said = lines.iter().find_map(|line| line.strip_prefix("[ERROR]: ").or_else(|| line.strip_prefix("ERROR! ")));
    let place = place(words);
    if tally.version.is_none() && said.is_none() {
        let program = text_of(order, "binary").unwrap_or_default();
        let message = format!("`{program}` {} without running the playbook", ended.how());
        let error = ProviderError::new(ErrorKind::Refused, message).with_detail(lines);
        return error.with_hint("see that `binary` is ansible-playbook");
    }
    let message = match (place, said) {
        (Some(place), Some(said)) => format!("{place}: {}", said.trim_end_matches('.')),
        (None, Some(said)) => said.trim_end_matches('.').to_owned(),
        _ => format!("Ansible {} before the playbook came to its end", ended.how()),
    };
    // Before its first task, it is what was written that cannot be; afterwards it may be anything.
    if tally.did_something() {
        return ProviderError::new(ErrorKind::Refused, message).with_detail(lines);
    }
    let about_inventory = words.contains("inventory source") || words.contains("inventory");
    let attribute = if about_inventory && order.config.get("inventory").is_some() { "inventory" } else { "playbook" };
    ProviderError::invalid(AttrPath::of(attribute), message).with_detail(lines)
}

/// The place that Ansible names: `file:line:column`, or `file, line …` of older ones.
fn place(words: &str) -> Option<String> {
    for line in words.lines() {
        if let Some(place) = line.strip_prefix("Origin: ") {
            return Some(place.trim().to_owned());
        }
        if let Some((_, rest)) = line.split_once("The error appears to be in '") {
            let (file, rest) = rest.split_once("': line ")?;
            let (line, rest) = rest.split_once(", column ")?;
            let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return Some(format!("{file}:{line}:{column}"));
        }
    }
    None
}

/// What Ansible says of an error: from its first error on, without its warnings.
fn shown(words: &str) -> Vec<String> {
    let is_error = |line: &&str| line.starts_with("[ERROR]") || line.starts_with("ERROR!") || line.starts_with("fatal");
    let lines: Vec<&str> =
        words.lines().filter(|line| !line.starts_with("[WARNING]") && !line.starts_with("[DEPRECATION")).collect();
    let from = lines.iter().position(is_error).unwrap_or(0);
    let told = lines.get(from..).unwrap_or_default().iter().map(|line| (*line).to_owned());
    let mut told: Vec<String> = told.take(SHOWN).collect();
    while told.last().is_some_and(|line| line.trim().is_empty()) {
        told.pop();
    }
    told
}

fn text_of(order: &Order<'_>, attribute: &str) -> Option<String> {
    text(order.config, attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_the_words_of_old_and_new_versions() {
        let new = "[ERROR]: YAML parsing failed.\nOrigin: site.yml:5:4\n";
        assert_eq!(place(new).as_deref(), Some("site.yml:5:4"));
        let old = "ERROR! no\n\nThe error appears to be in 'site.yml': line 3, column 7, but may\n";
        assert_eq!(place(old).as_deref(), Some("site.yml:3:7"));
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version("2.9.27") < Some(OLDEST) && version("2.15.0") >= Some(OLDEST));
        assert!(version("2.19.0.dev0") > Some(OLDEST));
    }
}
