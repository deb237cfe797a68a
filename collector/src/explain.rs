//! What the collector would do with one file, and why: the same rules as in its running, said aloud. Reads the file's beginning and the position file; asks nobody,
//! writes nothing.

use crate::checkpoint;
use crate::cri;
use crate::discover::Root;
use crate::identity::{HEAD_BYTES, LogName, Rotation, Site, log_name, pod_folder};
use crate::source::Bytes;
use martlog_formats::wire::{FileId, Stream};
use martlog_formats::{Profile, multiline::Decision, multiline::Joiner, parse};
use std::fmt::Write as _;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The collector whose view is explained.
#[derive(Debug, Clone)]
pub struct Explainer {
    /// The folder of pods.
    pub root: PathBuf,
    /// Cluster and node, which are part of a file's identity; without them its positions cannot be looked up.
    pub site: Option<(String, String)>,
    /// The folder of the position file.
    pub state: Option<PathBuf>,
}

/// What would become of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it is read.
    pub read: bool,
    /// Sentences, one a line.
    pub text: String,
}

/// Where a path leads below the root.
struct Below {
    stream: Stream,
    name: LogName,
    file: String,
}

impl Explainer {
    /// Explains a file, whether it is there or not.
    #[must_use]
    pub fn explain(&self, path: &Path) -> Explanation {
        let mut text = String::new();
        let read = match self.tell(path, &mut text) {
            Ok(()) => true,
            Err(why) => {
                say(&mut text, &format!("It is not read: {why}"));
                false
            }
        };
        Explanation { read, text }
    }

    /// Says what there is to say; an error is the reason why the file is not read.
    fn tell(&self, path: &Path, text: &mut String) -> Result<(), String> {
        let Below { stream, name, file } = self.below(path, text)?;
        say(text, &format!("Namespace {}, pod {}, UID {}, container {}.", stream.namespace, stream.pod, stream.pod_uid, stream.container));
        let which = match &name.rotation {
            Rotation::Current => "the current file".to_owned(),
            Rotation::Stamped(stamp) => format!("a file that was rotated at {stamp}"),
            Rotation::Numbered(number) => format!("rotation number {}", number.0),
        };
        let packed = if name.gzip { ", compressed" } else { "" };
        say(text, &format!("It is {which} of the container's life number {}{packed}.", stream.restart));
        let root = Root::open(&self.root).map_err(|error| cannot(&self.root, &error))?;
        let opened = root.open_log(&stream, &file).map_err(|error| refusal(&error))?;
        let mut bytes = Bytes::new(opened, name.gzip);
        let mut head = [0; HEAD_BYTES];
        let count = bytes.read_at(0, &mut head).map_err(|error| format!("its first bytes cannot be read ({error})."))?;
        let head = &head[..count];
        self.tell_identity(&stream, head, text)?;
        tell_first_line(head, text);
        say(text, "It is read from the position that the server has of it, line by line to its end, and kept open while it may grow.");
        Ok(())
    }

    /// Takes the path apart.
    fn below(&self, path: &Path, text: &mut String) -> Result<Below, String> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (root, mut path) = (absolute(&self.root), absolute(path));
        if !path.starts_with(&root)
            && let (Ok(target), Ok(real_root)) = (path.canonicalize(), root.canonicalize())
            && let Ok(rest) = target.strip_prefix(&real_root)
        {
            say(text, &format!("{} leads to {}, which is the file that is looked at.", path.display(), target.display()));
            path = root.join(rest);
        }
        let rest = path.strip_prefix(&root).map_err(|_| format!("it does not lie below {}; only what lies there is.", root.display()))?;
        let names: Vec<&str> =
            rest.components().filter_map(|part| if let Component::Normal(name) = part { name.to_str() } else { None }).collect();
        let [pod, container, file] = names.as_slice() else {
            return Err("logs lie at <namespace>_<pod>_<uid>/<container>/<n>.log below the folder of pods, and this does not.".to_owned());
        };
        let Some((namespace, pod, uid)) = pod_folder(pod) else {
            return Err(format!("the folder {pod} is no pod's: its name is not <namespace>_<pod>_<uid>."));
        };
        let Some(name) = log_name(file) else {
            return Err(format!(
                "the name {file} is no log's: those are <n>.log, <n>.log.<yyyymmdd-hhmmss> and <n>.log.<number>, each also with .gz."
            ));
        };
        let stream = Stream {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            pod_uid: uid.to_owned(),
            container: (*container).to_owned(),
            restart: name.restart,
        };
        Ok(Below { stream, name, file: (*file).to_owned() })
    }

    fn tell_identity(&self, stream: &Stream, head: &[u8], text: &mut String) -> Result<(), String> {
        let Some((cluster, node)) = &self.site else {
            say(text, "Without --cluster and --node its identity and positions are not known here.");
            return Ok(());
        };
        let site = Site { cluster: cluster.clone(), node: node.clone() };
        let Some(id) = site.file_id(stream, head) else {
            return Err("its first line is not complete yet, and a file is known by its first line. It is looked at again when it grows."
                .to_owned());
        };
        say(text, &format!("Its identity is {id}, made of cluster, node, the names above and its first line."));
        if let Some(state) = &self.state {
            self.tell_positions(state, id, text);
        }
        Ok(())
    }

    fn tell_positions(&self, state: &Path, id: FileId, text: &mut String) {
        let known = checkpoint::peek(state);
        let Some(known) = known.as_ref().and_then(|known| known.files.iter().find(|file| file.file == id)) else {
            return say(
                text,
                "The position file does not know it: the server is asked for its positions, and it is read from its beginning if the server does not know it either.",
            );
        };
        let [stdout, stderr] = known.marks;
        say(
            text,
            &format!(
                "When positions were last saved, the server had stdout up to byte {stdout} and stderr up to byte {stderr} of {}.",
                known.size
            ),
        );
    }
}

