//! What the visitor is told first: where to look, with which token, and what to ask.

use super::Places;
use super::calendar::Calendar;
use super::examples::examples;
use super::feed::Simulation;
use super::people::Tokens;
use super::time::{MINUTE, rfc3339_ms};
use super::world::{MODULES, PARTNERS, World};
use std::io::{self, Write};

/// What the greeting is made of.
pub(super) struct Greeting<'a> {
    pub(super) url: &'a str,
    pub(super) places: &'a Places,
    pub(super) tokens: &'a Tokens,
    pub(super) simulation: &'a Simulation,
    pub(super) world: &'a World,
    pub(super) rate: f64,
}

/// Writes it.
///
/// # Errors
/// When nobody reads it.
pub(super) fn greet(out: &mut impl Write, greeting: &Greeting<'_>) -> io::Result<()> {
    let Greeting { url, places, tokens, simulation, world, rate } = greeting;
    writeln!(out, "listening on {url}\n")?;
    writeln!(out, "Open {url} and sign in with one of these tokens:\n")?;
    writeln!(out, "  {:<57} {}", "staff, sees everything", tokens.staff)?;
    for (id, name) in PARTNERS {
        let modules: Vec<&str> = MODULES.iter().filter(|module| module.partner == id).map(|module| module.id).collect();
        let token = tokens.partners.get(id).map_or("", String::as_str);
        writeln!(out, "  {:<57} {token}", format!("{name}: {}", modules.join(", ")))?;
    }
    let now = simulation.now_ns();
    let calendar = Calendar { start_ns: simulation.start_ns };
    writeln!(out, "\nAs staff, search for\n")?;
    for example in examples(world, calendar, simulation.seed, *rate, now) {
        writeln!(out, "  {:<45} {}", example.query, example.shows)?;
    }
    writeln!(out, "  {:<45} a pod that belongs to nobody", "in:quarantine")?;
    writeln!(out, "\nor from a terminal\n")?;
    let token_file = places.server.join("staff.token");
    writeln!(out, "  martlog search 'csp:434 level>=warn' --server {url} --token-file {}\n", token_file.display())?;
    if !(-MINUTE..=MINUTE).contains(&(simulation.behind_ns())) {
        writeln!(out, "The simulated clock says {}: choose the time range of a search by it.", rfc3339_ms(now))?;
    }
    writeln!(
        out,
        "{} pods print about {rate} lines a second below {} (seed {}); two hours of history come first. Ctrl-C stops.",
        world.pods.len(),
        places.pods.display(),
        simulation.seed
    )?;
    out.flush()
}
