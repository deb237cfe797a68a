//! A real container runtime: conmon writes the log of a container under runc, as CRI-O has it, and opens it anew at each rotation; nothing of the files is made by the test but their names.
//!
//! What the test cannot choose is what this is for: where the runtime cuts long lines into `P` pieces, how stdout and stderr come between each other, what it
//! writes of a line without an end, and what goes into a renamed file until it is opened anew. Needs root; `tests/run tools` installs conmon and runc.

use crate::harness::{PATIENCE, Scene, path, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LINES: usize = 6_000;
/// Every so many lines one is long: several pieces of the runtime's 8 KiB.
const LONG_EVERY: usize = 500;
const LONG_BYTES: usize = 32 << 10;
/// Where the log is rotated, bytes: some five times in the life of the container.
const ROTATE_BYTES: u64 = 256 << 10;

/// Every ninth line goes to stderr; what is printed last has no end.
const PROGRAM: &str = r#"
pad=xxxxxxxxxxxxxxxx; long=$pad; n=0; while [ $n -lt 11 ]; do long=$long$long; n=$((n+1)); done
i=0
while [ $i -lt 6000 ]; do
  if [ $((i % 500)) = 7 ]; then text=$long; else text=$pad; fi
  if [ $((i % 9)) = 4 ]; then printf '{"level":"warn","message":"line %d %s"}\n' $i $text >&2; else printf '{"level":"info","message":"line %d %s"}\n' $i $text; fi
  i=$((i+1))
  if [ $((i % 100)) = 0 ]; then sleep 0.05; fi
done
printf 'the end without a newline'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runtime_writes_is_read_whole_and_once() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let _collector = scene.collect(&server.address, &server.collector_token().await, &[]);
    let logs = scene.pods().join("csp-434-sms_sms-1_5b1c9d0e-8f6a-4c58-9f57-3a1f0f6f2b11/app");
    std::fs::create_dir_all(&logs).unwrap();
    let mut container = Container::start(&scene.root, &logs.join("0.log"));
    let rotations = tokio::task::block_in_place(|| container.rotate_until_it_ends(&logs));
    assert!(rotations >= 3, "{rotations} rotations");
    let body = json!({"query": "", "from": "-1h", "to": "now", "limit": 1, "count": true});
    until("all lines", async || {
        let matched = partner.search_with(body.clone()).await.summary["matched"].as_u64();
        (matched >= Some(LINES as u64 + 1)).then_some(())
    })
    .await;
    let mut rows = partner.search_all("").await;
    rows.sort_by_key(|row| row["id"].as_str().and_then(|id| id.rsplit('/').next()?.parse::<u64>().ok()));
    check(&rows);
    let summary = partner.search_with(body).await.summary;
    assert_eq!(summary["complete"]["gaps"], json!([]), "{summary}");
}

/// Every line once, as it was printed, in the order of its substream.
fn check(rows: &[Value]) {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut numbers = Vec::new();
    for row in rows {
        let (message, stream) = (row["message"].as_str().unwrap(), row["source"]["stream"].as_str().unwrap());
        if message == "the end without a newline" {
            numbers.push(LINES);
            continue;
        }
        let mut words = message.split(' ');
        let (Some("line"), Some(number), Some(text), None) = (words.next(), words.next(), words.next(), words.next()) else {
            panic!("nobody printed {row}");
        };
        let number: usize = number.parse().unwrap();
        let length = if number % LONG_EVERY == 7 { LONG_BYTES } else { 16 };
        assert!(text.len() == length && text.bytes().all(|byte| byte == b'x'), "line {number} has {} bytes", text.len());
        assert_eq!(stream, if number % 9 == 4 { "stderr" } else { "stdout" });
        let before = last.insert(stream, number);
        assert!(before < Some(number), "line {number} of {stream} came behind {before:?}");
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..=LINES), "{} lines, not each of {} once", numbers.len(), LINES + 1);
}

/// A container and the conmon that watches it; both end with the test.
struct Container {
    bundle: PathBuf,
    state: PathBuf,
    id: String,
    conmon: Child,
}

