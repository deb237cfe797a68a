//! The tail over HTTP while everything goes wrong: cut, resumed, its server killed, its reader asleep, its token revoked.

use crate::harness::api::Api;
use crate::harness::{PATIENCE, Scene, Server, until};
use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Lines that pods print while the tail is cut and the server killed.
const PRINTED: usize = 40_000;
const PODS: usize = 4;
/// Lines that come while nobody reads.
const UNREAD: usize = 200_000;
/// Lines of one request to the ingest door.
const PUSHED: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_cut_at_random_has_every_line_once_and_in_order_though_its_server_is_killed() {
    let scene = Scene::new();
    let mut server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let listen = server.address.trim_start_matches("http://").to_owned();
    let _collector = scene.collect(&server.address, &server.collector_token().await, &[]);
    // The first place of all, before anything is printed.
    let mut first = partner.tail("printed", None).await;
    assert!(first.next_row(Duration::from_millis(200)).await.is_none());
    let begin = first.cursor.clone().expect("the first status has a place");
    drop(first);
    let reader = tokio::spawn(read_in_pieces(partner.clone(), begin));
    let pods = scene.pods();
    let writer = std::thread::spawn(move || print_lines(&pods));
    let mut kills = 0;
    while !writer.is_finished() {
        tokio::time::sleep(Duration::from_millis(900)).await;
        server.process.kill().await;
        kills += 1;
        server = scene.serve_at(&listen, &[]).await;
    }
    writer.join().expect("the writer");
    let (rows, cuts) = reader.await.expect("the reader");
    check(&rows);
    println!("{PRINTED} lines over {cuts} connections and {kills} killed servers: each once, in the order of the cursor");
    assert!(kills >= 2 && cuts > kills, "{kills} kills, {cuts} cuts");
}

/// Reads until all lines are there, over connections that are dropped after some rows or die with their server.
async fn read_in_pieces(api: Api, mut cursor: String) -> (Vec<Value>, usize) {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut rows, mut cuts) = (Vec::new(), 0);
    let deadline = Instant::now() + PATIENCE * 3;
    while rows.len() < PRINTED {
        assert!(Instant::now() < deadline, "{} of {PRINTED} lines came", rows.len());
        let Some(mut tail) = api.try_tail(&[("query", "printed")], Some(&cursor)).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        for _ in 0..rng.random_range(1..4_000) {
            let Some(row) = tail.next_row(Duration::from_millis(500)).await else { break };
            rows.push(row);
            if rows.len() >= PRINTED {
                break;
            }
        }
        cursor = tail.cursor.unwrap_or(cursor);
        cuts += 1;
    }
    // Nothing comes again behind the last one.
    let mut tail = api.tail("printed", Some(&cursor)).await;
    assert!(tail.next_row(Duration::from_secs(1)).await.is_none());
    (rows, cuts)
}

/// Each line once, and rows in the order of (arrived, seq).
fn check(rows: &[Value]) {
    let mut numbers = BTreeSet::new();
    let mut before: Option<(DateTime<Utc>, u64)> = None;
    for row in rows {
        let number = row["message"].as_str().and_then(|message| message.rsplit(' ').next()?.parse::<usize>().ok()).expect("its number");
        assert!(numbers.insert(number), "line {number} came twice");
        let arrived = row["arrived"].as_str().and_then(|arrived| arrived.parse().ok()).expect("its arrival");
        let seq = row["id"].as_str().and_then(|id| id.rsplit('/').next()?.parse().ok()).expect("its seq");
        let place = Some((arrived, seq));
        assert!(before < place, "{row} came behind {before:?}");
        before = place;
    }
    assert_eq!(numbers, (0..PRINTED).collect());
}

