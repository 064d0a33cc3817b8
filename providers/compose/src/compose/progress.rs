//! What Compose says while it works, made shorter.

/// What a line of its plain progress says; `None` for one that says nothing of how far it is.
pub(crate) fn progress_of(line: &str, project: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let kind = words.next()?;
    if !matches!(kind, "Container" | "Network" | "Volume" | "Image") {
        return None;
    }
    let name = words.next()?;
    let status = words.collect::<Vec<_>>().join(" ");
    let status = match status.as_str() {
        "Created" | "Recreated" | "Started" | "Stopped" | "Removed" | "Healthy" | "Exited" | "Built" | "Pulled" => {
            status.to_lowercase()
        }
        "Waiting" => "waiting until it is ready".to_owned(),
        // Each of these is followed by its end.
        _ => return None,
    };
    let quoted = name.trim_matches('"');
    let own =
        [format!("{project}-"), format!("{project}_")].iter().find_map(|prefix| quoted.strip_prefix(prefix.as_str()));
    let name = own.unwrap_or(quoted);
    Some(match kind {
        "Container" => format!("{name}: {status}"),
        kind => format!("{} {name}: {status}", kind.to_lowercase()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_progress() {
        let of = |line| progress_of(line, "shop");
        assert_eq!(of(" Container shop-web-1  Started").as_deref(), Some("web-1: started"));
        assert_eq!(of(" Network shop_default  Created").as_deref(), Some("network default: created"));
        assert_eq!(of(" Container shop-web-1  Starting"), None);
        assert_eq!(of("some other text"), None);
    }
}
