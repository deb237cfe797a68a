//! What lies in log files in the field.

use crate::support::World;
use crate::support::pods::{Stderr, Stdout};
use martlog_formats::wire::{GapReason, Substream};
use martlog_formats::{Problem, Verdict};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn pieces_of_both_substreams_interleave() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    for round in 0..50 {
        for piece in 0..4 {
            let tag = if piece == 3 { "F" } else { "P" };
            world.pods.piece(&mut app, Stdout, tag, format!("o{round}.{piece} ").as_bytes());
            if round % 2 == 0 {
                world.pods.piece(&mut app, Stderr, tag, format!("e{round}.{piece} ").as_bytes());
            }
        }
        let whole = |letter: char| (0..4).map(|piece| format!("{letter}{round}.{piece} ")).collect::<String>();
        world.pods.expect(&app, Stdout, &whole('o'));
        if round % 2 == 0 {
            world.pods.expect(&app, Stderr, &whole('e'));
        }
    }
    world.collect_once().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_torn_cri_line_is_kept_as_it_is() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    for torn in ["out F torn at the front", "2026-11-22T10:00:00", "no CRI line at all"] {
        app.raw(format!("{torn}\n").as_bytes());
        world.pods.expect(&app, Stdout, torn);
    }
    world.pods.print(&mut app, Stderr, "after");
    // A piece whose end was torn off: what there is of it, and the line.
    world.pods.piece(&mut app, Stdout, "P", b"half");
    app.raw(b"garbage\n");
    world.pods.expect(&app, Stdout, "half");
    world.pods.expect(&app, Stdout, "garbage");
    world.collect_once().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_block_without_a_newline_is_a_gap_and_what_follows_is_not() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    world.pods.print(&mut app, Stderr, "before");
    app.raw(&vec![0; 2 << 20]);
    app.raw(b"\n");
    world.pods.print(&mut app, Stdout, "after");
    world.pods.print(&mut app, Stderr, "after");
    let report = world.collect_once().await;
    assert_eq!(report.gaps, 2);
    world.server.with(|inner| {
        assert!(inner.log.holes.iter().all(|hole| hole.reason == GapReason::Malformed && hole.substream == Stdout));
        assert_eq!(inner.log.messages("u1", 0, Stdout), ["before", "", "after"]);
        assert_eq!(inner.log.messages("u1", 0, Stderr), ["before", "after"]);
    });
}

#[tokio::test]
async fn nul_crlf_and_invalid_utf8_arrive() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.piece(&mut app, Stdout, "F", b"nul \0 here");
    world.pods.piece(&mut app, Stdout, "F", b"bad \xff\xfe utf8");
    world.pods.piece(&mut app, Stdout, "F", b"crlf line\r");
    world.pods.piece(&mut app, Stdout, "F", b"\r");
    world.pods.piece(&mut app, Stdout, "F", b"");
    world.collect_once().await;
    let messages = world.server.with(|inner| inner.log.messages("u1", 0, Stdout));
    assert_eq!(messages.len(), 5);
    assert!(messages[0].contains("nul") && messages[1].starts_with("bad ") && messages[1].ends_with(" utf8"));
    assert_eq!(messages[2].trim_end(), "crlf line");
    assert_eq!((messages[3].trim(), messages[4].trim()), ("", ""));
}

#[tokio::test]
async fn a_line_of_240_kb_is_one_record_and_a_longer_one_is_cut_by_name() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let long: String = "0123456789abcdef".chars().cycle().take(240_000).collect();
    world.pods.print(&mut app, Stdout, &long);
    world.pods.print(&mut app, Stdout, "after");
    world.collect_once().await;
    world.check_ledger();
    world.pods.print(&mut app, Stdout, &long.repeat(10));
    world.pods.print(&mut app, Stdout, "at the end");
    world.collect_once().await;
    let messages = world.server.with(|inner| inner.log.messages("u1", 0, Stdout));
    assert_eq!((messages.len(), messages[3].as_str()), (4, "at the end"));
    assert!(messages[2].len() <= (256 << 10) + 64 && messages[2].starts_with("0123"), "{}", messages[2].len());
}

#[tokio::test]
async fn a_stack_trace_is_one_record_and_json_is_not_joined() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    let trace = ["Traceback (most recent call last):", "  File \"main.py\", line 1, in <module>", "    raise ValueError()", "ValueError"];
    for line in trace {
        world.pods.piece(&mut app, Stderr, "F", line.as_bytes());
        world.pods.piece(&mut app, Stdout, "F", br#"{"message":"json"}"#);
        world.pods.expect(&app, Stdout, "json");
    }
    world.pods.expect(&app, Stderr, &trace.join("\n"));
    let running = world.start();
    world.until_records(5).await;
    running.stop().await;
    world.check_ledger();
}