/// Prints to pods that rotate, over some seconds.
fn print_lines(pods: &Path) {
    let mut files: Vec<_> = (0..PODS)
        .map(|pod| {
            let uid = format!("00000000-0000-4000-8000-00000000000{pod}");
            crate::harness::cri::Pod::create(pods, "csp-434-sms", &format!("sms-{pod}"), &uid, "app")
        })
        .collect();
    for number in 0..PRINTED {
        let time = Utc::now();
        files[number % PODS].write("stdout", line(&format!("printed {number}"), time).as_bytes(), time);
        if number % 500 == 499 {
            std::thread::sleep(Duration::from_millis(60));
        }
        if number % 9_000 == 8_999 {
            files.iter_mut().for_each(|file| file.rotate(number));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_slows_nothing_down_and_gets_every_line_afterwards() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let door = ingest_door(&server).await;
    let alone = push(&door, "before", UNREAD / 4).await;
    let mut asleep = partner.tail("pushed", None).await;
    // Another one stays near the present.
    let mut near = partner.try_tail(&[("query", "pushed"), ("lag_max", "1s")], None).await.expect("a tail");
    let with_sleepers = push(&door, "pushed", UNREAD).await;
    println!("lines a second through the ingest door: {alone:.0} alone, {with_sleepers:.0} while two tails of them are not read");
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    for number in 0..UNREAD {
        let row = asleep.next_row(PATIENCE).await.expect("a line that came while nobody read");
        assert_eq!(row["message"], format!("pushed {number}"));
    }
    assert!(asleep.missed.is_empty(), "nothing is left out unless it is asked for");
    assert!(asleep.lag_seconds_max > 0.0, "the status says how late the lines were");

    // What it was not given it was told, and gets where it was told.
    let (mut got, mut told) = (BTreeSet::new(), 0);
    while let Some(row) = near.next_row(Duration::from_secs(2)).await {
        assert!(got.insert(number_of(&row)), "{row} came twice");
    }
    assert!(!near.missed.is_empty() && got.len() < UNREAD, "{} lines, {:?}", got.len(), near.missed);
    for missed in &near.missed {
        let cursor = missed["cursor"].as_str().expect("where to fetch it");
        let to: DateTime<Utc> = missed["to"].as_str().and_then(|to| to.parse().ok()).expect("up to when");
        let mut rest = partner.tail("pushed", Some(cursor)).await;
        while let Some(row) = rest.next_row(Duration::from_secs(2)).await {
            if row["arrived"].as_str().and_then(|arrived| arrived.parse::<DateTime<Utc>>().ok()).expect("an arrival") > to {
                break;
            }
            assert!(got.insert(number_of(&row)), "{row} was told as missed and came all the same");
            told += 1;
        }
    }
    assert_eq!(got, (0..UNREAD).collect());
    println!("near the present: {} lines left out in {} pieces, all fetched by their cursors", told, near.missed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_tokens_tails_end_within_a_second_read_or_not() {
    let scene = Scene::new();
    let server = scene.serve().await;
    let partner = server.partner("acme", "sms", "csp-434", "csp-434-sms").await;
    let door = ingest_door(&server).await;
    let minted = server.api.create("tokens", json!({"kind": "partner", "partner": "acme"})).await;
    let revoked = partner.with_token(minted["token"].as_str().expect("a token"));
    let mut silent = revoked.tail("nothing", None).await;
    let mut asleep = revoked.tail("pushed", None).await;
    let mut other = partner.tail("pushed", None).await;
    push(&door, "pushed", 4 * PUSHED).await;
    let answer = server.api.delete(&format!("tokens/{}", minted["id"].as_str().expect("its id"))).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let at = Instant::now();
    assert!(silent.next_row(PATIENCE).await.is_none());
    let took = at.elapsed();
    assert!(silent.ended.as_deref().is_some_and(|reason| reason.contains("revoked")), "{:?}", silent.ended);
    // A line of after the revocation reaches nobody who slept through it.
    push(&door, "afterwards pushed", 1).await;
    let began = Instant::now();
    let mut last = String::new();
    while let Some(row) = asleep.next_row(PATIENCE).await {
        last = row["message"].as_str().expect("a message").to_owned();
        assert!(last.starts_with("pushed"), "{last}");
    }
    println!(
        "revoked: a silent tail ended in {} ms, one that was not read {} ms after it was read again, at {last:?}",
        took.as_millis(),
        began.elapsed().as_millis()
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(number_of(&other.next_row(PATIENCE).await.expect("other tokens go on")), 0);
}

async fn ingest_door(server: &Server) -> Api {
    let token = server.token(json!({"kind": "ingest", "partner": "acme", "instances": ["sms-csp-434"]})).await;
    server.api.with_token(&token)
}

/// Pushes numbered lines; how many a second were taken.
async fn push(door: &Api, what: &str, lines: usize) -> f64 {
    let began = Instant::now();
    for from in (0..lines).step_by(PUSHED) {
        let mut body = String::new();
        for number in from..(from + PUSHED).min(lines) {
            writeln!(body, "{}", line(&format!("{what} {number}"), Utc::now())).expect("a string");
        }
        // A door that has enough says so, and gets the same again.
        until("the lines to be taken", async || {
            let answer = door.ingest(&body).await;
            assert!(matches!(answer.status, 200 | 429 | 503), "{}", answer.text);
            (answer.status == 200).then_some(())
        })
        .await;
    }
    f64::from(u32::try_from(lines).expect("few")) / began.elapsed().as_secs_f64()
}

fn number_of(row: &Value) -> usize {
    row["message"].as_str().and_then(|message| message.rsplit(' ').next()?.parse().ok()).expect("its number")
}

fn line(message: &str, time: DateTime<Utc>) -> String {
    let stamp = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    format!(r#"{{"timestamp":"{stamp}","level":"info","message":"{message}"}}"#)
}
