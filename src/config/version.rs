//! Version requirements, with Terraform's `~>` beside what semver knows.

use semver::VersionReq;

/// Reads a requirement like `>= 0.1, < 2.0` or `~> 1.2`.
pub(super) fn requirement(text: &str) -> Option<VersionReq> {
    let parts: Option<Vec<String>> = text.split(',').map(|part| part_of(part.trim())).collect();
    VersionReq::parse(&parts?.join(", ")).ok()
}

/// One comparison; `~>` lets the last number given grow, and nothing before it.
fn part_of(part: &str) -> Option<String> {
    let Some(version) = part.strip_prefix("~>") else { return Some(part.to_owned()) };
    let version = version.trim();
    let numbers: Option<Vec<u64>> = version.split('.').map(|number| number.parse().ok()).collect();
    match numbers?.as_slice() {
        [_] => Some(format!(">={version}")),
        [major, _] => Some(format!(">={version}, <{}", major.checked_add(1)?)),
        [major, minor, _] => Some(format!(">={version}, <{major}.{}", minor.checked_add(1)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        let fits = |text: &str, version: &str| requirement(text).map(|req| req.matches(&version.parse().unwrap()));
        assert_eq!(fits(">= 0.1", "0.1.0"), Some(true));
        assert_eq!(fits(">= 0.1, < 0.3", "0.3.1"), Some(false));
        assert_eq!(fits("~> 0.1", "0.9.0"), Some(true));
        assert_eq!(fits("~> 0.1", "1.0.0"), Some(false));
        assert_eq!(fits("~> 1.2.3", "1.2.9"), Some(true));
        assert_eq!(fits("~> 1.2.3", "1.3.0"), Some(false));
        assert_eq!(fits("newest", "1.3.0"), None);
        assert_eq!(fits("~> x", "1.3.0"), None);
    }
}
