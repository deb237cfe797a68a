//! A running server with what one grant may see, and the client of that grant: the big one holds everything, a twin only that.
//!
//! Twins are loaded with the same lines, times, pods and bodies in the same order. What must differ (the epoch, numbers in ids, secrets) is known here, so that requests
//! can name the same line on both, and answers can be compared.
//!
//! Lines come in rounds that make a split each; those of the last one are flushed, and all splits of a module merged, while questions are asked, on every server at another time.

use crate::harness::{self, Scene, Server, api::Api, cri::Pod};
use crate::world::{Grant, Line, World};
use serde_json::{Value, json};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Behind every number that a line has.
const NOWHERE: u64 = 1_000_000;
/// Lines come in so many rounds, each in splits of its own but the last, which is live when the asking begins: as many splits of a module as are merged when the last one is flushed.
const ROUNDS: usize = 16;
/// A small buffer is flushed after 144 times its age: while lines are loaded, before the next round.
const LOADING_AGE: &str = "4ms";
/// A round waits no longer for its splits.
const ROUND_MAX: Duration = Duration::from_secs(5);

pub(crate) struct Site {
    scene: Scene,
    pub(crate) server: Server,
    /// Servers that took the place of the first one.
    restarted: Mutex<Vec<Server>>,
    /// What a buffer's age is here while questions are asked.
    age: String,
    pub(crate) epoch: String,
    /// The ids of the lines that are here.
    ids: HashMap<usize, String>,
    /// Ids, also those made up for lines that are not here, and whose they are.
    lines: HashMap<String, usize>,
    /// Where a tail began before there was a line.
    pub(crate) tail_begin: String,
}

