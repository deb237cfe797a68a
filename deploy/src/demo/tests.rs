//! The command's arguments, and its folder.

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    demo: DemoArgs,
}

fn args(line: &[&str]) -> Result<DemoArgs, String> {
    Line::try_parse_from(std::iter::once("demo").chain(line.iter().copied())).map(|line| line.demo).map_err(|error| error.to_string())
}

#[test]
fn wrong_arguments_are_told_what_to_write() {
    assert!(args(&["--listen", "0.0.0.0:80"]).unwrap_err().contains("loopback"));
    assert!(args(&["--start", "yesterday"]).unwrap_err().contains("RFC 3339"));
    assert!(args(&["--rate", "0"]).unwrap_err().contains("between 0.1 and 5000"));
    assert_eq!(args(&["--start", "2026-11-22T10:12:50Z"]).unwrap().start, Some(1_795_342_370_000_000_000));
}

#[test]
fn a_folder_of_another_seed_is_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    Simulation::new(5, None).save(dir.path()).unwrap();
    let data = dir.path().to_str().unwrap();
    let going_on = simulation(dir.path(), &args(&["--data", data]).unwrap()).unwrap();
    assert_eq!(going_on.seed, 5);
    let Err(Failure::Usage(text)) = simulation(dir.path(), &args(&["--data", data, "--seed", "6"]).unwrap()) else { panic!("mixed") };
    assert!(text.contains("of seed 5") && text.contains("--data"), "{text}");
}