impl Container {
    fn start(root: &Path, log: &Path) -> Self {
        assert!(rustix::process::geteuid().is_root(), "containers are started by root");
        let bundle = root.join("bundle");
        let (state, run) = (root.join("runc"), root.join("conmon"));
        for folder in ["rootfs/proc", "rootfs/usr", "rootfs/bin", "rootfs/lib", "rootfs/lib64"] {
            std::fs::create_dir_all(bundle.join(folder)).unwrap();
        }
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(bundle.join("config.json"), config().to_string()).unwrap();
        let id = format!("martlog-runtime-{}", std::process::id());
        let runc = String::from_utf8(Command::new("sh").args(["-c", "command -v runc"]).output().unwrap().stdout).unwrap();
        let conmon = Command::new("conmon")
            .args(["--api-version", "1", "--sync", "--cid", &id, "--cuuid", &id, "--name", &id, "--runtime", runc.trim()])
            .args(["--bundle", path(&bundle), "--exit-dir", path(&run), "--socket-dir-path", path(&run)])
            .args(["--container-pidfile", path(&run.join("pid")), "--runtime-arg", &format!("--root={}", path(&state))])
            .args(["--log-path", &format!("k8s-file:{}", path(log))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(run.join("stderr")).unwrap())
            .spawn()
            .expect("conmon: `tests/run tools` installs it");
        let container = Self { bundle, state, id, conmon };
        let began = Instant::now();
        while !container.runc(&["start", &container.id]) {
            let said = || std::fs::read_to_string(run.join("stderr")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the container does not start:\n{}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        container
    }

    /// Whether it went well.
    fn runc(&self, args: &[&str]) -> bool {
        let output = Command::new("runc").args(["--root", path(&self.state)]).args(args).output().expect("runc");
        output.status.success()
    }

    /// What the kubelet does every ten seconds, at a faster pace: the log is renamed, the runtime opens it anew, and what was renamed before is compressed. How often it was rotated.
    fn rotate_until_it_ends(&mut self, logs: &Path) -> usize {
        let (current, mut rotated) = (logs.join("0.log"), Vec::<PathBuf>::new());
        let began = Instant::now();
        while self.conmon.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "the container does not end");
            if std::fs::metadata(&current).is_ok_and(|current| current.len() >= ROTATE_BYTES) {
                if let Some(older) = rotated.last() {
                    assert!(Command::new("gzip").arg(older).status().unwrap().success());
                }
                let name = logs.join(format!("0.log.20261122-{:06}", 100_000 + rotated.len()));
                std::fs::rename(&current, &name).unwrap();
                rotated.push(name);
                // The container goes on printing into the renamed file until the runtime has heard.
                std::thread::sleep(Duration::from_millis(30));
                self.reopen();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        rotated.len()
    }

    /// `ReopenContainerLog`, as CRI-O asks conmon for it; one that has ended meanwhile does not hear it.
    fn reopen(&self) {
        let fifo = std::fs::OpenOptions::new()
            .write(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(self.bundle.join("ctl"));
        if let Ok(mut fifo) = fifo {
            fifo.write_all(b"2 0 0\n").unwrap();
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.runc(&["delete", "--force", &self.id]);
        let _ = self.conmon.kill();
        let _ = self.conmon.wait();
    }
}

/// A shell out of this machine's own programs, which it cannot write.
fn config() -> Value {
    let own = |at: &&str| Path::new(at).exists();
    let folders = ["/usr", "/bin", "/lib", "/lib64"].into_iter().filter(own);
    let mut mounts = vec![json!({"destination": "/proc", "type": "proc", "source": "proc"})];
    mounts.extend(folders.map(|folder| json!({"destination": folder, "type": "bind", "source": folder, "options": ["rbind", "ro"]})));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "cwd": "/", "args": ["/bin/sh", "-c", PROGRAM],
            "user": {"uid": 65534, "gid": 65534}, "env": ["PATH=/usr/bin:/bin"], "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": false},
        "mounts": mounts,
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]},
    })
}
