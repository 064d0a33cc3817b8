//! Every field of the engine's create request, and the attribute that sets it: nothing that `docker run` can say is
//! missing. The list is that of version 1.41 of the API, as its definition has it.

use deployctl_sdk::conformance::settle;
use deployctl_sdk::{Address, Lineage, Ownership, ResourceId, Value};

use super::create_request::request;
use super::schema::schema;

/// A field, by its way through the request.
type Field = &'static str;

/// Fields with a configuration that sets each, in the language of JSON.
const SET: &[(Field, &str)] = &[
    ("/Hostname", r#"{"hostname": "web"}"#),
    ("/Domainname", r#"{"domainname": "example.com"}"#),
    ("/User", r#"{"user": "1000:1000"}"#),
    ("/ExposedPorts", r#"{"expose": ["80"]}"#),
    ("/Tty", r#"{"tty": true}"#),
    ("/OpenStdin", r#"{"stdin_open": true}"#),
    ("/StdinOnce", r#"{"stdin_once": true}"#),
    ("/Env", r#"{"env": {"A": "1"}}"#),
    ("/Cmd", r#"{"command": ["true"]}"#),
    ("/Healthcheck/Test", r#"{"healthcheck": {"test": ["CMD", "true"]}}"#),
    ("/Healthcheck/Interval", r#"{"healthcheck": {"interval": "1s"}}"#),
    ("/Healthcheck/Timeout", r#"{"healthcheck": {"timeout": "1s"}}"#),
    ("/Healthcheck/Retries", r#"{"healthcheck": {"retries": 2}}"#),
    ("/Healthcheck/StartPeriod", r#"{"healthcheck": {"start_period": "1s"}}"#),
    ("/Image", r#"{"image": "other"}"#),
    ("/Volumes", r#"{"volumes": ["/data"]}"#),
    ("/WorkingDir", r#"{"working_dir": "/srv"}"#),
    ("/Entrypoint", r#"{"entrypoint": ["env"]}"#),
    ("/Labels/a", r#"{"labels": {"a": "1"}}"#),
    ("/StopSignal", r#"{"stop_signal": "SIGINT"}"#),
    ("/StopTimeout", r#"{"stop_timeout": 3}"#),
    ("/HostConfig/CpuShares", r#"{"cpu_shares": 512}"#),
    ("/HostConfig/Memory", r#"{"memory": "64MiB"}"#),
    ("/HostConfig/CgroupParent", r#"{"cgroup_parent": "/a"}"#),
    ("/HostConfig/BlkioWeight", r#"{"blkio_weight": 100}"#),
    ("/HostConfig/BlkioWeightDevice", r#"{"blkio_device": [{"path": "/dev/sda", "weight": 100}]}"#),
    ("/HostConfig/BlkioDeviceReadBps", r#"{"blkio_device": [{"path": "/dev/sda", "read_bps": 1}]}"#),
    ("/HostConfig/BlkioDeviceWriteBps", r#"{"blkio_device": [{"path": "/dev/sda", "write_bps": 1}]}"#),
    ("/HostConfig/BlkioDeviceReadIOps", r#"{"blkio_device": [{"path": "/dev/sda", "read_iops": 1}]}"#),
    ("/HostConfig/BlkioDeviceWriteIOps", r#"{"blkio_device": [{"path": "/dev/sda", "write_iops": 1}]}"#),
    ("/HostConfig/CpuPeriod", r#"{"cpu_period": 100000}"#),
    ("/HostConfig/CpuQuota", r#"{"cpu_quota": 50000}"#),
    ("/HostConfig/CpuRealtimePeriod", r#"{"cpu_realtime_period": 100000}"#),
    ("/HostConfig/CpuRealtimeRuntime", r#"{"cpu_realtime_runtime": 1000}"#),
    ("/HostConfig/CpusetCpus", r#"{"cpuset_cpus": "0"}"#),
    ("/HostConfig/CpusetMems", r#"{"cpuset_mems": "0"}"#),
    ("/HostConfig/Devices", r#"{"device": [{"host_path": "/dev/null"}]}"#),
    ("/HostConfig/DeviceCgroupRules", r#"{"device_cgroup_rules": ["c 1:3 rwm"]}"#),
    ("/HostConfig/DeviceRequests", r#"{"gpus": "all"}"#),
    ("/HostConfig/DeviceRequests/0/Driver", r#"{"device_request": [{"driver": "nvidia", "count": 1}]}"#),
    ("/HostConfig/DeviceRequests/0/DeviceIDs", r#"{"device_request": [{"device_ids": ["0"]}]}"#),
    ("/HostConfig/DeviceRequests/0/Capabilities", r#"{"device_request": [{"capabilities": ["gpu"]}]}"#),
    ("/HostConfig/DeviceRequests/0/Options", r#"{"device_request": [{"options": {"a": "1"}}]}"#),
    ("/HostConfig/MemoryReservation", r#"{"memory_reservation": "32MiB"}"#),
    ("/HostConfig/MemorySwap", r#"{"memory": "64MiB", "memory_swap": "-1"}"#),
    ("/HostConfig/MemorySwappiness", r#"{"memory_swappiness": 10}"#),
    ("/HostConfig/NanoCpus", r#"{"cpus": 0.5}"#),
    ("/HostConfig/OomKillDisable", r#"{"oom_kill_disable": true}"#),
    ("/HostConfig/Init", r#"{"init": true}"#),
    ("/HostConfig/PidsLimit", r#"{"pids_limit": 10}"#),
    ("/HostConfig/Ulimits", r#"{"ulimit": [{"name": "nofile", "soft": 1, "hard": 2}]}"#),
    ("/HostConfig/Binds", r#"{"volumes": ["data:/data"]}"#),
    ("/HostConfig/LogConfig/Type", r#"{"log": {"driver": "local"}}"#),
    ("/HostConfig/LogConfig/Config", r#"{"log": {"driver": "local", "options": {"max-size": "1m"}}}"#),
    ("/HostConfig/NetworkMode", r#"{"network_mode": "host"}"#),
    ("/HostConfig/PortBindings", r#"{"port": [{"internal": 80, "external": 8080}]}"#),
    ("/HostConfig/RestartPolicy", r#"{"restart": "always"}"#),
    ("/HostConfig/VolumeDriver", r#"{"volume_driver": "local"}"#),
    ("/HostConfig/VolumesFrom", r#"{"volumes_from": ["other"]}"#),
    ("/HostConfig/Mounts/0/Target", r#"{"mount": [{"target": "/data"}]}"#),
    ("/HostConfig/Mounts/0/Type", r#"{"mount": [{"target": "/data", "type": "tmpfs"}]}"#),
    ("/HostConfig/Mounts/0/Source", r#"{"mount": [{"target": "/data", "source": "data"}]}"#),
    ("/HostConfig/Mounts/0/ReadOnly", r#"{"mount": [{"target": "/data", "read_only": true}]}"#),
    ("/HostConfig/Mounts/0/Consistency", r#"{"mount": [{"target": "/data", "consistency": "cached"}]}"#),
    (
        "/HostConfig/Mounts/0/BindOptions/Propagation",
        r#"{"mount": [{"target": "/data", "type": "bind", "propagation": "rshared"}]}"#,
    ),
    (
        "/HostConfig/Mounts/0/BindOptions/NonRecursive",
        r#"{"mount": [{"target": "/data", "type": "bind", "non_recursive": true}]}"#,
    ),
    ("/HostConfig/Mounts/0/VolumeOptions/NoCopy", r#"{"mount": [{"target": "/data", "no_copy": true}]}"#),
    ("/HostConfig/Mounts/0/VolumeOptions/Labels", r#"{"mount": [{"target": "/data", "labels": {"a": "1"}}]}"#),
    ("/HostConfig/Mounts/0/VolumeOptions/DriverConfig/Name", r#"{"mount": [{"target": "/data", "driver": "local"}]}"#),
    (
        "/HostConfig/Mounts/0/VolumeOptions/DriverConfig/Options",
        r#"{"mount": [{"target": "/data", "driver_options": {"a": "1"}}]}"#,
    ),
    (
        "/HostConfig/Mounts/0/TmpfsOptions/SizeBytes",
        r#"{"mount": [{"target": "/data", "type": "tmpfs", "size": "1MiB"}]}"#,
    ),
    ("/HostConfig/Mounts/0/TmpfsOptions/Mode", r#"{"mount": [{"target": "/data", "type": "tmpfs", "mode": "1777"}]}"#),
    ("/HostConfig/CapAdd", r#"{"cap_add": ["NET_ADMIN"]}"#),
    ("/HostConfig/CapDrop", r#"{"cap_drop": ["ALL"]}"#),
    ("/HostConfig/CgroupnsMode", r#"{"cgroupns_mode": "private"}"#),
    ("/HostConfig/Dns", r#"{"dns": ["10.0.0.1"]}"#),
    ("/HostConfig/DnsOptions", r#"{"dns_options": ["ndots:2"]}"#),
    ("/HostConfig/DnsSearch", r#"{"dns_search": ["example.com"]}"#),
    ("/HostConfig/ExtraHosts", r#"{"extra_hosts": ["db:10.0.0.2"]}"#),
    ("/HostConfig/GroupAdd", r#"{"group_add": ["audio"]}"#),
    ("/HostConfig/IpcMode", r#"{"ipc_mode": "host"}"#),
    ("/HostConfig/Links", r#"{"links": ["db:database"]}"#),
    ("/HostConfig/OomScoreAdj", r#"{"oom_score_adj": 100}"#),
    ("/HostConfig/PidMode", r#"{"pid_mode": "host"}"#),
    ("/HostConfig/Privileged", r#"{"privileged": true}"#),
    ("/HostConfig/PublishAllPorts", r#"{"publish_all_ports": true}"#),
    ("/HostConfig/ReadonlyRootfs", r#"{"read_only": true}"#),
    ("/HostConfig/SecurityOpt", r#"{"security_opt": ["no-new-privileges"]}"#),
    ("/HostConfig/StorageOpt", r#"{"storage_opt": {"size": "1G"}}"#),
    ("/HostConfig/Tmpfs", r#"{"tmpfs": {"/run": ""}}"#),
    ("/HostConfig/UTSMode", r#"{"uts_mode": "host"}"#),
    ("/HostConfig/UsernsMode", r#"{"userns_mode": "host"}"#),
    ("/HostConfig/ShmSize", r#"{"shm_size": "1MiB"}"#),
    ("/HostConfig/Sysctls", r#"{"sysctls": {"net.ipv4.ip_forward": "1"}}"#),
    ("/HostConfig/Runtime", r#"{"runtime": "runc"}"#),
    ("/HostConfig/MaskedPaths", r#"{"masked_paths": ["/proc/kcore"]}"#),
    ("/HostConfig/ReadonlyPaths", r#"{"readonly_paths": ["/proc/sys"]}"#),
    (
        "/NetworkingConfig/EndpointsConfig/a/IPAMConfig/IPv4Address",
        r#"{"network": [{"name": "a", "ipv4_address": "10.0.0.9"}]}"#,
    ),
    (
        "/NetworkingConfig/EndpointsConfig/a/IPAMConfig/IPv6Address",
        r#"{"network": [{"name": "a", "ipv6_address": "fd00::9"}]}"#,
    ),
    (
        "/NetworkingConfig/EndpointsConfig/a/IPAMConfig/LinkLocalIPs",
        r#"{"network": [{"name": "a", "link_local_ips": ["169.254.1.1"]}]}"#,
    ),
    ("/NetworkingConfig/EndpointsConfig/a/Links", r#"{"network": [{"name": "a", "links": ["db:database"]}]}"#),
    ("/NetworkingConfig/EndpointsConfig/a/Aliases", r#"{"network": [{"name": "a", "aliases": ["web"]}]}"#),
    (
        "/NetworkingConfig/EndpointsConfig/a/MacAddress",
        r#"{"network": [{"name": "a", "mac_address": "02:42:ac:11:00:09"}]}"#,
    ),
    ("/NetworkingConfig/EndpointsConfig/a/DriverOpts", r#"{"network": [{"name": "a", "driver_opts": {"x": "1"}}]}"#),
];

/// Fields that no attribute sets, with the reason.
const LEFT_OUT: &[(Field, &str)] = &[
    ("/AttachStdin", "says what the client that makes it attaches to; ours attaches to nothing"),
    ("/AttachStdout", "as AttachStdin"),
    ("/AttachStderr", "as AttachStdin"),
    ("/ArgsEscaped", "for images of Windows, set by their builder"),
    ("/NetworkDisabled", "`network_mode = \"none\"` says the same"),
    ("/MacAddress", "given up by the engine for `network.mac_address`, which is per network"),
    ("/OnBuild", "belongs to images"),
    ("/Shell", "belongs to images"),
    ("/HostConfig/KernelMemory", "given up by the kernel and the engine"),
    ("/HostConfig/KernelMemoryTCP", "given up by the kernel and the engine"),
    ("/HostConfig/CpuCount", "for containers of Windows"),
    ("/HostConfig/CpuPercent", "for containers of Windows"),
    ("/HostConfig/IOMaximumIOps", "for containers of Windows"),
    ("/HostConfig/IOMaximumBandwidth", "for containers of Windows"),
    ("/HostConfig/ConsoleSize", "for containers of Windows"),
    ("/HostConfig/Isolation", "for containers of Windows"),
    ("/HostConfig/ContainerIDFile", "a file that the client writes"),
    ("/HostConfig/AutoRemove", "a managed container that removes itself would only be made again; see `must_run`"),
    ("/HostConfig/Cgroup", "not to be set by `docker run`; see `cgroup_parent` and `cgroupns_mode`"),
    ("/NetworkingConfig/EndpointsConfig/a/NetworkID", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/EndpointID", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/Gateway", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/IPAddress", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/IPPrefixLen", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/IPv6Gateway", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/GlobalIPv6Address", "told by the engine"),
    ("/NetworkingConfig/EndpointsConfig/a/GlobalIPv6PrefixLen", "told by the engine"),
];

/// The fields of the request, as the definition of version 1.41 of the API lists them: `ContainerConfig`, `HostConfig` with
/// its `Resources`, and `EndpointSettings`.
const CONTAINER_CONFIG: &str = "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin \
    StdinOnce Env Cmd Healthcheck ArgsEscaped Image Volumes WorkingDir Entrypoint NetworkDisabled MacAddress OnBuild Labels \
    StopSignal StopTimeout Shell";
const HOST_CONFIG: &str = "CpuShares Memory CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps \
    BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime \
    CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests KernelMemory KernelMemoryTCP MemoryReservation MemorySwap \
    MemorySwappiness NanoCpus OomKillDisable Init PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth \
    Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom Mounts CapAdd \
    CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged \
    PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt Tmpfs UTSMode UsernsMode ShmSize Sysctls Runtime ConsoleSize \
    Isolation MaskedPaths ReadonlyPaths";
const ENDPOINT_SETTINGS: &str = "IPAMConfig Links Aliases NetworkID EndpointID Gateway IPAddress IPPrefixLen IPv6Gateway \
    GlobalIPv6Address GlobalIPv6PrefixLen MacAddress DriverOpts";

fn body(config: &str) -> serde_json::Value {
    let schema = schema();
    let given: serde_json::Value = serde_json::from_str(config).unwrap();
    let mut members = vec![("image".to_owned(), Value::from("image"))];
    members.extend(given.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value_of(value))));
    let config = settle(&schema.attributes, &Value::map(members)).unwrap();
    let id = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d".parse().unwrap();
    let mark = Ownership { lineage: Lineage(id), id: ResourceId(id), address: Address::new("docker_container", "it") };
    serde_json::to_value(request(&schema, &config, &mark, "/root".as_ref(), 48, None).body).unwrap()
}

fn value_of(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Number(deployctl_sdk::Number::parse(&number.to_string()).unwrap()),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(value_of)),
        serde_json::Value::Object(members) => {
            Value::map(members.iter().map(|(key, value)| (key.as_str(), value_of(value))))
        }
    }
}

#[test]
fn every_field_of_the_create_request_is_set_by_an_attribute_or_left_out_for_a_reason() {
    let within = |prefix: &'static str, names: &'static str| {
        names.split_ascii_whitespace().map(move |name| format!("{prefix}/{name}"))
    };
    let fields = within("", CONTAINER_CONFIG)
        .chain(within("/HostConfig", HOST_CONFIG))
        .chain(within("/NetworkingConfig/EndpointsConfig/a", ENDPOINT_SETTINGS));
    for field in fields {
        let is_of_it = |other: &str| other == field || other.starts_with(&format!("{field}/"));
        let set = SET.iter().any(|(other, _)| is_of_it(other));
        let left_out = LEFT_OUT.iter().any(|(other, _)| *other == field);
        assert!(set != left_out, "{field} must be either set by an attribute or left out for a reason");
    }
}

#[test]
fn an_attribute_sets_its_field_and_nothing_else_does() {
    let plain = body("{}");
    for (field, config) in SET {
        let set = body(config);
        let value = set.pointer(field);
        assert!(value.is_some_and(|value| !value.is_null()), "{config} does not set {field}: {set}");
        assert_ne!(value, plain.pointer(field), "{field} is the same without {config}");
    }
}

#[test]
fn what_is_not_configured_is_not_asked_for() {
    let plain = body("{}");
    let asked: Vec<&String> = plain.as_object().unwrap().keys().collect();
    assert_eq!(asked, ["HostConfig", "Image", "Labels"]);
    let asked: Vec<&String> = plain.pointer("/HostConfig").unwrap().as_object().unwrap().keys().collect();
    assert_eq!(asked, ["RestartPolicy"]);
}
