//! The network: a namespace for the server and one for each node, with a link from each node to the server and one from the reader, who lives in the namespace of
//! this process.
//!
//! ```text
//! node-1  10.77.1.2 ── 10.77.1.1
//! node-2  10.77.2.2 ── 10.77.2.1   server
//! reader  10.77.0.2 ── 10.77.0.1
//! ```
//!
//! Everything goes with this process, which runs in network and mount namespaces of its own.

use std::path::Path;
use std::process::Command;

pub(crate) const SERVER: &str = "server";
pub(crate) const PORT: u16 = 8434;

/// What is cut of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The link is down.
    Both,
    /// The node's packets do not leave it.
    Requests,
    /// The server's packets to the node do not leave it: what it did is done, and nobody hears of it.
    Answers,
}

/// The name of a node's namespace, which is the node's own.
pub(crate) fn node(number: usize) -> String {
    format!("node-{number}")
}

/// Where the server is, seen from a node; 0 is the reader.
pub(crate) fn server_address(number: usize) -> String {
    format!("10.77.{number}.1:{PORT}")
}

/// Makes namespaces and links.
pub(crate) fn build(nodes: usize) {
    std::fs::create_dir_all("/run/netns").expect("/run/netns");
    run("mount", &["-t", "tmpfs", "tmpfs", "/run/netns"]);
    ip(&["link", "set", "lo", "up"]);
    ip(&["netns", "add", SERVER]);
    ip(&["-n", SERVER, "link", "set", "lo", "up"]);
    ip(&["link", "add", "link0", "type", "veth", "peer", "name", "link0", "netns", SERVER]);
    ip(&["address", "add", "10.77.0.2/30", "dev", "link0"]);
    ip(&["link", "set", "link0", "up"]);
    ip(&["-n", SERVER, "address", "add", "10.77.0.1/30", "dev", "link0"]);
    ip(&["-n", SERVER, "link", "set", "link0", "up"]);
    for number in 1..=nodes {
        let (name, link) = (node(number), format!("link{number}"));
        ip(&["netns", "add", &name]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        ip(&["-n", &name, "link", "add", &link, "type", "veth", "peer", "name", &link, "netns", SERVER]);
        for (space, host) in [(name.as_str(), 2), (SERVER, 1)] {
            ip(&["-n", space, "address", "add", &format!("10.77.{number}.{host}/30"), "dev", &link]);
            ip(&["-n", space, "link", "set", &link, "up"]);
        }
    }
}

/// Cuts a node's link.
pub(crate) fn cut(number: usize, cut: Cut) {
    let name = node(number);
    match cut {
        Cut::Both => ip(&["-n", &name, "link", "set", &format!("link{number}"), "down"]),
        Cut::Requests => ip(&["-n", &name, "route", "add", "blackhole", &format!("10.77.{number}.1/32")]),
        Cut::Answers => ip(&["-n", SERVER, "route", "add", "blackhole", &format!("10.77.{number}.2/32")]),
    }
}

/// Mends it.
pub(crate) fn mend(number: usize, cut: Cut) {
    let name = node(number);
    match cut {
        Cut::Both => ip(&["-n", &name, "link", "set", &format!("link{number}"), "up"]),
        Cut::Requests => ip(&["-n", &name, "route", "del", "blackhole", &format!("10.77.{number}.1/32")]),
        Cut::Answers => ip(&["-n", SERVER, "route", "del", "blackhole", &format!("10.77.{number}.2/32")]),
    }
}

/// A program in a namespace: the process becomes it, so signals reach it.
pub(crate) fn within(space: &str, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{space}")).arg(program);
    command
}

fn ip(args: &[&str]) {
    run("ip", args);
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    assert!(done.status.success(), "{program} {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr));
}
