//! Policies: how the lines of each stream are read, by the namespace and labels of its pod; asked for at the start and then again and again, and kept in the state folder for a
//! start without the server.
//!
//! Invariants: what was last told holds until something else is; a file or an answer that cannot be read is told of and changes nothing. A pod whose labels are not known has what is masked or
//! hashed for any instance of its namespace masked: what is not hidden once cannot be hidden later. The file holds the partners' keys and is readable by its owner alone.

use crate::client::{Client, Reply};
use crate::limits::POLICY_BYTES;
use crate::quota::RateLimit;
use crate::ship::{Backoff, jittered};
use martlog_formats::Profile;
use martlog_formats::parse::Settings;
use martlog_formats::policy::{HashKey, Level, POLICY_VERSION, Policy, PolicySet, Redaction, Target};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// The file in the state folder.
const FILE: &str = "policy.json";

/// A policy, ready for use.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// How lines are read.
    pub(crate) profile: Profile,
    /// Lines below it are left out.
    pub(crate) level: Option<Level>,
    /// What a container may print, where the policy says so.
    pub(crate) rate_limit: Option<RateLimit>,
}

/// What holds for which pods.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    usual: Arc<Applied>,
    namespaces: HashMap<String, Namespace>,
}

/// Policies as they are now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) policies: Arc<Policies>,
    /// The server has told them, now or before a restart.
    pub(crate) known: bool,
}

#[derive(Debug, Default)]
struct Namespace {
    instances: Vec<(Target, Arc<Prepared>)>,
    /// For pods whose labels are not known.
    unlabelled: Prepared,
}

/// A policy that is made ready when the first stream wants it: of thousands of instances few have pods on a node.
#[derive(Debug, Default)]
struct Prepared {
    policy: Policy,
    key: Option<HashKey>,
    applied: OnceLock<Arc<Applied>>,
}

/// Asks for the policies and keeps them.
pub(crate) struct Keeper {
    client: Client,
    file: PathBuf,
    tag: Option<String>,
    interval: Duration,
    out: watch::Sender<Said>,
    /// It was said that the server does not tell.
    told: bool,
}

/// The form of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    tag: String,
    set: PolicySet,
}

impl Policies {
    /// Of what the server told.
    pub(crate) fn new(set: PolicySet) -> Self {
        let mut namespaces: HashMap<String, Namespace> = HashMap::new();
        for group in set.groups {
            let prepared = Arc::new(Prepared { policy: group.policy, key: group.key, applied: OnceLock::new() });
            for target in group.instances {
                let namespace = namespaces.entry(target.namespace.clone()).or_default();
                let strict = &mut namespace.unlabelled.policy.redaction;
                *strict = strict.masked_with(&prepared.policy.redaction);
                namespace.instances.push((target, Arc::clone(&prepared)));
            }
        }
        Self { usual: Arc::default(), namespaces }
    }

    /// What holds for a pod; its labels where they are known.
    pub(crate) fn of(&self, namespace: &str, labels: Option<&[(String, String)]>) -> Arc<Applied> {
        let Some(namespace) = self.namespaces.get(namespace) else { return Arc::clone(&self.usual) };
        // No two instances take one pod, so the first is the only one.
        let selected = namespace.instances.iter().find(|(target, _)| target.selects(labels.unwrap_or_default()));
        match (selected, labels) {
            (Some((_, prepared)), _) => prepared.applied(),
            (None, None) => namespace.unlabelled.applied(),
            (None, Some(_)) => Arc::clone(&self.usual),
        }
    }

    /// What holds where nothing is said.
    pub(crate) fn usual(&self) -> Arc<Applied> {
        Arc::clone(&self.usual)
    }

    fn instances(&self) -> usize {
        self.namespaces.values().map(|namespace| namespace.instances.len()).sum()
    }
}

impl Prepared {
    fn applied(&self) -> Arc<Applied> {
        let make = || Arc::new(Applied::new(&self.policy, self.key.as_ref()));
        Arc::clone(self.applied.get_or_init(make))
    }
}

impl Applied {
    fn new(policy: &Policy, key: Option<&HashKey>) -> Self {
        let profile = |redaction: &Redaction| Profile::with_redaction(Settings::default(), redaction, key);
        let profile = profile(&policy.redaction).unwrap_or_else(|error| {
            // The settings are the usual ones, which the tests hold to be good.
            tracing::error!(%error, "a policy cannot be applied; the usual one is");
            Profile::default()
        });
        let rate_limit = policy.rate_limit.as_ref().map(|rate| RateLimit::of(rate.bytes_per_second()));
        Self { profile, level: policy.level, rate_limit }
    }
}

