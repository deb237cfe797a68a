//! Listening on an address, and the sentence when that cannot be.

use crate::outcome::Failure;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::{TcpListener, UdpSocket};

/// Binds; the address that came out (port 0 becomes a real one) and the listener.
pub(crate) async fn bind(wanted: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let explain = |error: std::io::Error| Failure::Server(sentence(wanted, flag, &error));
    let listener = TcpListener::bind(wanted).await.map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;
    Ok((listener, address))
}

/// The same for datagrams.
pub(crate) async fn bind_datagrams(wanted: SocketAddr, flag: &str) -> Result<(UdpSocket, SocketAddr), Failure> {
    let explain = |error: std::io::Error| Failure::Server(sentence(wanted, flag, &error));
    let socket = UdpSocket::bind(wanted).await.map_err(explain)?;
    let address = socket.local_addr().map_err(explain)?;
    Ok((socket, address))
}

fn sentence(wanted: SocketAddr, flag: &str, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("another program listens there: stop it, or choose another address with {flag} (port 0 takes a free one)")
        }
        ErrorKind::AddrNotAvailable => format!("this machine does not have that address: choose one that it has with {flag}"),
        ErrorKind::PermissionDenied => format!("that needs privileges: choose a port from 1024 on with {flag}"),
        _ => format!("{error}: choose another address with {flag}"),
    };
    format!("cannot listen on {wanted}: {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_occupied_port_is_one_sentence_that_says_what_to_do() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (_held, address) = bind(any, "--listen").await.unwrap();
        assert_ne!(address.port(), 0);
        let Err(Failure::Server(text)) = bind(address, "--listen").await else { panic!("bound twice") };
        assert_eq!(
            text,
            format!(
                "cannot listen on {address}: another program listens there: stop it, or choose another address with --listen (port 0 takes a free one)"
            )
        );
    }
}
