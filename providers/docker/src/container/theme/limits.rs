//! How much of the machine a container may use. Most of it can be changed while it runs, but taken away only with the
//! container: the engine reads nothing and zero as "as it was".

use bollard::models::{ContainerUpdateBody, HostConfig, ResourcesBlkioWeightDevice, ResourcesUlimits, ThrottleDevice};
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts};
use crate::attributes::{text, text_or_null};
use crate::container::units::{parse_bytes, show_bytes};
use crate::container::values::{blocks, blocks_or_null, fraction, fraction_value, given, number, number_or_null};

/// Billionths of a processor.
const NANO: f64 = 1e9;
/// What the engine gives `/dev/shm`.
const SHM_SIZE: i64 = 64 << 20;

/// Attributes that hold an amount of memory.
pub(crate) const SIZES: &[&str] = &["memory", "memory_reservation", "memory_swap", "shm_size"];

/// Attributes that a running container can be given anew.
pub(crate) const UPDATED: &[&str] = &[
    "memory",
    "memory_swap",
    "memory_reservation",
    "cpus",
    "cpu_shares",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "pids_limit",
    "blkio_weight",
];

pub(crate) fn attributes() -> Vec<Attribute> {
    let mut all = memory();
    all.extend(cpu());
    all.extend(io());
    all.push(Attribute::optional(
        "pids_limit",
        Type::Number,
        "How many processes and threads it may have; -1 for no limit.",
    ));
    all.push(
        Attribute::block(
            "ulimit",
            Nesting::List,
            vec![
                Attribute::required("name", Type::String, "What is limited: `nofile`, `nproc`, `core`, …"),
                Attribute::required("soft", Type::Number, "The limit in force."),
                Attribute::required("hard", Type::Number, "How far a process may raise it."),
            ],
            "A limit for each of its processes.",
        )
        .replaces(),
    );
    all
}

fn memory() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "memory",
            Type::String,
            "The most memory that it may use: `512MiB`, `1.5GiB`; no limit without it.",
        )
        .replaces_when_unset(),
        Attribute::optional(
            "memory_swap",
            Type::String,
            "The most memory and swap together; `-1` for any amount of swap. Twice `memory` without it.",
        ),
        Attribute::optional(
            "memory_reservation",
            Type::String,
            "What it is cut back to when memory is short; less than `memory`.",
        )
        .replaces_when_unset(),
        Attribute::optional(
            "memory_swappiness",
            Type::Number,
            "How readily its memory is swapped out, from 0 to 100. Only with version 1 of control groups.",
        )
        .replaces(),
        Attribute::optional(
            "oom_kill_disable",
            Type::Bool,
            "Whether it waits instead of being killed when it is out of memory.",
        )
        .with_default(false)
        .replaces(),
        Attribute::optional(
            "oom_score_adj",
            Type::Number,
            "How likely it is killed when the machine is out of memory, from -1000 to 1000.",
        )
        .replaces(),
        Attribute::optional("shm_size", Type::String, "The size of its `/dev/shm`; the engine's 64MiB without it.")
            .replaces(),
    ]
}

fn cpu() -> Vec<Attribute> {
    let number = |name: &str, doc: &str| Attribute::optional(name, Type::Number, doc).replaces_when_unset();
    vec![
        number("cpus", "How many processors' time it may use: `1.5`. Not together with `cpu_period` and `cpu_quota`."),
        number("cpu_shares", "Its weight where processors are short, against 1024 of others."),
        number("cpu_period", "The period of `cpu_quota` in microseconds."),
        number("cpu_quota", "How many microseconds of each period it may use; at least 1000."),
        Attribute::optional("cpuset_cpus", Type::String, "The processors that it may run on: `0-2,4`.")
            .replaces_when_unset(),
        Attribute::optional("cpuset_mems", Type::String, "The memory nodes that it may use: `0,1`.")
            .replaces_when_unset(),
        Attribute::optional(
            "cpu_realtime_period",
            Type::Number,
            "The period of `cpu_realtime_runtime` in microseconds.",
        )
        .replaces(),
        Attribute::optional(
            "cpu_realtime_runtime",
            Type::Number,
            "How many microseconds of each period it may run in real time.",
        )
        .replaces(),
    ]
}

