//! Joining physical lines, case by case: `+` continues the record before it.

use martlog_formats::limits;
use martlog_formats::multiline::{Decision, Joiner};

/// Runs the lines through one joiner; each is written with `+` or `|` before it as the joiner shall decide.
fn check(lines: &str) {
    let mut joiner = Joiner::new();
    for line in lines.lines() {
        let (wanted, text) = line.split_at(1);
        let decided = match joiner.push(text.as_bytes()) {
            Decision::Start { .. } => "|",
            Decision::Continue { .. } => "+",
        };
        assert_eq!(decided, wanted, "{line:?} in\n{lines}");
    }
}

#[test]
fn complete_json_neither_waits_nor_continues() {
    let mut joiner = Joiner::new();
    assert_eq!(joiner.push(b"text"), Decision::Start { waits: true });
    assert_eq!(joiner.push(br#"{"message":"a"}"#), Decision::Start { waits: false });
    assert_eq!(joiner.push(br#"  {"message":"indented"}"#), Decision::Start { waits: false });
    assert_eq!(joiner.push(b"    at x"), Decision::Start { waits: true });
    assert_eq!(joiner.push(b""), Decision::Start { waits: false });
    assert_eq!(joiner.push(b"{\"message\":\"a\"}\r"), Decision::Start { waits: false });
}

#[test]
fn python_tracebacks() {
    check(
        "|INFO:root:unrelated
|Traceback (most recent call last):
+  File \"/app/main.py\", line 12, in <module>
+    run()
+ValueError: no route
|INFO:root:next",
    );
    check(
        "|ERROR:root:failed
+Traceback (most recent call last):
+  File \"a.py\", line 1, in f
+KeyError: 'x'
+
+During handling of the above exception, another exception occurred:
+
+Traceback (most recent call last):
+  File \"a.py\", line 3, in g
+ValueError: y
|INFO:root:next",
    );
    check(
        "|[2026-11-22 10:12:50,353] ERROR [Req-ID: 9b2c8a4e-11aa]: failed
+Traceback (most recent call last):
+  File \"a.py\", line 1, in f
+KeyError: 'x'
|[2026-11-22 10:12:50,354] INFO [Req-ID: 9b2c8a4e-11aa]: next",
    );
}

#[test]
fn java_stack_traces() {
    check(
        "|2026-11-22 10:12:50,353 ERROR [main] com.example.App - failed
+java.lang.IllegalStateException: no route
+\tat com.example.App.run(App.java:12)
+Caused by: java.io.IOException: reset
+\tat com.example.Net.read(Net.java:34)
+\t... 12 more
|2026-11-22 10:12:50,354 INFO [main] com.example.App - next",
    );
    check(
        "|Exception in thread \"main\" java.lang.RuntimeException: x
+\tat com.example.App.main(App.java:5)
|done",
    );
}

#[test]
fn go_rust_node_and_php() {
    check(
        "|panic: runtime error: index out of range
+
+goroutine 1 [running]:
+main.run(0x1, 0x2)
+\t/app/main.go:12 +0x1d
+main.main()
+\t/app/main.go:5 +0x25
+exit status 2
|2026/11/22 10:12:50 restarted",
    );
    check(
        "|thread 'main' panicked at src/main.rs:2:5:
+index out of bounds
+note: run with `RUST_BACKTRACE=1`
|next",
    );
    check(
        "|Error: no route
+    at run (/app/main.js:1:2)
+    at node:internal/main:23
|listening",
    );
    check(
        "|PHP Fatal error:  Uncaught Exception: x in /srv/app.php:3
+Stack trace:
+#0 /srv/app.php(12): f()
+#1 {main}
+  thrown in /srv/app.php on line 3
|next",
    );
}

#[test]
fn indented_lines_and_pretty_printed_json() {
    check(
        "|config loaded:
+  a: 1
+  b: 2
|next
|  2026-11-22 10:12:50 an indented time begins a record",
    );
    check(
        r#"|{
+  "message": "m",
+  "a": {
+    "b": "}"
+  }
+}
|next"#,
    );
    let mut joiner = Joiner::new();
    joiner.push(b"{");
    joiner.push(b"  \"a\": 1");
    assert_eq!(joiner.push(b"}"), Decision::Continue { waits: false });
    check(
        r#"|{"torn": "object
|{"message":"whole"}
|text"#,
    );
}

#[test]
fn private_keys_stay_one_record() {
    check(
        "|-----BEGIN RSA PRIVATE KEY-----
+MIIEowIBAAKCAQEA
+
+{\"even\":\"this\"}
+-----END RSA PRIVATE KEY-----
|next",
    );
}

#[test]
fn a_time_out_ends_the_record() {
    let mut joiner = Joiner::new();
    joiner.push(b"ERROR failed");
    joiner.flushed();
    assert_eq!(joiner.push(b"    at x"), Decision::Start { waits: true });
}

#[test]
fn records_are_bounded_in_bytes_and_lines() {
    let mut joiner = Joiner::new();
    joiner.push(b"ERROR failed");
    let started = (0..3 * limits::JOINED_LINES_MAX).filter(|_| matches!(joiner.push(b"\tat x"), Decision::Start { .. })).count();
    assert_eq!(started, 3);

    let line = [b"\t".as_slice(), &[b'x'; 60_000]].concat();
    let mut joiner = Joiner::new();
    let mut bytes = 0;
    for _ in 0..20 {
        match joiner.push(&line) {
            Decision::Start { .. } => bytes = line.len(),
            Decision::Continue { .. } => bytes += 1 + line.len(),
        }
        assert!(bytes <= limits::LINE_BYTES_MAX);
    }
}