impl Keeper {
    /// Reads what was kept; asks nobody yet.
    pub(crate) fn open(client: Client, state: &Path, interval: Duration) -> (Self, watch::Receiver<Said>) {
        let file = state.join(FILE);
        let kept = match read(&file) {
            Ok(kept) => Some(kept),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the policies that were kept cannot be read; until the server tells them, nothing is masked and all levels are kept");
                None
            }
        };
        let known = kept.is_some();
        let (tag, set) = kept.map_or((None, PolicySet::none()), |kept| (Some(kept.tag), kept.set));
        let (out, said) = watch::channel(Said { policies: Arc::new(Policies::new(set)), known });
        (Self { client, file, tag, interval, out, told: false }, said)
    }

    /// Asks again and again until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), JoinError> {
        let mut backoff = Backoff::default();
        loop {
            // What is not known at all is asked for as what failed is.
            let known = self.out.borrow().known;
            let pause = if known { jittered(self.interval) } else { backoff.pause(None).min(self.interval) };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
            }
            match stop.run_until_cancelled(self.ask()).await {
                Some(asked) => asked?,
                None => return Ok(()),
            }
        }
    }

    /// Asks once.
    pub(crate) async fn ask(&mut self) -> Result<(), JoinError> {
        match self.client.policy(self.tag.as_deref()).await {
            Reply::Answer(None) => self.told = false,
            Reply::Answer(Some((tag, set))) => {
                self.told = false;
                self.take(tag, set).await?;
            }
            Reply::TooLarge(why) | Reply::Broken(why) | Reply::Denied(why) | Reply::Later(_, why) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!("the policies are not told, and the last that were hold: {why}");
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, tag: String, set: PolicySet) -> Result<(), JoinError> {
        let policies = Policies::new(set.clone());
        tracing::info!(instances = policies.instances(), "the policies are others; they hold for what is read from now on");
        self.out.send_replace(Said { policies: Arc::new(policies), known: true });
        self.tag = Some(tag.clone());
        let file = self.file.clone();
        spawn_blocking(move || {
            if let Err(error) = write(&file, &Kept { tag, set }) {
                tracing::warn!(file = %file.display(), %error, "the policies cannot be kept for a start without the server");
            }
        })
        .await
    }
}

fn read(file: &Path) -> io::Result<Kept> {
    let mut text = Vec::new();
    std::fs::File::open(file)?.take(POLICY_BYTES as u64 + 1).read_to_end(&mut text)?;
    if text.len() > POLICY_BYTES {
        return Err(io::Error::other(format!("it is over {POLICY_BYTES} bytes")));
    }
    let kept: Kept = serde_json::from_slice(&text).map_err(io::Error::other)?;
    check(&kept.set).map_err(io::Error::other)?;
    Ok(kept)
}

/// Whether this program understands the form.
pub(crate) fn check(set: &PolicySet) -> Result<(), String> {
    if set.version == POLICY_VERSION {
        return Ok(());
    }
    Err(format!("the policies are of version {}, and this program reads version {POLICY_VERSION}: update it", set.version))
}

/// Whole or not at all.
fn write(file: &Path, kept: &Kept) -> io::Result<()> {
    let beside = file.with_extension("json.new");
    // One that was left behind may have other rights.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    out.write_all(&serde_json::to_vec(kept)?)?;
    out.sync_all()?;
    std::fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn set() -> PolicySet {
        let group = |policy: &str, instances: &str| {
            format!(r#"{{"partner":"acme","key":"{}","policy":{policy},"instances":{instances}}}"#, "07".repeat(32))
        };
        let groups = [
            group(
                r#"{"redaction":{"phone":"hash"}}"#,
                r#"[{"id":"a","namespace":"shared","labels":{"app":"a"}},{"id":"c","namespace":"own"}]"#,
            ),
            group(
                r#"{"redaction":{"ip":"mask"},"level":"warn","rate_limit":"1KiB"}"#,
                r#"[{"id":"b","namespace":"shared","labels":{"app":"b"}}]"#,
            ),
        ];
        serde_json::from_str(&format!(r#"{{"version":1,"groups":[{}]}}"#, groups.join(","))).unwrap()
    }

    #[test]
    fn a_pod_has_the_policy_of_the_instance_that_selects_it_and_the_strictest_while_its_labels_are_not_known() {
        let policies = Policies::new(set());
        let labels = |app: &str| vec![("app".to_owned(), app.to_owned()), ("x".to_owned(), "y".to_owned())];
        let redacted =
            |applied: &Applied| applied.profile.redact("380501234567 10.1.2.3").split(' ').map(str::to_owned).collect::<Vec<_>>();
        let a = policies.of("shared", Some(&labels("a")));
        assert!(redacted(&a)[0].starts_with("[hash:phone:") && redacted(&a)[1] == "10.1.2.3");
        assert!(Arc::ptr_eq(&a, &policies.of("own", None)) && Arc::ptr_eq(&a, &policies.of("own", Some(&labels("z")))), "made once");
        let b = policies.of("shared", Some(&labels("b")));
        assert_eq!(redacted(&b), ["380501234567", "10.1.2.***"]);
        assert_eq!((b.level.unwrap().as_str(), b.rate_limit.unwrap().bytes_per_second), ("warn", 1024));
        let unknown = policies.of("shared", None);
        assert_eq!(redacted(&unknown), ["38050***4567", "10.1.2.***"]);
        assert!(unknown.level.is_none() && unknown.rate_limit.is_none());
        for other in [policies.of("shared", Some(&labels("z"))), policies.of("elsewhere", None)] {
            assert!(Arc::ptr_eq(&other, &policies.usual));
        }
    }

    #[test]
    fn what_is_kept_is_private_and_reads_back_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(folder.path().join("policy.json.new"), "left behind").unwrap();
        for tag in ["\"1\"", "\"2\""] {
            write(&file, &Kept { tag: tag.to_owned(), set: set() }).unwrap();
            let read = read(&file).unwrap();
            assert_eq!((read.tag.as_str(), read.set), (tag, set()));
        }
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let whole = std::fs::read_to_string(&file).unwrap();
        for broken in ["", "{", &whole[..whole.len() / 2], &whole.replace(r#""version":1"#, r#""version":9"#)] {
            std::fs::write(&file, broken).unwrap();
            assert!(read(&file).is_err(), "{broken}");
        }
    }
}
