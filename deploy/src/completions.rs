//! `martlog completions`: a script for a shell, made from the same definition of commands and flags that parses them.

use crate::cli::{Cli, CompletionsArgs, Shell};
use crate::outcome::{Failure, Outcome};
use clap::CommandFactory as _;
use std::io::Write as _;

/// Runs the command.
pub(crate) fn run(args: &CompletionsArgs) -> Result<Outcome, Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&script(args.shell))?;
    stdout.flush()?;
    Ok(Outcome::Fine)
}

/// Made in memory: writing to a pipe that nobody reads is no failure of this program.
fn script(shell: Shell) -> Vec<u8> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "martlog", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_knows_the_commands_and_their_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for word in ["martlog", "export", "token-file", "quarantine", "ndjson"] {
                assert!(script.contains(word), "{shell:?} does not know {word}");
            }
        }
    }
}