fn io() -> Vec<Attribute> {
    vec![
        Attribute::optional("blkio_weight", Type::Number, "Its weight at disks, from 10 to 1000.")
            .replaces_when_unset(),
        Attribute::block(
            "blkio_device",
            Nesting::List,
            vec![
                Attribute::required("path", Type::String, "The disk: `/dev/sda`."),
                Attribute::optional("weight", Type::Number, "Its weight at this disk, from 10 to 1000."),
                Attribute::optional("read_bps", Type::Number, "The most bytes read in a second."),
                Attribute::optional("write_bps", Type::Number, "The most bytes written in a second."),
                Attribute::optional("read_iops", Type::Number, "The most reads in a second."),
                Attribute::optional("write_iops", Type::Number, "The most writes in a second."),
            ],
            "Limits at one disk.",
        )
        .replaces(),
    ]
}

fn size(config: &Value, name: &str) -> Option<i64> {
    let text = text(config, name)?;
    if text == "-1" { Some(-1) } else { parse_bytes(&text) }
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let host = &mut draft.host;
    let updated = update(config);
    host.memory = updated.memory;
    host.memory_swap = size(config, "memory_swap");
    host.memory_reservation = updated.memory_reservation;
    host.memory_swappiness = number(config, "memory_swappiness");
    host.oom_kill_disable = given(config, "oom_kill_disable");
    host.oom_score_adj = number(config, "oom_score_adj");
    host.shm_size = size(config, "shm_size");
    host.nano_cpus = updated.nano_cpus;
    host.cpu_shares = updated.cpu_shares;
    host.cpu_period = updated.cpu_period;
    host.cpu_quota = updated.cpu_quota;
    host.cpuset_cpus = updated.cpuset_cpus;
    host.cpuset_mems = updated.cpuset_mems;
    host.cpu_realtime_period = number(config, "cpu_realtime_period");
    host.cpu_realtime_runtime = number(config, "cpu_realtime_runtime");
    host.pids_limit = number(config, "pids_limit");
    host.blkio_weight = updated.blkio_weight;
    devices(config, host);
    let ulimits: Vec<ResourcesUlimits> = blocks(config, "ulimit")
        .iter()
        .map(|block| ResourcesUlimits {
            name: text(block, "name"),
            soft: number(block, "soft"),
            hard: number(block, "hard"),
        })
        .collect();
    host.ulimits = (!ulimits.is_empty()).then_some(ulimits);
}

fn devices(config: &Value, host: &mut HostConfig) {
    let weights = blocks(config, "blkio_device").iter().filter_map(|block| {
        let weight = usize::try_from(number(block, "weight")?).ok()?;
        Some(ResourcesBlkioWeightDevice { path: text(block, "path"), weight: Some(weight) })
    });
    let weights: Vec<_> = weights.collect();
    host.blkio_weight_device = (!weights.is_empty()).then_some(weights);
    let throttles = |name: &str| {
        let all = blocks(config, "blkio_device")
            .iter()
            .filter_map(|block| Some(ThrottleDevice { path: text(block, "path"), rate: Some(number(block, name)?) }));
        let all: Vec<_> = all.collect();
        (!all.is_empty()).then_some(all)
    };
    host.blkio_device_read_bps = throttles("read_bps");
    host.blkio_device_write_bps = throttles("write_bps");
    host.blkio_device_read_iops = throttles("read_iops");
    host.blkio_device_write_iops = throttles("write_iops");
}

/// All of a configuration that a running container can be given. What a creation would leave to the engine is said here,
/// since the engine would leave it as it was.
pub(crate) fn update(config: &Value) -> ContainerUpdateBody {
    let memory = size(config, "memory");
    #[allow(clippy::cast_possible_truncation)] // Processors times a billion are far from the largest number.
    let nano_cpus = fraction(config, "cpus").map(|cpus| (cpus * NANO).round() as i64);
    ContainerUpdateBody {
        memory,
        memory_swap: size(config, "memory_swap").or(memory.map(|memory| memory.saturating_mul(2))),
        memory_reservation: size(config, "memory_reservation"),
        nano_cpus,
        cpu_shares: number(config, "cpu_shares"),
        cpu_period: number(config, "cpu_period"),
        cpu_quota: number(config, "cpu_quota"),
        cpuset_cpus: text(config, "cpuset_cpus"),
        cpuset_mems: text(config, "cpuset_mems"),
        pids_limit: Some(number(config, "pids_limit").unwrap_or(-1)),
        blkio_weight: number(config, "blkio_weight").and_then(|weight| u16::try_from(weight).ok()),
        ..ContainerUpdateBody::default()
    }
}

