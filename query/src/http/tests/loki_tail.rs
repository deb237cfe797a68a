//! Loki's tail over real sockets: what was there before, what arrives, and the end of a token.

use super::loki::form;
use super::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn listening(server: &Server) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn tail(address: std::net::SocketAddr, token: &str, parameters: &[(&str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/loki/api/v1/tail?{}", form(parameters)).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next texts, or the code with which the server closes.
async fn next(socket: &mut Socket) -> Result<Vec<String>, u16> {
    loop {
        match tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("something comes in time") {
            Some(Ok(Message::Text(text))) => {
                let told: Value = serde_json::from_str(&text).unwrap();
                let streams = told["streams"].as_array().unwrap();
                let texts = streams
                    .iter()
                    .flat_map(|stream| stream["values"].as_array().unwrap())
                    .map(|value| value[1].as_str().unwrap().to_owned());
                return Ok(texts.collect());
            }
            Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn texts(socket: &mut Socket, many: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < many {
        found.extend(next(socket).await.unwrap());
    }
    found
}

#[tokio::test]
async fn a_tail_goes_on_behind_what_was_there_without_a_hole() {
    let server = Server::start().await;
    let (token, id) = server.minted("acme").await;
    let address = listening(&server).await;
    server.push("sms-434", (0..5).map(|n| line(50_000 - n, &format!("before {n}"), "")).collect()).await;
    server.push("voice-255", vec![line(0, "another partner's", "")]).await;
    let mut socket = tail(address, &token, &[("query", "{} != \"not\""), ("limit", "3")]).await.unwrap();
    assert_eq!(texts(&mut socket, 3).await, ["before 2", "before 3", "before 4"]);
    server.push("sms-434", vec![line(0, "not this", ""), line(0, "first", ""), line(0, "second", "")]).await;
    server.push("voice-255", vec![line(0, "another partner's", "")]).await;
    assert_eq!(texts(&mut socket, 2).await, ["first", "second"]);
    let mut read = tail(address, &token, &[("query", "{} | pattern \"<_> code=<code>\" | code>=500"), ("start", &now_ns().to_string())])
        .await
        .unwrap();
    server.push("sms-434", vec![line(0, "GET code=200", ""), line(0, "GET code=503", "")]).await;
    assert_eq!(texts(&mut read, 1).await, ["GET code=503"]);
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(texts(&mut socket, 2).await, ["GET code=200", "GET code=503"]);
    // A token that is revoked hears no more.
    server.indexer.registry().revoke_token(&id).await.unwrap();
    server.push("sms-434", vec![line(0, "secret by now", "")]).await;
    assert!(matches!(next(&mut socket).await, Err(1001 | 1008)));
    assert_eq!(tail(address, &token, &[("query", "{}")]).await.unwrap_err(), 401);
    assert_eq!(tail(address, &server.token("acme").await, &[("query", "{")]).await.unwrap_err(), 400);
}

#[tokio::test]
async fn tails_are_bounded_and_one_that_is_left_makes_room() {
    let server = Server::with(Limits { tails_max: 1, ..Limits::default() }).await;
    let token = server.token("acme").await;
    let address = listening(&server).await;
    let mut socket = tail(address, &token, &[("query", "{}")]).await.unwrap();
    assert_eq!(tail(address, &token, &[("query", "{}")]).await.unwrap_err(), 429);
    socket.close(None).await.unwrap();
    let again = async {
        loop {
            if tail(address, &token, &[("query", "{}")]).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("the place is free again");
}
