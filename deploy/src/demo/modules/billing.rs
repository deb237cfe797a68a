//! Billing: a Java service with its own zone in the times, upper-case levels, and stack traces on stderr.

use super::joined;
use crate::demo::scene::{Act, Scene};
use crate::demo::time::rfc3339_east;
use crate::demo::world::{CSPS, Kind};
use serde_json::{Value, json};

fn line(scene: &mut Scene<'_>, level: &str, logger: &str, message: &str, more: Value) {
    let zone = if CSPS[scene.csp].id == "434" { 2 } else { 1 };
    let thread = format!("rater-{}", scene.dice.range(1, 8));
    let head = json!({
        "@timestamp": rfc3339_east(scene.at_ns, zone), "level": level, "logger": logger, "thread": thread,
        "message": message, "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::Billing, joined(head, more));
}

pub(in crate::demo) fn rated(scene: &mut Scene<'_>, account: &str, call: &super::sip::Call, seconds: u64) {
    let cents = seconds * scene.dice.range(1, 9) / 6;
    let more = json!({
        "call_id": call.call_id, "account_id": format!("{account}@msisdn"), "i_customer": scene.dice.range(1000, 1400), "i_env": 3,
        "extra": {"charged": format!("{}.{:02}", cents / 100, cents % 100), "currency": "EUR", "quantity_s": seconds, "tariff": "T-2026-ALLNET"},
    });
    line(scene, "INFO", "com.tarifico.rating.CdrRater", &format!("CDR rated: {seconds} s"), more);
}

pub(in crate::demo) fn batch(scene: &mut Scene<'_>, records: u64, ms: u64) {
    let rejected = if scene.dice.chance(20.0) { scene.dice.range(1, 9) } else { 0 };
    let level = if rejected > 0 { "WARN" } else { "INFO" };
    let file = format!("CDR_{}_{:06}.asn1", CSPS[scene.csp].id, scene.dice.below(1_000_000));
    let more = json!({"duration_ms": ms, "extra": {"file": file, "records": records, "rejected": rejected}});
    line(
        scene,
        level,
        "com.tarifico.mediation.BatchReader",
        &format!("Mediation file processed: {records} records, {rejected} rejected"),
        more,
    );
}

pub(in crate::demo) fn balance(scene: &mut Scene<'_>, account: &str, cents: u64) {
    let more = json!({"account_id": format!("{account}@msisdn"), "extra": {"balance": format!("{}.{:02}", cents / 100, cents % 100)}});
    line(scene, "INFO", "com.tarifico.balance.Ledger", "Balance changed by top-up", more);
}

pub(in crate::demo) fn low_balance(scene: &mut Scene<'_>, account: &str) {
    line(
        scene,
        "NOTICE",
        "com.tarifico.balance.Ledger",
        "Balance below threshold, subscriber will be notified",
        json!({"account_id": format!("{account}@msisdn")}),
    );
}

/// The error as JSON, and its stack of Java as 58 physical lines on stderr.
pub(in crate::demo) fn deadlock(scene: &mut Scene<'_>) {
    let error = json!({"error": {"type": "org.springframework.dao.CannotAcquireLockException", "message": "could not execute statement; deadlock detected"}});
    line(scene, "ERROR", "com.tarifico.balance.Ledger", "Cannot charge, the transaction was rolled back", error);
    scene.pause_ms(1, 2);
    let trace = java_trace(
        "org.springframework.dao.CannotAcquireLockException: could not execute statement; SQL [n/a]",
        "org.postgresql.util.PSQLException: ERROR: deadlock detected",
        58,
    );
    scene.act(Kind::Billing, Act::Err(trace));
}

/// A stack trace of so many physical lines.
pub(in crate::demo) fn java_trace(headline: &str, cause: &str, lines: usize) -> String {
    const FRAMES: [&str; 6] = [
        "org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:119)",
        "org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:186)",
        "com.tarifico.balance.Ledger.charge(Ledger.java:214)",
        "jdk.internal.reflect.GeneratedMethodAccessor88.invoke(Unknown Source)",
        "com.zaxxer.hikari.pool.ProxyPreparedStatement.executeUpdate(ProxyPreparedStatement.java:61)",
        "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1144)",
    ];
    let mut text = format!("Exception in thread \"rater-3\" {headline}");
    for at in 1..lines {
        if at == lines / 2 {
            text.push_str(&format!("\nCaused by: {cause}"));
        } else if at + 1 == lines {
            text.push_str("\n\t... 41 more");
        } else {
            text.push_str("\n\tat ");
            text.push_str(FRAMES[at % FRAMES.len()]);
        }
    }
    text
}
