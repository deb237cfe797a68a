//! Listeners for syslog: they accept connections and datagrams and hand them to the door in the store's crate.
//!
//! Invariants: each listener has so many connections at most; all end with the server, after what was read is stored.

use super::bind;
use super::limit::Limited;
use super::tls::{Certificate, Door};
use crate::outcome::Failure;
use axum::serve::Listener as _;
use martlog_collector::token::Token;
use martlog_indexer::Indexer;
use martlog_indexer::doors::syslog::Syslog;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Of one listener: relays are few, and each holds a descriptor.
const CONNECTIONS_MAX: usize = 128;

/// How messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// In clear, on a connection.
    Tcp,
    /// In clear, as datagrams.
    Udp,
    /// As RFC 5425 has it.
    Tls,
}

/// A listener that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    /// Port 0 takes any.
    pub(crate) listen: SocketAddr,
    pub(crate) transport: Transport,
    /// An ingest token.
    pub(crate) token: Token,
    /// Which of the token's instances.
    pub(crate) instance: Option<String>,
    /// What each connection may send, bytes a second.
    pub(crate) rate_bytes: Option<u64>,
}

/// One that is bound.
enum Socket {
    Stream(TcpListener),
    Datagrams(UdpSocket),
}

/// The listeners, bound; they take nothing before they run.
pub(crate) struct Listeners(Vec<(Listen, Socket)>);

impl FromStr for Transport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "tls" => Ok(Self::Tls),
            _ => Err(format!("\"{text}\" is no transport: say tcp, udp or tls")),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        })
    }
}

impl Listeners {
    /// Binds all of them.
    pub(crate) async fn bind(wanted: Vec<Listen>) -> Result<Self, Failure> {
        let mut bound = Vec::with_capacity(wanted.len());
        for listen in wanted {
            let (socket, address) = match listen.transport {
                Transport::Tcp | Transport::Tls => {
                    let (listener, address) = bind::bind(listen.listen, "listen in [[serve.syslog]]").await?;
                    (Socket::Stream(listener), address)
                }
                Transport::Udp => {
                    let (socket, address) = bind::bind_datagrams(listen.listen, "listen in [[serve.syslog]]").await?;
                    (Socket::Datagrams(socket), address)
                }
            };
            tracing::info!(%address, transport = %listen.transport, "syslog is listened to");
            bound.push((listen, socket));
        }
        Ok(Self(bound))
    }

    /// Takes messages until `stop`; each task ends when what was read is stored.
    pub(crate) fn start(self, indexer: &Indexer, certificate: Option<&Certificate>, stop: &CancellationToken) -> JoinSet<()> {
        let mut running = JoinSet::new();
        for (Listen { transport, token, instance, rate_bytes, .. }, socket) in self.0 {
            let source = Arc::new(move || token.get());
            let syslog = Syslog::new(indexer.clone(), source, instance, rate_bytes, stop.clone());
            match socket {
                Socket::Datagrams(socket) => {
                    running.spawn(async move { syslog.datagrams(socket).await });
                }
                Socket::Stream(listener) => {
                    let certificate = certificate.filter(|_| transport == Transport::Tls).cloned();
                    running.spawn(accept(Door::new(Limited::new(listener, CONNECTIONS_MAX), certificate), syslog, stop.clone()));
                }
            }
        }
        running
    }
}

/// Takes connections, each on its own.
async fn accept(mut door: Door, syslog: Syslog, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            (stream, peer) = door.accept() => {
                let syslog = syslog.clone();
                connections.spawn(async move { syslog.stream(stream, peer).await });
            }
        }
    }
    while connections.join_next().await.is_some() {}
}
