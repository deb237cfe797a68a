//! What is in `deploy/` holds what we promise of it: hardening line by line, names and ports that fit together, and no flag that the program does not know.
//!
//! The Kubernetes schemas, hadolint and systemd's own check are asked by `tests/run deploy`.

use crate::harness::process::run;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every object of the base.
fn base() -> Vec<Value> {
    let folder = deploy().join("kubernetes/base");
    let list = documents(&folder.join("kustomization.yaml")).remove(0);
    let files: Vec<&str> = list["resources"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let there = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files.len() + 1, there, "each file of the base is one of its resources");
    files.iter().flat_map(|file| documents(&folder.join(file))).collect()
}

/// The one object of a kind with this name.
pub(crate) fn object(kind: &str, name: &str) -> Value {
    let mut found: Vec<Value> = base().into_iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name).collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found.remove(0)
}

/// The pod of a workload.
pub(crate) fn pod(kind: &str, name: &str) -> Value {
    object(kind, name)["spec"]["template"]["spec"].take()
}

fn workloads() -> [(&'static str, &'static str); 2] {
    [("StatefulSet", "martlog-server"), ("DaemonSet", "martlog-collector")]
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn args(container: &Value) -> Vec<&str> {
    list(container, "args").iter().map(|arg| arg.as_str().expect("a text")).collect()
}

/// The value of a flag among the arguments of the only container.
fn flag(pod: &Value, name: &str) -> String {
    let container = &pod["containers"][0];
    let found = args(container).into_iter().find_map(|arg| arg.strip_prefix(&format!("--{name}=")));
    found.unwrap_or_else(|| panic!("no --{name}")).to_owned()
}

#[test]
fn every_container_is_confined_bounded_and_probed() {
    for (kind, name) in workloads() {
        let pod = pod(kind, name);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["runAsUser"], 65532, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}), "{name}");
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        for shared in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
            assert!(pod.get(shared).is_none(), "{name}: {shared}");
        }
        for container in list(&pod, "containers").iter().chain(list(&pod, "initContainers")) {
            let at = format!("{name}/{}", container["name"].as_str().unwrap());
            for amount in ["cpu", "memory"] {
                assert!(container["resources"]["limits"][amount].is_string(), "{at}: limit of {amount}");
                assert!(container["resources"]["requests"][amount].is_string(), "{at}: request of {amount}");
            }
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{at}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{at}");
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{at}");
            assert!(context.get("privileged").is_none(), "{at}");
            let mounted = list(container, "volumeMounts").iter().map(|mount| mount["name"].as_str().unwrap());
            let claims = object(kind, name)["spec"]["volumeClaimTemplates"].take();
            let named = |volume: &str| {
                let claimed = claims.as_array().is_some_and(|claims| claims.iter().any(|claim| claim["metadata"]["name"] == volume));
                claimed || list(&pod, "volumes").iter().any(|one| one["name"] == volume)
            };
            mounted.for_each(|volume| assert!(named(volume), "{at}: no volume {volume}"));
        }
        for container in list(&pod, "containers") {
            let at = format!("{name}/{}", container["name"].as_str().unwrap());
            assert!(container["securityContext"].get("runAsUser").is_none(), "{at}: the pod says who");
            assert!(container["securityContext"]["capabilities"].get("add").is_none(), "{at}");
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let port = container[probe]["httpGet"]["port"].as_str().unwrap_or_else(|| panic!("{at}: {probe}"));
                assert!(list(container, "ports").iter().any(|one| one["name"] == port), "{at}: {probe} asks a port that is not there");
            }
            assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/livez", "{at}");
            assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz", "{at}");
        }
    }
}

#[test]
fn the_collector_sees_two_folders_of_its_node_and_no_more() {
    let pod = pod("DaemonSet", "martlog-collector");
    let paths: Vec<&Value> = list(&pod, "volumes").iter().filter_map(|volume| volume["hostPath"].get("path")).collect();
    assert_eq!(paths, ["/var/log/pods", "/var/lib/martlog-collector"]);
    let logs = list(&pod["containers"][0], "volumeMounts").iter().find(|mount| mount["name"] == "logs").unwrap();
    assert_eq!((&logs["readOnly"], &logs["mountPath"]), (&json!(true), &json!(flag(&pod, "root"))));
    // Log files are root's and its group's.
    assert_eq!(pod["securityContext"]["runAsGroup"], 0);
    // The only container that is root may give one folder away, and nothing else.
    let init = list(&pod, "initContainers");
    assert_eq!(init.len(), 1);
    assert_eq!(init[0]["securityContext"]["capabilities"], json!({"drop": ["ALL"], "add": ["CHOWN"]}));
    let mounts: Vec<&Value> = list(&init[0], "volumeMounts").iter().map(|mount| &mount["name"]).collect();
    assert_eq!(mounts, ["state"]);
}

