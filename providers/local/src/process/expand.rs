//! Puts the replica's number and its ports where the configuration names them.

use std::path::Path;

use deployctl_sdk::{AttrPath, ErrorKind, ProviderError};

use super::record::GivenPort;

/// The text with `{{replica}}`, `{{port}}` and `{{port.NAME}}` replaced; everything else stays as it is.
pub(crate) fn expand(text: &str, ports: &[GivenPort], replica: usize) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let mut text = text.replace("{{replica}}", &replica.to_string());
    if let Some(first) = ports.first() {
        text = text.replace("{{port}}", &first.number.to_string());
    }
    for port in ports {
        text = text.replace(&format!("{{{{port.{}}}}}", port.name), &port.number.to_string());
    }
    text
}

/// A port that a text asks for and that does not exist.
pub(crate) fn unknown_port<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{port") {
        let (inside, remainder) = after.split_once("}}")?;
        let known = match inside.strip_prefix('.') {
            Some(name) => names.contains(&name),
            None => !inside.is_empty() || !names.is_empty(),
        };
        if !known {
            return Some(inside.strip_prefix('.').unwrap_or("{{port}}"));
        }
        rest = remainder;
    }
    None
}

/// Complains about a program that is not there, before anything is started.
///
/// # Errors
/// When it is nowhere to be found, or cannot be run.
pub(crate) fn check_program(program: &str, root: &Path, path: &str) -> Result<(), ProviderError> {
    let cannot = |message: String| {
        let mut error = ProviderError::new(ErrorKind::Refused, message);
        error.attribute = Some(AttrPath::of("command"));
        error
    };
    if program.contains('/') {
        let full = root.join(program);
        return match (full.is_file(), deployctl_sdk::fs::is_executable(&full)) {
            (false, _) => Err(cannot(format!("there is no program {}", full.display()))),
            (true, false) => {
                Err(cannot(format!("{} cannot be run", full.display()))
                    .with_hint(format!("chmod +x {}", full.display())))
            }
            (true, true) => Ok(()),
        };
    }
    let found = std::env::split_paths(path).map(|folder| folder.join(program));
    let mut found = found.filter(|candidate| candidate.is_file() && deployctl_sdk::fs::is_executable(candidate));
    match found.next() {
        Some(_) => Ok(()),
        None => Err(cannot(format!("there is no program `{program}` in `PATH`"))
            .with_hint("install it, or name it with its folder; such a path starts at the configuration's folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_is_replaced() {
        let ports = [GivenPort { name: "http".to_owned(), number: 8080 }];
        assert_eq!(expand("{{port}} {{port.http}} {{replica}} {{x}} {port}", &ports, 2), "8080 8080 2 {{x}} {port}");
        assert_eq!(unknown_port("--port={{port.http}}", &["http"]), None);
        assert_eq!(unknown_port("--port={{port.htpt}}", &["http"]), Some("htpt"));
        assert_eq!(unknown_port("{{port}}", &[]), Some("{{port}}"));
        assert_eq!(unknown_port("{{portable}} {{", &["http"]), None);
    }
}
