//! Erasing beside other things that the store does with rows: what is left can still be released, replayed and searched.

use crate::harness::*;
use martlog_indexer::Indexer;
use martlog_indexer::erase::{AccountErasure, State};
use std::time::Duration;

async fn erase(indexer: &Indexer, account: &str) -> u64 {
    let wanted = AccountErasure { account: account.into(), csp: None, partner: None, from_ns: i64::MIN, to_ns: i64::MAX };
    let id = indexer.begin_account_erasure(&staff(indexer).await, &wanted, None).await.unwrap();
    for _ in 0..1_000 {
        let report = indexer.erasure(&id).await.unwrap().unwrap();
        if report.state == State::Done {
            return report.rows;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the erasure does not end: {:?}", indexer.erasure(&id).await);
}

async fn quarantined(indexer: &Indexer) -> Vec<String> {
    let rows = rows(indexer, &staff(indexer).await, true);
    texts(&rows).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_quarantine_with_holes_is_released_whole() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    for line in 0..9_u64 {
        // The first, one in the middle and the last are somebody's.
        let text = if line % 4 == 0 { format!("{line} of 79123456789") } else { format!("{line} of nobody") };
        let (from, to) = (line * 10, line * 10 + 10);
        assert_eq!(send(&indexer, part("web", 1, (from, to), &[(from, to, &text)])).await, durable(&[to]));
    }
    assert_eq!(erase(&indexer, "79123456789").await, 3);
    let left: Vec<String> = [1, 2, 3, 5, 6, 7].iter().map(|line| format!("{line} of nobody")).collect();
    assert_eq!(quarantined(&indexer).await, left);
    register(&indexer, "web").await;
    let owner = indexer.registry().owner_of(&stream("web"), &[("app".into(), "web".into())]);
    assert_eq!(indexer.release("uid-web", owner).await.unwrap(), 6);
    assert_eq!(quarantined(&indexer).await, Vec::<String>::new());
    let released = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(texts(&released), left.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_that_was_erased_comes_back_from_the_log_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let indexer = open(dir.path()).await;
    register(&indexer, "web").await;
    let line = async |indexer: &Indexer, number: u64, text: &str| {
        let (from, to) = (number * 10, number * 10 + 10);
        assert_eq!(send(indexer, part("web", 1, (from, to), &[(from, to, text)])).await, durable(&[to]));
    };
    line(&indexer, 0, "kept").await;
    line(&indexer, 1, "call 79123456789").await;
    assert_eq!(erase(&indexer, "+7 912 345-67-89").await, 1, "in another spelling");
    line(&indexer, 2, "later 79123456789").await;
    drop(indexer);
    let indexer = open(dir.path()).await;
    let rows = rows(&indexer, &staff(&indexer).await, false);
    assert_eq!(texts(&rows), ["kept", "later 79123456789"], "what came after it stays");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(send(&indexer, part("web", 1, (0, 10), &[(0, 10, "kept")])).await, durable(&[30]), "the mark knows that it was there");
    let erased = indexer.completeness(&acme(&indexer).await).await.erased;
    assert_eq!(erased.iter().map(|erased| (&*erased.owner.instance, erased.rows)).collect::<Vec<_>>(), [("sms-web", 1)]);
}