/// What becomes of the first line. Its content is not said: it may hold a secret.
fn tell_first_line(head: &[u8], text: &mut String) {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(parsed) = cri::parse(line) else {
        return say(
            text,
            "Its first line is no line of a container runtime (`<time> stdout|stderr F|P <text>`); such lines are kept whole, as stdout's.",
        );
    };
    if line.len() == head.len() || !parsed.full {
        return say(text, &format!("Its first line is a piece on {}, which goes on.", parsed.substream.as_str()));
    }
    let record = parse(parsed.text, parsed.time_ns, &Profile::default());
    let waits = Joiner::new().push(parsed.text) == Decision::Start { waits: true };
    let mut said = format!("Its first line is on {}, with verdict {}", parsed.substream.as_str(), record.verdict.as_str());
    for (at, problem) in record.problems.iter().enumerate() {
        let _ = write!(said, "{}{}", if at == 0 { ": " } else { ", " }, problem.code());
    }
    say(text, &format!("{said}; it {}.", if waits { "waits up to 200 ms for lines that continue it" } else { "leaves at once" }));
}

/// Why a file is not opened.
fn refusal(error: &io::Error) -> String {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
            "it, or a folder above it, is a symlink or no folder; links below the folder of pods are never followed, for a pod could plant them.".to_owned()
        }
        Some(rustix::io::Errno::NOENT) => "it is not there.".to_owned(),
        Some(rustix::io::Errno::ACCESS) => "this user may not open it; run this as the collector's user, or let that user read it.".to_owned(),
        Some(rustix::io::Errno::NXIO) | None => "it is no regular file.".to_owned(),
        Some(_) => format!("it cannot be opened ({error})."),
    }
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("the folder of pods {} cannot be read ({error}).", path.display())
}

fn say(text: &mut String, sentence: &str) {
    text.push_str(sentence);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn explainer(root: &Path) -> Explainer {
        Explainer { root: root.to_owned(), site: Some(("c".to_owned(), "n".to_owned())), state: Some(root.join("no-state")) }
    }

    fn pods() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let app = root.path().join("ns_pod_uid/app");
        fs::create_dir_all(&app).unwrap();
        (root, app)
    }

    #[test]
    fn a_log_is_told_whose_it_is_and_what_its_first_line_becomes() {
        let (root, app) = pods();
        fs::write(app.join("3.log"), "2026-11-22T11:14:13Z stderr F {\"msg\":\"hello\",\"password\":\"swordfish\"}\n").unwrap();
        let told = explainer(root.path()).explain(&app.join("3.log"));
        assert!(told.read, "{}", told.text);
        for word in
            ["pod pod", "life number 3", "the current file", "stderr", "repaired", "alias_used", "leaves at once", "does not know it"]
        {
            assert!(told.text.contains(word), "{word}: {}", told.text);
        }
        assert!(!told.text.contains("swordfish"));
    }

    #[test]
    fn what_is_not_read_is_told_why() {
        let (root, app) = pods();
        fs::write(app.join("0.log"), "2026-11-22T11:14:13Z stdout F begun").unwrap();
        fs::write(app.join("notes.txt"), "x\n").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", app.join("1.log")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, app.join("2.log"), rustix::fs::Mode::RUSR).unwrap();
        for (path, word) in [
            (app.join("0.log"), "not complete"),
            (app.join("notes.txt"), "no log's"),
            (app.join("1.log"), "symlink"),
            (app.join("2.log"), "no regular file"),
            (app.join("9.log"), "not there"),
            (root.path().join("other/app/0.log"), "no pod's"),
            (root.path().join("ns_pod_uid/0.log"), "and this does not"),
            (PathBuf::from("/etc/passwd"), "does not lie below"),
        ] {
            let told = explainer(root.path()).explain(&path);
            assert!(!told.read && told.text.contains(word), "{}: {}", path.display(), told.text);
        }
    }

    #[test]
    fn a_link_from_outside_is_followed_to_the_file_that_is_read() {
        let (root, app) = pods();
        fs::write(app.join("0.log"), "2026-11-22T11:14:13Z stdout F plain text\n").unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(app.join("0.log"), outside.path().join("pod_ns_app.log")).unwrap();
        let told = explainer(root.path()).explain(&outside.path().join("pod_ns_app.log"));
        assert!(told.read && told.text.contains("leads to") && told.text.contains("waits up to"), "{}", told.text);
    }
}
