//! The hosts of a playbook: files of the configuration, or a map built from values.

use deployctl_sdk::{AttrPath, Map, ProviderError, Value};

/// What `inventory` may be.
pub(crate) enum Inventory {
    /// Files or folders.
    Paths(Vec<String>),
    /// A list of hosts in Ansible's own way, with a comma.
    Hosts(String),
    /// Groups, as Ansible's YAML inventories have them.
    Groups(Map),
}

/// What the configuration says; nothing while that is unknown or left out.
pub(crate) fn of(config: &Value) -> Option<Inventory> {
    let value = config.get("inventory")?;
    if let Some(text) = value.as_str() {
        return Some(match text.contains(',') {
            true => Inventory::Hosts(text.to_owned()),
            false => Inventory::Paths(vec![text.to_owned()]),
        });
    }
    if let Some(items) = value.as_list() {
        return Some(Inventory::Paths(items.iter().filter_map(Value::as_str).map(str::to_owned).collect()));
    }
    value.as_map().map(|groups| Inventory::Groups(groups.clone()))
}

/// What is wrong with it.
pub(crate) fn check(config: &Value) -> Vec<ProviderError> {
    let path = AttrPath::of("inventory");
    let Some(value) = config.get("inventory").filter(|value| !value.is_unknown()) else { return Vec::new() };
    if let Some(text) = value.as_str() {
        let empty = text.trim().is_empty().then(|| ProviderError::invalid(path, "`inventory` is empty"));
        return empty.into_iter().collect();
    }
    if let Some(items) = value.as_list() {
        let wrong = items.iter().enumerate().filter(|(_, item)| !item.is_unknown() && item.as_str().is_none());
        return wrong
            .map(|(index, item)| {
                let message = format!("`inventory` is a list of paths, and this is {}", item.kind());
                ProviderError::invalid(path.index(index), message)
            })
            .collect();
    }
    match value.as_map() {
        Some(groups) => groups.iter().flat_map(|(name, group)| check_group(&path.key(name.clone()), group)).collect(),
        None => {
            let message =
                format!("`inventory` is a path, a list of paths or a map of groups, and this is {}", value.kind());
            vec![ProviderError::invalid(path, message)]
        }
    }
}

fn check_group(path: &AttrPath, group: &Value) -> Vec<ProviderError> {
    if group.is_null() || group.is_unknown() {
        return Vec::new();
    }
    let Some(members) = group.as_map() else {
        let message = format!("a group of the inventory is a map, and `{path}` is {}", group.kind());
        let hint = "write it as { hosts = [\"one.example.com\"], vars = { … } }";
        return vec![ProviderError::invalid(path.clone(), message).with_hint(hint)];
    };
    let mut problems = Vec::new();
    for (name, member) in members.iter().filter(|(_, member)| !member.is_null() && !member.is_unknown()) {
        let path = path.key(name.clone());
        let fits = match &**name {
            "hosts" => member.as_map().is_some() || is_list_of_names(member),
            "children" | "vars" => member.as_map().is_some(),
            _ => {
                let message = format!("a group of the inventory has no `{name}`");
                let hint = "it has `hosts`, `children` and `vars`";
                problems.push(ProviderError::invalid(path, message).with_hint(hint));
                continue;
            }
        };
        if !fits {
            problems.push(ProviderError::invalid(path.clone(), format!("`{path}` cannot be {}", member.kind())));
        } else if &**name == "children" {
            let children = member.as_map().into_iter().flatten();
            problems.extend(children.flat_map(|(child, group)| check_group(&path.key(child.clone()), group)));
        }
    }
    problems
}

fn is_list_of_names(value: &Value) -> bool {
    value.as_list().is_some_and(|items| items.iter().all(|item| item.is_unknown() || item.as_str().is_some()))
}

/// The groups as Ansible reads them, revealed: lists of hosts become maps.
pub(crate) fn to_json(groups: &Map) -> Result<Vec<u8>, serde_json::Error> {
    let groups = Value::map(groups.iter().map(|(name, group)| (name.clone(), settled(group))));
    serde_json::to_vec(&groups.reveal())
}

fn settled(group: &Value) -> Value {
    let Some(members) = group.as_map() else { return Value::map::<&str>([]) };
    Value::map(members.iter().filter(|(_, member)| !member.is_null()).map(|(name, member)| {
        let member = match (&**name, member.as_list(), member.as_map()) {
            ("hosts", Some(names), _) => {
                let names = names.iter().filter_map(Value::as_str);
                Value::map(names.map(|host| (host, Value::map::<&str>([]))))
            }
            ("children", _, Some(children)) => {
                Value::map(children.iter().map(|(name, group)| (name.clone(), settled(group))))
            }
            _ => member.clone(),
        };
        (name.clone(), member)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_hosts_become_maps() {
        let hosts = Value::list([Value::from("a"), Value::from("b").into_sensitive()]);
        let groups = Value::map([("web", Value::map([("hosts", hosts)]))]);
        let json = to_json(groups.as_map().unwrap()).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"web":{"hosts":{"a":{},"b":{}}}}"#);
    }

    #[test]
    fn what_is_no_inventory_is_named() {
        let config = Value::map([("inventory", Value::map([("web", Value::map([("host", Value::from("a"))]))]))]);
        assert_eq!(check(&config)[0].message, "a group of the inventory has no `host`");
        assert_eq!(check(&Value::map([("inventory", Value::from(3))])).len(), 1);
    }
}
