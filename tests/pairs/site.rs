//! A running server with what one grant may see, and the client of that grant: the big one holds everything, a twin only that.
//!
//! Twins are loaded with the same lines, times, pods and bodies in the same order. What must differ (the epoch, numbers in ids, secrets) is known here, so that requests
//! can name the same line on both, and answers can be compared.

use crate::harness::{self, Scene, Server, api::Api};
use crate::world::{Grant, Line, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Behind every number that a line has.
const NOWHERE: u64 = 1_000_000;

pub(crate) struct Site {
    _scene: Scene,
    pub(crate) server: Server,
    pub(crate) epoch: String,
    /// The ids of the lines that are here.
    ids: HashMap<usize, String>,
    /// Ids, also those made up for lines that are not here, and whose they are.
    lines: HashMap<String, usize>,
    /// Where a tail began before there was a line.
    pub(crate) tail_begin: String,
}

impl Site {
    pub(crate) async fn start(world: &World, grant: &Grant) -> Self {
        let scene = Scene::new();
        let server = scene.serve().await;
        register(&server.api, world, grant).await;
        let mut tail = server.api.tail("*", None).await;
        tail.next_row(std::time::Duration::from_millis(300)).await;
        let tail_begin = tail.cursor.clone().expect("where the tail began");
        drop(tail);
        load(&scene, &server, world, grant).await;
        let mut site = Self { _scene: scene, server, epoch: String::new(), ids: HashMap::new(), lines: HashMap::new(), tail_begin };
        site.learn(world, grant).await;
        site
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

async fn load(scene: &Scene, server: &Server, world: &World, grant: &Grant) {
    let mut pods = BTreeMap::new();
    let mut pushed: BTreeMap<usize, String> = BTreeMap::new();
    for line in world.lines.iter().filter(|line| world.sees(grant, line)) {
        if let (true, Some(at)) = (line.is_pushed, line.instance) {
            pushed.entry(at).or_default().push_str(&format!("{}\n", line.json()));
            continue;
        }
        let (namespace, name, uid) = world.pod(line);
        let pod = pods.entry(name.clone()).or_insert_with(|| scene.pod(&namespace, &name, &uid, "app"));
        pod.write(if line.n % 5 == 0 { "stderr" } else { "stdout" }, line.json().as_bytes(), line.time);
    }
    scene.collect_once(&server.address, &server.collector_token().await).await;
    for (at, lines) in pushed {
        let instance = &world.instances[at];
        let token = server.token(json!({"kind": "ingest", "partner": world.partner(instance.partner), "instances": [instance.id]})).await;
        let answer = server.api.with_token(&token).ingest(&lines).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
