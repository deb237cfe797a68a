//! The binary `martlog`, read aloud: what was typed is parsed, the program's own log is set up, one command runs, and its end
//! becomes an exit code: 0 fine, 1 findings or nothing found, 2 usage, 3 server.
//!
//! This is the only place that knows all parts; a command is a short file that turns arguments and the config file into the
//! options of a part and waits for it.

mod backup;
mod check;
mod cli;
mod client;
mod collect;
mod completions;
mod config;
mod connections;
mod demo;
mod logging;
mod memory;
mod outcome;
mod serve;
mod signals;

use clap::Parser as _;
use cli::{Cli, Command};
use outcome::{Failure, Outcome};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() -> ExitCode {
    memory::give_back_soon();
    let cli = Cli::parse();
    if matches!(cli.command, Command::Collect(_)) {
        memory::be_small();
    }
    let ended = logging::start(cli.command.kind(), cli.log_format).and_then(|()| run(cli.command));
    outcome::report(ended)
}

fn run(command: Command) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Server(format!("cannot start worker threads: {error}")))?;
    let ended = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Serve(args) => serve::run(config::serve(args)?).await,
            Command::Collect(mut args) => match args.explain.take() {
                Some(path) => collect::explain(&config::explain(args)?, &path),
                None => collect::run(config::collect(args)?).await,
            },
            Command::Check(args) => check::command(args),
            Command::Search(args) => client::search::run(args).await,
            Command::Stats(args) => client::stats::run(args).await,
            Command::Export(args) => client::export::run(args).await,
            Command::Tail(args) => client::tail::run(args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Admin(args) => client::admin::run(args).await,
        }
    });
    // What a command needs done it has waited for: a thread that idles in a blocking call does not hold the process up.
    runtime.shutdown_background();
    ended
}
