//! Server and collector as the manifests run them, without a container engine or a cluster: the image's root file system put together from the built binary, started by runc with
//! what the manifests say of users, capabilities, mounts and limits.
//!
//! Both are in a network of their own, with a Kubernetes API that the test plays. Needs root and runc; `tests/run tools` installs runc and the seccomp profile.

use crate::deployment;
use crate::harness::api::Api;
use crate::harness::authority::Authority;
use crate::harness::{PATIENCE, path, until};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[path = "../collector/tests/support/kubernetes.rs"]
#[allow(dead_code, reason = "this test plays less of it than the collector's own")]
mod kubernetes;

const UID: &str = "5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11";
const SERVICE: &str = "martlog.martlog.svc";
/// Where the image has the program.
const PROGRAM: &str = "/usr/local/bin/martlog";

#[test]
fn a_line_is_collected_by_what_the_manifests_describe() {
    let stage = Stage::new();
    let server = stage.run("server", &deployment::pod("StatefulSet", "martlog-server"), &[("data", "data"), ("tls", "tls")], None);
    let network = PathBuf::from(format!("/proc/{}/ns/net", server.pid()));
    server.assert_confined(65532, 65532);
    // A thread of its own, since it moves into the network of the pods.
    let stage = &stage;
    std::thread::scope(|scope| {
        let within = scope.spawn(|| {
            let opened = std::fs::File::open(&network).expect("the server's network");
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&opened), Some(rustix::thread::LinkNameSpaceType::Network))
                .expect("setns");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(journey(stage, &server, &network));
        });
        if let Err(panic) = within.join() {
            eprintln!("the server said:\n{}", server.said());
            std::panic::resume_unwind(panic);
        }
    });
}

