//! The configurations that are measured, as text.

use std::fmt::Write as _;

/// How many layers the layered configuration has.
const LAYERS: usize = 10;

/// Resources in ten layers, each depending on two of the layer before.
pub fn layered(resource_type: &str, resources: usize) -> String {
    let width = (resources / LAYERS).max(1);
    let mut text = String::new();
    for index in 0..resources {
        let (layer, place) = (index / width, index % width);
        let input = if layer == 0 {
            format!("[\"{place}\"]")
        } else {
            let above = (layer - 1) * width;
            let (first, second) = (above + place, above + (place + 1) % width);
            format!("[{resource_type}.r{first}.id, {resource_type}.r{second}.id]")
        };
        resource(&mut text, resource_type, index, &input);
    }
    text
}

/// Resources that have nothing to do with each other.
pub fn wide(resources: usize) -> String {
    let mut text = String::new();
    for index in 0..resources {
        resource(&mut text, "value", index, &format!("\"{index}\""));
    }
    text
}

/// Resources of which each depends on the one before.
pub fn chain(resources: usize) -> String {
    let mut text = String::new();
    for index in 0..resources {
        let input = match index.checked_sub(1) {
            Some(before) => format!("value.r{before}.id"),
            None => "\"first\"".to_owned(),
        };
        resource(&mut text, "value", index, &input);
    }
    text
}

/// One resource that depends on all the others.
pub fn fan_in(resources: usize) -> String {
    let mut text = wide(resources);
    let all = (0..resources).map(|index| format!("value.r{index}.id")).collect::<Vec<_>>().join(", ");
    resource(&mut text, "value", resources, &format!("[{all}]"));
    text
}

/// One resource with that many instances.
pub fn instances(count: usize) -> String {
    format!(
        "resource \"value\" \"many\" {{\n  for_each = toset([for n in range({count}) : tostring(n)])\n  input    = each.key\n}}\n"
    )
}

/// One attribute of that many bytes.
pub fn large_attribute(bytes: usize) -> String {
    let mut text = String::new();
    resource(&mut text, "value", 0, &format!("\"{}\"", "0123456789abcdef".repeat(bytes / 16)));
    text
}

/// That many bytes of locals, of which nobody uses but one.
pub fn large(bytes: usize) -> String {
    let line = "x".repeat(160);
    let mut text = String::from("locals {\n");
    let mut index = 0_usize;
    while text.len() < bytes {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  local_{index} = \"{line}\"");
        index += 1;
    }
    text.push_str("}\n");
    resource(&mut text, "value", 0, "local.local_0");
    text
}

fn resource(text: &mut String, resource_type: &str, index: usize, input: &str) {
    let _ = write!(text, "resource \"{resource_type}\" \"r{index}\" {{\n  input = {input}\n}}\n");
}
