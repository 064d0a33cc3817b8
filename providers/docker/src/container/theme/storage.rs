//! What of its file system outlives the container, or lies elsewhere.

use std::path::Path;

use bollard::models::{
    ContainerInspectResponse, Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, list_of_texts, map_of_texts};
use crate::attributes::{engine_map, text, text_or_null};
use crate::container::units::{parse_bytes, show_bytes};
use crate::container::values::{blocks, blocks_or_null, given, list_or_null, pairs, texts};

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "volumes",
            list_of_texts(),
            "What is mounted, as `docker run -v` has it: `data:/var/lib/data`, `./site:/www:ro`, or a path alone for a \
             volume without a name. A path that begins with `.` starts at the configuration's folder.",
        )
        .replaces(),
        Attribute::block("mount", Nesting::List, mount(), "A volume, folder or file that is mounted.").replaces(),
        Attribute::optional(
            "tmpfs",
            map_of_texts(),
            "Folders in memory, with their options: `{ \"/run\" = \"size=64m\" }`.",
        )
        .replaces(),
        Attribute::optional("volumes_from", list_of_texts(), "Containers whose volumes it has too: `data`, `data:ro`.")
            .replaces(),
        Attribute::optional("volume_driver", Type::String, "The driver of the volumes that are made for `volumes`.")
            .replaces(),
        Attribute::optional("storage_opt", map_of_texts(), "Options of the storage driver: `size = \"20G\"`.")
            .replaces(),
        Attribute::optional(
            "remove_volumes",
            Type::Bool,
            "Whether volumes without a name go with it. Those with one never do.",
        )
        .with_default(true),
    ]
}

fn mount() -> Vec<Attribute> {
    vec![
        Attribute::required("target", Type::String, "Where it is in the container."),
        Attribute::optional("type", Type::String, "`volume`, `bind`, `tmpfs`, `npipe`, `cluster` or `image`.")
            .with_default("volume"),
        Attribute::optional(
            "source",
            Type::String,
            "The volume's name, or the path on the machine; a path that begins with `.` starts at the configuration's folder.",
        ),
        Attribute::optional("read_only", Type::Bool, "Whether it cannot be written.").with_default(false),
        Attribute::optional(
            "consistency",
            Type::String,
            "How far the two sides may differ, on desktop systems: `cached`.",
        ),
        Attribute::optional(
            "propagation",
            Type::String,
            "For `bind`: how mounts below it pass: `rprivate`, `rshared`, ….",
        ),
        Attribute::optional("non_recursive", Type::Bool, "For `bind`: whether mounts below it are left out."),
        Attribute::optional(
            "create_mountpoint",
            Type::Bool,
            "For `bind`: whether the path is made where it is not there.",
        ),
        Attribute::optional(
            "no_copy",
            Type::Bool,
            "For `volume`: whether it stays empty where the image has something.",
        ),
        Attribute::optional("labels", map_of_texts(), "For `volume`: labels, if it is made."),
        Attribute::optional("driver", Type::String, "For `volume`: its driver, if it is made."),
        Attribute::optional("driver_options", map_of_texts(), "For `volume`: options of its driver, if it is made."),
        Attribute::optional(
            "subpath",
            Type::String,
            "For `volume` and `image`: the path inside it. It takes version 1.45 of the API.",
        ),
        Attribute::optional("size", Type::String, "For `tmpfs`: the most that it may hold: `64MiB`."),
        Attribute::optional("mode", Type::String, "For `tmpfs`: its mode in octal digits: `1770`."),
    ]
}