async fn journey(stage: &Stage, server: &Container, network: &Path) {
    let ca = stage.folder("ca").join("ca.crt");
    let client = crate::harness::api::builder(Some(&ca)).resolve(SERVICE, "127.0.0.1:0".parse().unwrap()).build().unwrap();
    let livez = until("the server's /livez", async || {
        let answer = client.get(format!("https://{SERVICE}:9434/livez")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    });
    assert_eq!(livez.await, (200, "alive\n".to_owned()), "{}", server.said());
    let token = until("the staff token", async || std::fs::read_to_string(stage.folder("data").join("staff.token")).ok()).await;
    let staff = Api::over(client.clone(), &format!("https://{SERVICE}:8434"), token.trim());
    until("readiness", async || {
        let answer = client.get(format!("https://{SERVICE}:9434/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    staff.create("partners", json!({"id": "acme"})).await;
    staff.create("modules", json!({"id": "sms", "partner": "acme"})).await;
    // The owner is known by the Kubernetes API alone.
    let selector = json!({"namespace": "csp-434-sms", "labels": {"martlog/owner": "Deployment/sms"}});
    staff.create("instances", json!({"id": "sms-434", "module": "sms", "csp": "434", "selector": selector})).await;
    let token = staff.create("tokens", json!({"kind": "collector", "cluster": "cluster-1"})).await["token"].as_str().unwrap().to_owned();
    stage.write("token/token", &token, 0o440);

    let (api, app) = kubernetes::Api::new("https://kubernetes.default.svc");
    let door = Secured::bind(&stage.folder("tls"), "127.0.0.1:443").await;
    let serving = tokio::spawn(async move { axum::serve(door, app).await });
    api.apply("node-1", UID, json!({"pod-template-hash": "7d9f"}), Some(("ReplicaSet", "sms-7d9f")));
    stage.print(r#"{"level":"info","message":"needle"}"#);
    let volumes = [("logs", "pods"), ("state", "state"), ("ca", "ca"), ("token", "token")];
    let collector = stage.run("collector", &deployment::pod("DaemonSet", "martlog-collector"), &volumes, Some(network));
    collector.assert_confined(65532, 0);
    let found = until("the line", async || {
        let found = staff.search("module:sms needle").await;
        assert!(collector.runs(), "the collector ended:\n{}", collector.said());
        (!found.rows.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(found.rows[0]["instance"], "sms-434", "{found:?}");
    assert_eq!(found.rows[0]["source"]["node"], "node-1");
    let clear = crate::harness::api::client(None);
    for (probe, said) in [("livez", "alive\n"), ("readyz", "ready\n")] {
        until(probe, async || {
            let answer = clear.get(format!("http://127.0.0.1:9435/{probe}")).send().await.ok()?.text().await.ok()?;
            (answer == said).then_some(())
        })
        .await;
    }
    assert!(stage.folder("state").join("pods.json").is_file(), "what is known of pods is kept");
    serving.abort();
}

/// Where the test plays the Kubernetes API.
struct Secured {
    listener: tokio::net::TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

impl Secured {
    async fn bind(tls: &Path, address: &str) -> Self {
        let cert = CertificateDer::pem_file_iter(tls.join("tls.crt")).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(tls.join("tls.key")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(martlog_collector::tls::provider());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth().with_single_cert(cert, key).unwrap();
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        Self { listener, acceptor: tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config)) }
    }
}

impl axum::serve::Listener for Secured {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The folders that stand for the volumes, and the image.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "containers are started by root");
        let folder = tempfile::Builder::new().prefix("martlog-container-").tempdir().unwrap();
        let stage = Self { folder };
        let dir = |name: &str, owner: (u32, u32)| {
            let at = stage.folder(name);
            std::fs::create_dir_all(&at).unwrap();
            chown(&at, Some(owner.0), Some(owner.1)).unwrap();
        };
        // As the kubelet makes them: a volume of fsGroup, a folder that the init container gave away, secrets and config of root's.
        dir("data", (0, 65532));
        std::fs::set_permissions(stage.folder("data"), std::fs::Permissions::from_mode(0o2770)).unwrap();
        dir("state", (65532, 0));
        for name in ["pods", "tls", "ca", "token", "account"] {
            dir(name, (0, 0));
        }
        let authority = Authority::new("cluster");
        let issued = tempfile::tempdir().unwrap();
        let (cert, key) = authority.issue(issued.path(), &[SERVICE, "kubernetes.default.svc"]);
        for (from, to) in [(cert, "tls/tls.crt"), (key, "tls/tls.key")] {
            stage.write(to, &std::fs::read_to_string(from).unwrap(), 0o440);
            chown(stage.folder(to), Some(0), Some(65532)).unwrap();
        }
        stage.write("ca/ca.crt", &authority.pem, 0o644);
        for (name, text) in [("ca.crt", authority.pem.as_str()), ("token", "secret"), ("namespace", "martlog")] {
            stage.write(&format!("account/{name}"), text, 0o644);
        }
        stage.write("hosts", &format!("127.0.0.1 localhost {SERVICE} kubernetes.default.svc\n"), 0o644);
        stage.image();
        stage
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let at = self.folder(name);
        std::fs::write(&at, text).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What the distroless base has, and the program.
    fn image(&self) {
        let root = self.folder("rootfs");
        for name in ["usr/local/bin", "etc/ssl/certs", "usr/share/zoneinfo", "tmp", "proc", "dev", "sys", "data", "home/nonroot"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let built = env!("CARGO_BIN_EXE_martlog");
        let program = root.join(PROGRAM.trim_start_matches('/'));
        std::fs::copy(built, &program).unwrap();
        for library in libraries(built) {
            let to = root.join(library.trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(&library, to).unwrap();
        }
        let etc = |name: &str, text: &str| std::fs::write(root.join("etc").join(name), text).unwrap();
        etc("passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n");
        etc("group", "root:x:0:\nnonroot:x:65532:\n");
        etc("nsswitch.conf", "hosts: files dns\n");
        etc("hosts", "");
        for (from, to) in [
            ("/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt"),
            ("/usr/share/zoneinfo/UTC", "usr/share/zoneinfo/UTC"),
        ] {
            if Path::new(from).is_file() {
                std::fs::copy(from, root.join(to)).unwrap();
            }
        }
    }

    /// A container's log, as a runtime leaves it: root's and its group's.
    fn print(&self, line: &str) {
        let folder = self.folder("pods").join(format!("csp-434-sms_sms-7d9f-x_{UID}/app"));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("0.log");
        std::fs::write(&file, format!("2026-11-22T11:14:13.1Z stdout F {line}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    }

    /// Starts a pod's container with these volumes from the stage's folders, in this network or a new one.
    fn run(&self, name: &'static str, pod: &Value, volumes: &[(&str, &str)], network: Option<&Path>) -> Container {
        let bundle = self.folder(name);
        std::fs::create_dir_all(&bundle).unwrap();
        let config = self.config(pod, &volumes.iter().copied().collect(), network);
        std::fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        let log = bundle.join("log");
        let output = std::fs::File::create(&log).unwrap();
        let root = self.folder("runc");
        let id = format!("martlog-{name}-{}", std::process::id());
        let child = Command::new("runc")
            .args(["--root", path(&root), "run", "--bundle", path(&bundle), &id])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("runc: `tests/run tools` installs it");
        Container { id, root, log, child: std::sync::Mutex::new(child) }
    }

    /// What a container runtime makes of a pod's container.
    fn config(&self, pod: &Value, volumes: &BTreeMap<&str, &str>, network: Option<&Path>) -> Value {
        let container = &pod["containers"][0];
        let (of_pod, own) = (&pod["securityContext"], &container["securityContext"]);
        assert_eq!(own["capabilities"]["drop"], json!(["ALL"]));
        let mut groups = vec![of_pod["fsGroup"].clone()];
        groups.retain(Value::is_number);
        let mut args = vec![json!(PROGRAM)];
        args.extend(container["args"].as_array().unwrap().iter().map(|arg| {
            let arg = arg.as_str().unwrap().replace("$(CLUSTER)", "cluster-1").replace("$(NODE)", "node-1");
            // Two pods share one network here, so the second one's probes are at another port.
            json!(if network.is_some() { arg.replace("--probes=0.0.0.0:9434", "--probes=0.0.0.0:9435") } else { arg })
        }));
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
            bind(&self.folder("hosts"), "/etc/hosts", true),
        ];
        for mount in container["volumeMounts"].as_array().unwrap() {
            let from = volumes[mount["name"].as_str().unwrap()];
            mounts.push(bind(&self.folder(from), mount["mountPath"].as_str().unwrap(), mount["readOnly"] == true));
        }
        if pod["automountServiceAccountToken"] == true {
            mounts.push(bind(&self.folder("account"), "/var/run/secrets/kubernetes.io/serviceaccount", true));
        }
        let mut namespaces = vec![json!({"type": "pid"}), json!({"type": "ipc"}), json!({"type": "uts"}), json!({"type": "mount"})];
        namespaces.push(match network {
            Some(network) => json!({"type": "network", "path": network}),
            None => json!({"type": "network"}),
        });
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false, "cwd": "/", "args": args,
                "user": {"uid": of_pod["runAsUser"], "gid": of_pod["runAsGroup"], "additionalGids": groups},
                "env": ["PATH=/usr/local/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
                "capabilities": {"bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []},
                "noNewPrivileges": own["allowPrivilegeEscalation"] == false,
            },
            "root": {"path": self.folder("rootfs"), "readonly": own["readOnlyRootFilesystem"]},
            "hostname": "pod", "mounts": mounts,
            "linux": {
                "namespaces": namespaces,
                "seccomp": seccomp(),
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        })
    }
}

fn bind(from: &Path, to: &str, read_only: bool) -> Value {
    json!({"destination": to, "type": "bind", "source": from, "options": ["rbind", "nosuid", "nodev", if read_only { "ro" } else { "rw" }]})
}

/// The shared libraries of a program, and its loader.
fn libraries(program: &str) -> Vec<String> {
    let listed = Command::new("ldd").arg(program).output().expect("ldd");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let found: Vec<String> =
        listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).map(str::to_owned).collect();
    assert!(found.len() >= 3, "{listed}");
    found
}

/// The profile that container engines take by default, as the runtime reads it: what is for capabilities that nobody has here is left out.
fn seccomp() -> Value {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/seccomp.json");
    let text = std::fs::read_to_string(&at).unwrap_or_else(|error| panic!("{}: {error}; `tests/run tools` makes it", at.display()));
    let profile: Value = serde_json::from_str(&text).unwrap();
    let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let of_interest = |rule: &&Value| {
        let names = |key: &str| rule["includes"][key].as_array().cloned().unwrap_or_default();
        names("caps").is_empty() && (names("arches").is_empty() || names("arches").contains(&json!(architecture)))
    };
    let rules = profile["syscalls"].as_array().unwrap().iter().filter(of_interest).map(|rule| {
        let args: Vec<Value> = rule["args"].as_array().into_iter().flatten().cloned().collect();
        let mut made = json!({"names": rule["names"], "action": rule["action"], "args": args});
        if rule["errnoRet"].is_number() {
            made["errnoRet"] = rule["errnoRet"].clone();
        }
        made
    });
    let machine = if cfg!(target_arch = "x86_64") { "SCMP_ARCH_X86_64" } else { "SCMP_ARCH_AARCH64" };
    json!({"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"], "architectures": [machine], "syscalls": rules.collect::<Vec<_>>()})
}

/// A container that dies with the test.
struct Container {
    id: String,
    root: PathBuf,
    log: PathBuf,
    child: std::sync::Mutex<Child>,
}

impl Container {
    /// The process of the program, once it runs.
    fn pid(&self) -> u64 {
        let began = std::time::Instant::now();
        loop {
            let state = Command::new("runc").args(["--root", path(&self.root), "state", &self.id]).output().expect("runc");
            if let Ok(state) = serde_json::from_slice::<Value>(&state.stdout)
                && state["status"] == "running"
                && let Some(pid) = state["pid"].as_u64()
            {
                return pid;
            }
            assert!(self.runs() && began.elapsed() < PATIENCE, "{} does not run:\n{}", self.id, self.said());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The kernel says so, too: no capability, no way to one, a filter of system calls, and a root that cannot be written.
    fn assert_confined(&self, user: u32, group: u32) {
        let pid = self.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        assert_eq!(line("Uid:").split_whitespace().next(), Some(user.to_string().as_str()), "{status}");
        assert_eq!(line("Gid:").split_whitespace().next(), Some(group.to_string().as_str()), "{status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(line(set), "0000000000000000", "{set}");
        }
        assert_eq!((line("NoNewPrivs:").as_str(), line("Seccomp:").as_str()), ("1", "2"));
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        let root = mounts.lines().find(|line| line.split_whitespace().nth(4) == Some("/")).expect("a root");
        assert!(root.split_whitespace().nth(5).unwrap().split(',').any(|option| option == "ro"), "{root}");
    }

    fn runs(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for args in [&["kill", &self.id, "KILL"][..], &["delete", "--force", &self.id]] {
            let _ = Command::new("runc").args(["--root", path(&self.root)]).args(args).output();
        }
        let _ = self.child.lock().map(|mut child| child.wait());
    }
}
