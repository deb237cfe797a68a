//! Gaps, all of them: page by page, each once, one's own alone, also when many were noticed at one time.

use super::*;
use martlog_formats::wire::{BatchEncoder, BatchHeader, Extent, FileId, Gap, GapReason, Part, PartAnswer, Stream, Substream};

impl Server {
    async fn gaps(&self, token: &str, parameters: &str) -> Answer {
        self.get(&format!("/api/v1/gaps{parameters}"), &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// A collector names holes of a namespace's files, at these times, s.
    async fn lose(&self, namespace: &str, times: impl Iterator<Item = i64>) {
        let mut encoder = BatchEncoder::new(&BatchHeader { cluster: "c".into(), node: "n".into() });
        for (number, time_s) in (1_u64..).zip(times) {
            let pod = format!("pod-{number}");
            encoder.push(&Part {
                stream: Stream { namespace: namespace.into(), pod: pod.clone(), pod_uid: pod, container: "app".into(), restart: 0 },
                labels: Vec::new(),
                substream: Substream::Stdout,
                extents: vec![Extent {
                    file: FileId(u128::from(number) << 64 | namespace.len() as u128),
                    name: "0.log".into(),
                    from: 0,
                    to: number,
                }],
                records: Vec::new(),
                gap: Some(Gap { reason: GapReason::RotatedAway, time_ns: time_s * 1_000_000_000 }),
            });
        }
        let answer = self.indexer.append("c", &encoder.finish()).await.unwrap();
        assert!(answer.parts.iter().all(|part| matches!(part, PartAnswer::Durable { .. })), "{answer:?}");
    }

    /// `to` of each gap, page by page.
    async fn all_gaps(&self, token: &str, parameters: &str) -> Vec<u64> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.gaps(token, &format!("?{parameters}{cursor}")).await.json();
            all.extend(page["gaps"].as_array().unwrap().iter().map(|gap| gap["to"].as_u64().unwrap()));
            let Some(next) = page["cursor"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }
}

#[tokio::test]
async fn every_gap_is_told_once_page_by_page_and_to_its_owner_alone() {
    let server = Server::start().await;
    let (acme, zeta) = (server.token("acme").await, server.token("zeta").await);
    // Seven at one time.
    let time = |number: i64| 1_795_000_000 + number / 7;
    server.lose("ns-sms", (0..250).map(time)).await;
    server.lose("ns-voice", (0..3).map(time)).await;
    let shown = server.search(&acme, json!({"query": "", "from": "2026-01-01"})).await.1;
    assert_eq!((shown["complete"]["gaps"].as_array().unwrap().len(), &shown["complete"]["gaps_total"]), (100, &json!(250)));
    for limit in ["limit=1", "limit=8", "limit=100", "limit=1000", "instance=sms-434"] {
        let mut told = server.all_gaps(&acme, limit).await;
        let times: Vec<i64> = told.iter().map(|to| time(i64::try_from(*to).unwrap() - 1)).collect();
        assert!(times.is_sorted_by(|before, behind| before >= behind), "{times:?}");
        told.sort_unstable();
        assert_eq!(told, (1..=250).collect::<Vec<u64>>(), "{limit}");
    }
    assert_eq!(server.all_gaps(&zeta, "limit=2").await.len(), 3);
    assert_eq!(server.all_gaps(&acme, "instance=voice-255").await.len(), 0, "what is another's is not there");
    assert_eq!(server.all_gaps(&server.staff, "limit=9").await.len(), 253);
    let some = server.gaps(&acme, &format!("?from={}&to={}", "2026-11-18T11:06:45Z", "2026-11-18T11:06:49Z")).await.json();
    let [from, to] = ["2026-11-18T11:06:45Z", "2026-11-18T11:06:49Z"].map(|text| moment(text, 0).unwrap().start_ns / 1_000_000_000);
    let within = (0..250).filter(|number| (from..to).contains(&time(*number))).count();
    assert_eq!((some["gaps"].as_array().unwrap().len(), within), (28, 28));
    let first = &server.gaps(&acme, "").await.json()["gaps"][0];
    assert_eq!(
        (first["instance"].as_str(), first["file"].as_str(), first["reason"].as_str()),
        (Some("sms-434"), Some("0.log"), Some("rotated_away"))
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    for (parameters, code) in [
        ("?from=soon", "bad_time_range"),
        ("?limit=0", "bad_limit"),
        ("?limit=1001", "bad_limit"),
        ("?cursor=3", "cursor_damaged"),
        ("?cursor=3.-1", "cursor_damaged"),
        ("?since=1", "bad_parameters"),
    ] {
        assert_eq!(server.gaps(&token, parameters).await.problem(), (400, code.to_owned()), "{parameters}");
    }
    let beyond = server.gaps(&token, &format!("?cursor=0.{}", usize::MAX)).await.json();
    assert_eq!(beyond, json!({"gaps": [], "cursor": null}));
    assert_eq!(server.gaps("mart_partner_none", "").await.status, 401);
}
