//! Syslog over a real store: connections and datagrams, a token that ends, and a stop.

use super::ingest::stored;
use super::*;
use crate::doors::syslog::{Syslog, TokenSource};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

fn syslog(server: &Server, token: &str, rate_bytes: Option<u64>, stop: &CancellationToken) -> Syslog {
    let token: Arc<str> = token.into();
    let source: TokenSource = Arc::new(move || Arc::clone(&token));
    Syslog::new(server.indexer.clone(), source, Some("sms-434".to_owned()), rate_bytes, stop.clone())
}

async fn until(what: &str, probe: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if probe() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited for {what}");
}

#[tokio::test]
async fn messages_of_a_connection_are_stored_while_it_lasts_and_at_its_end() {
    let (server, stop) = (Server::new().await, CancellationToken::new());
    let (mut client, stream) = tokio::io::duplex(1 << 20);
    let door = syslog(&server, &server.ingest, None, &stop);
    let running = tokio::spawn(async move { door.stream(stream, PEER).await });
    client.write_all(b"<14>1 - h a - - - one\n21 <14>1 - h a - - - two").await.unwrap();
    until("the first", || !stored(&server, "sms").is_empty()).await;
    client.write_all(b"<14>three").await.unwrap();
    drop(client);
    running.await.unwrap();
    assert_eq!(stored(&server, "sms"), ["one", "two", "three"]);
    let counted = server.indexer.stats().doors.into_iter().find(|door| door.door == "syslog").unwrap();
    assert_eq!((counted.verdicts.iter().sum::<u64>(), counted.lost), (3, 0));
}

#[tokio::test]
async fn a_stop_stores_what_was_read() {
    let (server, stop) = (Server::new().await, CancellationToken::new());
    let (mut client, stream) = tokio::io::duplex(1 << 20);
    let door = syslog(&server, &server.ingest, None, &stop);
    let running = tokio::spawn(async move { door.stream(stream, PEER).await });
    client.write_all(b"<14>1 - h a - - - kept\n<14>1 - h a - - - begun").await.unwrap();
    until("the whole message", || stored(&server, "sms").len() == 1).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(stored(&server, "sms"), ["kept", "begun"]);
    // The client sees the end.
    assert!(client.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn a_token_that_may_not_push_ends_the_connection_and_the_lines_are_counted() {
    let (server, stop) = (Server::new().await, CancellationToken::new());
    for token in [&server.staff, "mart_ingest_wrong"] {
        let (mut client, stream) = tokio::io::duplex(1 << 20);
        let door = syslog(&server, token, None, &stop);
        let running = tokio::spawn(async move { door.stream(stream, PEER).await });
        client.write_all(b"<14>1 - h a - - - x\n<14>1 - h a - - - y\n").await.unwrap();
        running.await.unwrap();
    }
    assert!(stored(&server, "sms").is_empty());
    let counted = server.indexer.stats().doors.into_iter().find(|door| door.door == "syslog").unwrap();
    assert_eq!(counted.lost, 4);
}

#[tokio::test]
async fn datagrams_are_messages() {
    let (server, stop) = (Server::new().await, CancellationToken::new());
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let door = syslog(&server, &server.ingest, None, &stop);
    let running = tokio::spawn(async move { door.datagrams(socket).await });
    let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..50 {
        client.send_to(format!("<14>1 - h a - - - datagram {number}\n").as_bytes(), address).await.unwrap();
    }
    client.send_to(b"", address).await.unwrap();
    until("all of them", || stored(&server, "sms").len() == 50).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(stored(&server, "sms")[49], "datagram 49");
}

#[tokio::test]
async fn a_rate_holds_a_connection_back_and_loses_nothing() {
    let (server, stop) = (Server::new().await, CancellationToken::new());
    let (mut client, stream) = tokio::io::duplex(1 << 10);
    let door = syslog(&server, &server.ingest, Some(20_000), &stop);
    let running = tokio::spawn(async move { door.stream(stream, PEER).await });
    let begun = std::time::Instant::now();
    for number in 0..10 {
        client.write_all(format!("<14>1 - h a - - - {number} {}\n", "x".repeat(1_000)).as_bytes()).await.unwrap();
    }
    drop(client);
    running.await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(300), "10 kB at 20 kB a second");
    assert_eq!(stored(&server, "sms").len(), 10);
}