#[tokio::test]
async fn a_planted_symlink_is_not_followed() {
    let mut world = World::new().await;
    let secret = tempfile::tempdir().unwrap();
    let target = secret.path().join("0.log");
    std::fs::write(&target, "2026-11-22T10:00:00Z stdout F secret\n").unwrap();
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "mine");
    symlink(&target, app.folder.join("1.log")).unwrap();
    symlink(secret.path(), app.folder.parent().unwrap().join("other")).unwrap();
    world.collect_once().await;
    world.check_ledger();
}

#[tokio::test]
async fn an_unfinished_physical_line_is_left_until_it_is_whole() {
    let mut world = World::new().await;
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "whole");
    app.raw(b"2026-11-22T10:00:01Z stdout F being wri");
    world.collect_once().await;
    world.check_ledger();
    app.raw(b"tten\n");
    world.pods.expect(&app, Stdout, "being written");
    world.collect_once().await;
    world.check_ledger();
}

#[tokio::test]
async fn many_records_that_do_not_end_are_not_all_held_and_none_is_lost() {
    let mut world = World::new().await;
    let piece = "p".repeat(16 << 10);
    let mut pods: Vec<_> = (0..80).map(|number| world.pods.container(&format!("u{number}"), 0)).collect();
    for pod in &mut pods {
        world.pods.print(pod, Stderr, "beside it");
        (0..14).for_each(|_| world.pods.piece(pod, Stdout, "P", piece.as_bytes()));
    }
    let running = world.start();
    world.until_records(80).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for pod in &mut pods {
        world.pods.piece(pod, Stdout, "F", b"end");
        world.pods.expect(pod, Stdout, &format!("{}end", piece.repeat(14)));
    }
    world.until_records(160).await;
    running.stop().await;
    world.check_ledger();
}

/// The folder beside the project, when it is there.
fn capture() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).map(|folder| folder.join("shared/data/cri")).find(|path| path.is_dir());
    if folder.is_none() {
        println!("skipped: there is no shared/data/cri beside the project");
    }
    folder
}

#[tokio::test]
async fn a_real_runtime_s_file_gives_each_record_whole_once_in_order() {
    let Some(folder) = capture() else { return };
    let world = World::new().await;
    let pod = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let app = world.pods.root().join(pod.file_name()).join("app");
    std::fs::create_dir_all(&app).unwrap();
    std::fs::copy(pod.path().join("app/0.log"), app.join("0.log")).unwrap();
    let report = world.collect_once().await;
    let size = std::fs::metadata(app.join("0.log")).unwrap().len();
    assert_eq!((report.bytes, report.gaps), (size, 0));
    world.server.with(|inner| {
        let of = |substream: Substream| inner.log.rows.iter().filter(move |row| row.substream == substream).map(|row| &row.record.record);
        let out: Vec<_> = of(Stdout).collect();
        let err: Vec<_> = of(Stderr).collect();
        for (number, record) in out.iter().take(40).enumerate() {
            assert_eq!((record.message.as_str(), record.verdict == Verdict::Raw), (format!("line {number}").as_str(), false));
        }
        for (number, record) in err.iter().take(40).enumerate() {
            assert!(record.message.contains(&format!("plain stderr {number}")), "{}", record.message);
        }
        assert_eq!(out[40].message, "no newline yet ... done");
        assert!(out[41].verdict != Verdict::Raw, "the long JSON line is whole: {:?}", out[41].problems);
        let numbered = |word: &str| (0..9_000).map(|number| format!("{word}{number:05} ")).collect::<String>();
        assert_eq!(out[42].message.trim_end(), numbered("out").trim_end());
        assert_eq!(err[40].message.trim_end(), numbered("err").trim_end());
        assert_eq!((out[43].message.trim(), out[44].message.trim(), out[45].message.trim_end()), ("", "", "crlf line"));
        assert!(out[46].message.contains("emo"));
        assert!(err[41].message.starts_with("Traceback") && err[41].message.ends_with("ValueError: boom"));
        assert_eq!(err[41].message.lines().count(), 4);
        assert_eq!(out[47].message, "last words without newline");
        assert!(out[47].problems.contains(Problem::Incomplete));
        assert_eq!((out.len(), err.len()), (48, 42));
    });
    assert_eq!(world.collect_once().await.records, 0);
}