impl Site {
    /// The one with this number: each flushes at another time.
    pub(crate) async fn start(world: &World, grant: &Grant, number: usize) -> Self {
        let scene = Scene::new();
        let mut server = scene.serve_with(&["--live-age", LOADING_AGE]).await;
        register(&server.api, world, grant).await;
        let mut tail = server.api.tail("*", None).await;
        tail.next_row(Duration::from_millis(300)).await;
        let tail_begin = tail.cursor.clone().expect("where the tail began");
        drop(tail);
        let collector = server.collector_token().await;
        let mut loader = Loader::new(&server, world, grant).await;
        let mut running = scene.collect(&server.address, &collector, &[]);
        for round in 0..ROUNDS - 1 {
            let wanted = splits(&scene) + loader.modules(round);
            loader.load(&scene, round).await;
            let begin = Instant::now();
            while splits(&scene) < wanted && begin.elapsed() < ROUND_MAX {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        running.kill().await;
        scene.collect_once(&server.address, &collector).await;
        server.process.kill().await;
        // After 20 to 40 seconds.
        let age = format!("{}ms", 140 + number % 8 * 20);
        server = scene.serve_at(listen(&server), &["--live-age", &age]).await;
        loader.load(&scene, ROUNDS - 1).await;
        scene.collect_once(&server.address, &collector).await;
        let (restarted, epoch) = (Mutex::default(), String::new());
        let mut site = Self { scene, server, restarted, age, epoch, ids: HashMap::new(), lines: HashMap::new(), tail_begin };
        site.learn(world, grant).await;
        site
    }

    /// Kills the server and starts another one on its folder, at its address.
    pub(crate) async fn restart(&self) {
        self.server.process.signal(rustix::process::Signal::KILL);
        let listen = listen(&self.server);
        harness::until("the end of a server", async || tokio::net::TcpStream::connect(listen).await.is_err().then_some(())).await;
        // Its lock of the folder goes with it, a moment later.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let server = self.scene.serve_at(listen, &["--live-age", &self.age]).await;
        self.restarted.lock().expect("no panic").push(server);
    }

    /// How many splits it has now.
    pub(crate) fn splits(&self) -> usize {
        splits(&self.scene)
    }

    /// Which line has which id.
    async fn learn(&mut self, world: &World, grant: &Grant) {
        let mut rows = self.server.api.search_all("*").await;
        if grant.partner.is_none() {
            rows.extend(self.server.api.search_all("in:quarantine").await);
        }
        for row in rows {
            let id = row["id"].as_str().expect("an id").to_owned();
            self.epoch = id.rsplit('/').nth(1).expect("an epoch").to_owned();
            let n = number(row["message"].as_str().expect("a message")).expect("a numbered line");
            self.ids.insert(n, id.clone());
            assert!(self.lines.insert(id, n).is_none(), "an id twice");
        }
        let expected = world.lines.iter().filter(|line| world.sees(grant, line)).count();
        assert_eq!(self.ids.len(), expected, "every line of the grant is there");
        for line in &world.lines {
            if !self.ids.contains_key(&line.n) {
                self.lines.insert(self.absent(world, line), line.n);
            }
        }
    }

    fn absent(&self, world: &World, line: &Line) -> String {
        let module = line.instance.map_or("smx", |at| world.instances[at].module);
        format!("{module}/{}/{}", self.epoch, NOWHERE + u64::try_from(line.n).expect("small"))
    }

    /// The id of a line here; of one that is not here, an id that nothing has.
    pub(crate) fn id(&self, world: &World, n: usize) -> String {
        self.ids.get(&n).cloned().unwrap_or_else(|| self.absent(world, &world.lines[n]))
    }

    /// A text with ids as `#n`, and which lines these are.
    pub(crate) fn without_ids(&self, text: &str) -> (String, Vec<usize>) {
        let middle = format!("/{}/", self.epoch);
        let (mut out, mut seen, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
        while let Some(at) = rest.find(&middle) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let begin = rest[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
            let behind = at + middle.len();
            let end = rest[behind..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |digits| behind + digits);
            out.push_str(&rest[..begin]);
            match self.lines.get(&rest[begin..end]) {
                Some(n) => {
                    seen.push(*n);
                    out.push_str(&format!("#{n}"));
                }
                None => out.push_str("#unknown"),
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
        (out, seen)
    }

    pub(crate) async fn token(&self, world: &World, grant: &Grant) -> String {
        let Some(partner) = grant.partner else { return self.server.token(json!({"kind": "staff"})).await };
        let mut body = json!({"kind": "partner", "partner": world.partner(partner)});
        if let Some(granted) = &grant.instances {
            body["instances"] = granted.iter().map(|at| world.instances[*at].id.as_str()).collect::<Value>();
        }
        self.server.token(body).await
    }
}

/// The number of a line, as its message has it.
pub(crate) fn number(text: &str) -> Option<usize> {
    let at = text.find("numq")? + 4;
    text[at..].split('x').next()?.parse().ok()
}

async fn register(api: &Api, world: &World, grant: &Grant) {
    let (mut partners, mut modules) = (Vec::new(), Vec::new());
    for (at, instance) in world.instances.iter().enumerate().filter(|(at, _)| world.sees_instance(grant, *at)) {
        let partner = world.partner(instance.partner);
        if !partners.contains(&partner) {
            api.create("partners", json!({"id": partner, "name": crate::world::marker(Some(instance.partner))})).await;
            partners.push(partner);
        }
        if !modules.contains(&instance.module) {
            api.create("modules", json!({"id": instance.module, "partner": partner})).await;
            modules.push(instance.module);
        }
        api.create("instances", harness::instance(&instance.id, instance.module, &instance.csp, &world.instances[at].namespace())).await;
    }
}

fn splits(scene: &Scene) -> usize {
    let (mut folders, mut found) = (vec![scene.data()], 0);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            found += usize::from(path.extension().is_some_and(|extension| extension == "split"));
            folders.extend(path.is_dir().then_some(path));
        }
    }
    found
}

fn listen(server: &Server) -> &str {
    server.address.trim_start_matches("http://")
}

/// Prints and pushes the lines of a grant, round by round.
struct Loader<'w> {
    world: &'w World,
    /// The lines, each with its round.
    lines: Vec<(usize, &'w Line)>,
    pods: BTreeMap<String, Pod>,
    /// The doors of instances.
    doors: BTreeMap<usize, Api>,
}

impl<'w> Loader<'w> {
    async fn new(server: &Server, world: &'w World, grant: &Grant) -> Self {
        let mut loader = Self { world, lines: Vec::new(), pods: BTreeMap::new(), doors: BTreeMap::new() };
        let mut of_stream: BTreeMap<(Option<usize>, usize), Vec<&Line>> = BTreeMap::new();
        for line in world.lines.iter().filter(|line| world.sees(grant, line)) {
            of_stream.entry((line.instance, line.pod)).or_default().push(line);
        }
        for lines in of_stream.into_values() {
            // The last round has some more than the others.
            let round = |at: usize| (at * (ROUNDS + 2) / lines.len()).min(ROUNDS - 1);
            loader.lines.extend(lines.iter().enumerate().map(|(at, line)| (round(at), *line)));
        }
        for at in world.lines.iter().filter(|line| line.is_pushed && world.sees(grant, line)).filter_map(|line| line.instance) {
            if let Entry::Vacant(door) = loader.doors.entry(at) {
                let instance = &world.instances[at];
                let token = json!({"kind": "ingest", "partner": world.partner(instance.partner), "instances": [instance.id]});
                door.insert(server.api.with_token(&server.token(token).await));
            }
        }
        loader
    }

    /// How many modules, and pods of nobody, have lines in a round.
    fn modules(&self, round: usize) -> usize {
        let name = |line: &Line| line.instance.map_or_else(|| self.world.pod(line).1, |at| self.world.instances[at].module.to_owned());
        self.lines.iter().filter(|(at, _)| *at == round).map(|(_, line)| name(line)).collect::<BTreeSet<_>>().len()
    }

    async fn load(&mut self, scene: &Scene, round: usize) {
        let mut pushed: BTreeMap<usize, String> = BTreeMap::new();
        for (_, line) in self.lines.iter().filter(|(at, _)| *at == round) {
            if let (true, Some(at)) = (line.is_pushed, line.instance) {
                pushed.entry(at).or_default().push_str(&format!("{}\n", line.json()));
                continue;
            }
            let (namespace, name, uid) = self.world.pod(line);
            let pod = self.pods.entry(name.clone()).or_insert_with(|| scene.pod(&namespace, &name, &uid, "app"));
            pod.write(if line.n % 5 == 0 { "stderr" } else { "stdout" }, line.json().as_bytes(), line.time);
        }
        for (at, lines) in pushed {
            let answer = self.doors[&at].ingest(&lines).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
}