/// A path on the machine; one that begins with `.` starts at the configuration's folder.
fn on_machine(source: &str, root: &Path) -> String {
    let relative = source == "." || source == ".." || source.starts_with("./") || source.starts_with("../");
    if !relative {
        return source.to_owned();
    }
    let mut path = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    for part in Path::new(source).components() {
        match part {
            std::path::Component::ParentDir => {
                path.pop();
            }
            std::path::Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

pub(crate) fn request(config: &Value, root: &Path, draft: &mut Draft) {
    let (mut binds, mut unnamed) = (Vec::new(), Vec::new());
    for volume in texts(config, "volumes").unwrap_or_default() {
        match volume.split_once(':') {
            Some((source, rest)) => binds.push(format!("{}:{rest}", on_machine(source, root))),
            None => unnamed.push(volume),
        }
    }
    draft.body.volumes = (!unnamed.is_empty()).then_some(unnamed);
    let host = &mut draft.host;
    host.binds = (!binds.is_empty()).then_some(binds);
    let mounts: Vec<Mount> = blocks(config, "mount").iter().map(|block| mount_of(block, root)).collect();
    host.mounts = (!mounts.is_empty()).then_some(mounts);
    host.tmpfs = pairs(config, "tmpfs");
    host.volumes_from = texts(config, "volumes_from");
    host.volume_driver = text(config, "volume_driver");
    host.storage_opt = pairs(config, "storage_opt");
}

fn mount_of(block: &Value, root: &Path) -> Mount {
    let kind = text(block, "type").unwrap_or_else(|| "volume".to_owned());
    let typ = kind_of(&kind);
    let source = text(block, "source").map(|source| if kind == "bind" { on_machine(&source, root) } else { source });
    let flag = |name: &str| block.get(name).and_then(Value::as_bool);
    let subpath = text(block, "subpath");
    let bind = MountBindOptions {
        propagation: text(block, "propagation").and_then(|name| propagation(&name)),
        non_recursive: flag("non_recursive"),
        create_mountpoint: flag("create_mountpoint"),
        ..MountBindOptions::default()
    };
    let driver =
        MountVolumeOptionsDriverConfig { name: text(block, "driver"), options: pairs(block, "driver_options") };
    let volume = MountVolumeOptions {
        no_copy: flag("no_copy"),
        labels: pairs(block, "labels"),
        driver_config: (driver != MountVolumeOptionsDriverConfig::default()).then_some(driver),
        subpath: subpath.clone(),
    };
    let tmpfs = MountTmpfsOptions {
        size_bytes: text(block, "size").and_then(|size| parse_bytes(&size)),
        mode: text(block, "mode").and_then(|mode| i64::from_str_radix(&mode, 8).ok()),
        ..MountTmpfsOptions::default()
    };
    Mount {
        target: text(block, "target"),
        source,
        typ,
        read_only: given(block, "read_only"),
        consistency: text(block, "consistency"),
        bind_options: (kind == "bind" && bind != MountBindOptions::default()).then_some(bind),
        volume_options: (kind == "volume" && volume != MountVolumeOptions::default()).then_some(volume),
        image_options: (kind == "image" && subpath.is_some()).then_some(MountImageOptions { subpath }),
        tmpfs_options: (kind == "tmpfs" && tmpfs != MountTmpfsOptions::default()).then_some(tmpfs),
    }
}

/// The engine's type of mount by its name.
pub(crate) fn kind_of(name: &str) -> Option<MountType> {
    use MountType::{BIND, CLUSTER, IMAGE, NPIPE, TMPFS, VOLUME};
    [BIND, CLUSTER, IMAGE, NPIPE, TMPFS, VOLUME].into_iter().find(|kind| kind.to_string() == name)
}

/// The engine's kind of propagation by its name.
pub(crate) fn propagation(name: &str) -> Option<MountBindOptionsPropagationEnum> {
    use MountBindOptionsPropagationEnum::{PRIVATE, RPRIVATE, RSHARED, RSLAVE, SHARED, SLAVE};
    [PRIVATE, RPRIVATE, RSHARED, RSLAVE, SHARED, SLAVE].into_iter().find(|kind| kind.to_string() == name)
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let host = facts.host;
    let of_image = |path: &String| facts.image.volumes.as_ref().is_some_and(|own| own.contains(path));
    let mut volumes: Vec<String> = host.binds.iter().flatten().cloned().collect();
    volumes.extend(facts.config.volumes.iter().flatten().filter(|path| !of_image(path)).cloned());
    described.put_set("volumes", list_or_null(Some(&volumes)));
    described.put_set("mount", blocks_or_null(host.mounts.iter().flatten().map(described_mount).collect()));
    described.put_set("tmpfs", engine_map(host.tmpfs.as_ref()));
    described.put_set("volumes_from", list_or_null(host.volumes_from.as_ref()));
    described.put_set("volume_driver", text_or_null(host.volume_driver.as_deref()));
    described.put_set("storage_opt", engine_map(host.storage_opt.as_ref()));
}

fn described_mount(mount: &Mount) -> Value {
    let flag = |value: Option<bool>| value.filter(|value| *value).map_or(Value::Null, Value::from);
    let bind = mount.bind_options.clone().unwrap_or_default();
    let volume = mount.volume_options.clone().unwrap_or_default();
    let driver = volume.driver_config.unwrap_or_default();
    let tmpfs = mount.tmpfs_options.clone().unwrap_or_default();
    let subpath = mount.image_options.as_ref().and_then(|image| image.subpath.clone()).or(volume.subpath);
    Value::map([
        ("target", text_or_null(mount.target.as_deref())),
        ("type", mount.typ.map_or(Value::Null, |kind| Value::from(kind.to_string()))),
        ("source", text_or_null(mount.source.as_deref())),
        ("read_only", Value::from(mount.read_only.unwrap_or(false))),
        ("consistency", text_or_null(mount.consistency.as_deref())),
        ("propagation", bind.propagation.map_or(Value::Null, |kind| text_or_null(Some(kind.as_ref())))),
        ("non_recursive", flag(bind.non_recursive)),
        ("create_mountpoint", flag(bind.create_mountpoint)),
        ("no_copy", flag(volume.no_copy)),
        ("labels", engine_map(volume.labels.as_ref())),
        ("driver", text_or_null(driver.name.as_deref())),
        ("driver_options", engine_map(driver.options.as_ref())),
        ("subpath", text_or_null(subpath.as_deref())),
        ("size", tmpfs.size_bytes.filter(|size| *size != 0).map_or(Value::Null, |size| Value::from(show_bytes(size)))),
        ("mode", tmpfs.mode.filter(|mode| *mode != 0).map_or(Value::Null, |mode| Value::from(format!("{mode:o}")))),
    ])
}

/// The places of a container's volumes that have no name of their own: what is in them is lost with it.
pub(crate) fn unnamed(inspect: &ContainerInspectResponse) -> Vec<String> {
    let made_up = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mounts = inspect.mounts.iter().flatten().filter(|mount| mount.name.as_deref().is_some_and(made_up));
    mounts.filter_map(|mount| mount.destination.clone()).collect()
}