#[test]
fn the_collector_may_read_pods_and_the_server_may_ask_nothing() {
    let rules = object("ClusterRole", "martlog-collector")["rules"].take();
    assert_eq!(rules, json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]));
    let binding = object("ClusterRoleBinding", "martlog-collector");
    assert_eq!(binding["subjects"], json!([{"kind": "ServiceAccount", "name": "martlog-collector", "namespace": "martlog"}]));
    assert_eq!(pod("StatefulSet", "martlog-server")["automountServiceAccountToken"], false);
    let kinds: Vec<String> = base().iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect();
    assert!(!kinds.iter().any(|kind| kind == "Secret"), "secrets are made by whoever installs, not kept here");
}

#[test]
fn names_and_ports_fit_together() {
    let (server, collector) = (pod("StatefulSet", "martlog-server"), pod("DaemonSet", "martlog-collector"));
    let service = object("Service", "martlog");
    assert_eq!(service["spec"]["ports"][0]["port"], 8434);
    assert_eq!(service["spec"]["selector"], object("StatefulSet", "martlog-server")["spec"]["selector"]["matchLabels"]);
    let ports: Vec<(&Value, &Value)> =
        list(&server["containers"][0], "ports").iter().map(|port| (&port["name"], &port["containerPort"])).collect();
    assert_eq!(ports, [(&json!("api"), &json!(8434)), (&json!("probes"), &json!(9434))]);
    assert_eq!((flag(&server, "listen"), flag(&server, "probes")), ("0.0.0.0:8434".to_owned(), "0.0.0.0:9434".to_owned()));
    assert_eq!(flag(&collector, "server"), "https://martlog.martlog.svc:8434");
    assert_eq!(documents(&deploy().join("kubernetes/base/kustomization.yaml"))[0]["namespace"], "martlog");
    for (pod, flags) in [(&server, &["dir", "tls-cert", "tls-key"][..]), (&collector, &["state", "ca-cert", "token-file"])] {
        for name in flags {
            let value = flag(pod, name);
            let mounts = list(&pod["containers"][0], "volumeMounts");
            assert!(mounts.iter().any(|mount| value.starts_with(mount["mountPath"].as_str().unwrap())), "--{name}={value} is in no volume");
        }
    }
    for (kind, name) in workloads() {
        let object = object(kind, name);
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        assert_eq!(&object["spec"]["selector"]["matchLabels"], labels, "{name}");
        let policies = base().into_iter().filter(|object| object["kind"] == "NetworkPolicy");
        let own = policies.filter(|policy| &policy["spec"]["podSelector"]["matchLabels"] == labels).count();
        assert_eq!(own, 1, "{name} has a network policy of its own");
    }
    let denied = object("NetworkPolicy", "martlog-deny");
    assert_eq!(denied["spec"], json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    let budget = object("PodDisruptionBudget", "martlog-server");
    assert_eq!(budget["spec"]["selector"]["matchLabels"], service["spec"]["selector"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_that_is_written_down_is_known_to_the_program() {
    let mut commands: Vec<Vec<String>> = Vec::new();
    for (kind, name) in workloads() {
        commands.push(args(&pod(kind, name)["containers"][0]).into_iter().map(str::to_owned).collect());
    }
    let compose = documents(&deploy().join("compose.yaml")).remove(0);
    for service in compose["services"].as_object().unwrap().values() {
        commands.push(list(service, "command").iter().map(|arg| arg.as_str().unwrap().to_owned()).collect());
    }
    let unit = std::fs::read_to_string(deploy().join("systemd/martlog-collect.service")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/martlog ")).expect("ExecStart");
    commands.push(start.split(' ').map(str::to_owned).collect());
    assert_eq!(commands.len(), 5);
    let home = tempfile::tempdir().unwrap();
    for command in commands {
        let (code, help, _) = run(&[command[0].as_str(), "--help"], home.path()).await;
        assert_eq!(code, Some(0), "{command:?}");
        for flag in command.iter().filter(|arg| arg.starts_with("--")).map(|arg| arg.split('=').next().unwrap()) {
            assert!(help.split_whitespace().any(|word| word == flag), "martlog {} has no {flag}", command[0]);
        }
    }
}

#[test]
fn the_image_is_small_and_nobody_is_root_in_it() {
    let text = std::fs::read_to_string(deploy().join("Dockerfile")).unwrap();
    let bases: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    let toolchain = std::fs::read_to_string(deploy().join("../Cargo.toml")).unwrap();
    let version = toolchain.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"').to_owned();
    assert_eq!(bases, [format!("docker.io/library/rust:{version}-bookworm AS build").as_str(), "gcr.io/distroless/cc-debian12:nonroot"]);
    let last = text.split("FROM ").last().unwrap();
    assert!(last.contains("\nUSER 65532:65532\n") && last.contains("ENTRYPOINT [\"/usr/local/bin/martlog\"]"), "{last}");
    assert!(!last.contains("\nRUN "), "there is no shell in the image");
}

#[test]
fn the_trial_listens_to_this_machine_alone() {
    let compose = documents(&deploy().join("compose.yaml")).remove(0);
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in list(service, "ports") {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert!(service["mem_limit"].is_string() && service["pids_limit"].is_number(), "{name}");
    }
    let confined = &compose["x-confined"];
    assert_eq!((&confined["read_only"], &confined["cap_drop"]), (&json!(true), &json!(["ALL"])));
    assert_eq!(confined["security_opt"], json!(["no-new-privileges:true"]));
}