fn size_or_null(value: Option<i64>) -> Value {
    match value {
        None | Some(0) => Value::Null,
        Some(-1) => Value::from("-1"),
        Some(bytes) => Value::from(show_bytes(bytes)),
    }
}

#[allow(clippy::cast_precision_loss)] // Processors times a billion are exact in a double.
pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let host = facts.host;
    described.put_set("memory", size_or_null(host.memory));
    let swap_left = host.memory_swap == host.memory.map(|memory| memory.saturating_mul(2));
    described.put(
        "memory_swap",
        size_or_null(host.memory_swap),
        swap_left || host.memory.is_none_or(|memory| memory <= 0),
    );
    described.put_set("memory_reservation", size_or_null(host.memory_reservation));
    described.put_set("memory_swappiness", number_or_null(host.memory_swappiness, &[-1]));
    described.put_set("oom_kill_disable", Value::from(host.oom_kill_disable.unwrap_or(false)));
    described.put_set("oom_score_adj", number_or_null(host.oom_score_adj, &[0]));
    described.put("shm_size", size_or_null(host.shm_size), host.shm_size == Some(SHM_SIZE));
    let cpus = host.nano_cpus.filter(|nano| *nano != 0).map_or(Value::Null, |nano| fraction_value(nano as f64 / NANO));
    described.put_set("cpus", cpus);
    described.put_set("cpu_shares", number_or_null(host.cpu_shares, &[0]));
    described.put_set("cpu_period", number_or_null(host.cpu_period, &[0]));
    described.put_set("cpu_quota", number_or_null(host.cpu_quota, &[0]));
    described.put_set("cpuset_cpus", text_or_null(host.cpuset_cpus.as_deref()));
    described.put_set("cpuset_mems", text_or_null(host.cpuset_mems.as_deref()));
    described.put_set("cpu_realtime_period", number_or_null(host.cpu_realtime_period, &[0]));
    described.put_set("cpu_realtime_runtime", number_or_null(host.cpu_realtime_runtime, &[0]));
    described.put("pids_limit", number_or_null(host.pids_limit, &[0]), host.pids_limit == Some(-1));
    described.put_set("blkio_weight", number_or_null(host.blkio_weight.map(i64::from), &[0]));
    described.put_set("blkio_device", described_devices(host));
    let ulimits = host.ulimits.iter().flatten().map(|limit| {
        Value::map([
            ("name", text_or_null(limit.name.as_deref())),
            ("soft", limit.soft.map_or(Value::Null, Value::from)),
            ("hard", limit.hard.map_or(Value::Null, Value::from)),
        ])
    });
    described.put_set("ulimit", blocks_or_null(ulimits.collect()));
}

fn described_devices(host: &HostConfig) -> Value {
    let mut paths: Vec<&str> = Vec::new();
    let weights = host.blkio_weight_device.iter().flatten().filter_map(|device| device.path.as_deref());
    let lists = [
        &host.blkio_device_read_bps,
        &host.blkio_device_write_bps,
        &host.blkio_device_read_iops,
        &host.blkio_device_write_iops,
    ];
    for path in
        weights.chain(lists.iter().flat_map(|list| list.iter().flatten()).filter_map(|device| device.path.as_deref()))
    {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let rate = |list: &Option<Vec<ThrottleDevice>>, path: &str| {
        let device = list.iter().flatten().find(|device| device.path.as_deref() == Some(path));
        device.and_then(|device| device.rate).map_or(Value::Null, Value::from)
    };
    blocks_or_null(
        paths
            .into_iter()
            .map(|path| {
                let weight =
                    host.blkio_weight_device.iter().flatten().find(|device| device.path.as_deref() == Some(path));
                let weight = weight.and_then(|device| i64::try_from(device.weight?).ok());
                Value::map([
                    ("path", Value::from(path)),
                    ("weight", weight.map_or(Value::Null, Value::from)),
                    ("read_bps", rate(&host.blkio_device_read_bps, path)),
                    ("write_bps", rate(&host.blkio_device_write_bps, path)),
                    ("read_iops", rate(&host.blkio_device_read_iops, path)),
                    ("write_iops", rate(&host.blkio_device_write_iops, path)),
                ])
            })
            .collect(),
    )
}
