//! Paths as texts, relative to the configuration's folder.

/// A path without `.` steps and with `..` steps resolved as far as they can be; `.` for the folder itself.
pub(crate) fn normal(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".to_owned(),
        (false, joined) => joined,
    }
}

/// A path that starts at a folder.
pub(crate) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') { normal(path) } else { normal(&format!("{folder}/{path}")) }
}

/// The folder that a file is in.
pub(super) fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
        None => ".".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_into_normal_form() {
        assert_eq!(normal("./a//b/../c/."), "a/c");
        assert_eq!(normal("../../x"), "../../x");
        assert_eq!(normal("a/.."), ".");
        assert_eq!(normal("/a/../../b"), "/b");
        assert_eq!(join("shop", "../conf/x"), "conf/x");
        assert_eq!(join("shop", "/etc/x"), "/etc/x");
        assert_eq!(parent("a/b"), "a");
        assert_eq!(parent("b"), ".");
    }
}
