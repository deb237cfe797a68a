//! The labels of pods: from the Kubernetes API (`kubernetes`), or from a JSON file: `{"<pod uid>": {"app.kubernetes.io/name": "sms-gateway"}}`.
//!
//! Labels are claims of a module's author; they are passed on and never trusted here. The file is read again when it changes; one that cannot be read
//! leaves what was known in force. Bounds: [`LABELS_FILE_BYTES`], [`LABELS_PER_POD`].

use crate::kubernetes::Seen;
use crate::limits::{LABELS_FILE_BYTES, LABELS_PER_POD, LABELS_WAIT};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// Labels by pod UID, each pod's sorted by key.
pub(crate) type Labels = HashMap<String, Vec<(String, String)>>;

/// Where labels come from.
#[derive(Debug)]
pub(crate) enum Claims {
    /// From nowhere: no stream waits for any.
    None,
    /// From a file.
    File(LabelFile),
    /// From whoever watches the Kubernetes API.
    Watched(watch::Receiver<Seen>),
}

impl Claims {
    /// The labels as they are known now.
    pub(crate) fn refresh(&mut self) -> Option<Arc<Labels>> {
        match self {
            Self::None => None,
            Self::File(file) => Some(file.refresh()),
            Self::Watched(seen) => Some(Arc::clone(&seen.borrow_and_update().labels)),
        }
    }

    /// Waits until every pod was told of once, but not for ever.
    pub(crate) async fn settle(&mut self) {
        if let Self::Watched(seen) = self
            && tokio::time::timeout(LABELS_WAIT, seen.wait_for(|seen| seen.listed)).await.is_err()
        {
            tracing::warn!("the Kubernetes API has not told the pods' labels within {} s; what is known counts", LABELS_WAIT.as_secs());
        }
    }
}

/// Reads the file when it has changed.
#[derive(Debug)]
pub(crate) struct LabelFile {
    path: PathBuf,
    version: Option<(SystemTime, u64)>,
    labels: Arc<Labels>,
}

impl LabelFile {
    /// Nothing is read yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, version: None, labels: Arc::default() }
    }

    /// The labels as they are now.
    pub(crate) fn refresh(&mut self) -> Arc<Labels> {
        let version = std::fs::metadata(&self.path).ok().and_then(|found| Some((found.modified().ok()?, found.len())));
        if version.is_some() && version != self.version {
            match read(&self.path) {
                Ok(labels) => self.labels = Arc::new(labels),
                Err(error) => {
                    tracing::warn!(file = %self.path.display(), error, "the pod labels cannot be read; the last ones that could are used");
                }
            }
            self.version = version;
        }
        Arc::clone(&self.labels)
    }
}

pub(crate) fn read(path: &Path) -> Result<Labels, String> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LABELS_FILE_BYTES + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LABELS_FILE_BYTES {
        return Err(format!("it is over {LABELS_FILE_BYTES} bytes"));
    }
    let pods: HashMap<String, BTreeMap<String, String>> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    Ok(pods.into_iter().map(|(uid, labels)| (uid, labels.into_iter().take(LABELS_PER_POD).collect())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.json");
        let mut file = LabelFile::new(path.clone());
        assert!(file.refresh().is_empty());
        std::fs::write(&path, r#"{"u1": {"b": "2", "a": "1"}, "u2": {}}"#).unwrap();
        let labels = file.refresh();
        assert_eq!(labels["u1"], [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        assert!(labels["u2"].is_empty());
        std::fs::write(&path, "{ half").unwrap();
        assert_eq!(file.refresh(), labels);
        std::fs::write(&path, r#"{"u3": {"c": "3"}}"#).unwrap();
        assert_eq!(file.refresh().len(), 1);
    }
}
