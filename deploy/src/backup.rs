//! `martlog backup DIR TO`: a consistent copy of a data folder, made while its server takes lines, or without one.
//!
//! A running server is asked for a snapshot (at `DIR/address`, with `DIR/staff.token`); a folder that no server holds is opened here, which gives the same. The files of the
//! snapshot are copied and synced, then the manifest `backup.json` is written: a folder without one is no backup. Restoring is copying back.
//!
//! Invariants: nothing is written over; a copy of a file has the hash of what was read; what was acknowledged before the command began is in the backup.

mod copy;
mod manifest;
mod source;

use crate::cli::BackupArgs;
use crate::config::units::ByteSize;
use crate::outcome::{Failure, Outcome};
use manifest::Manifest;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Runs the command.
pub(crate) async fn run(args: BackupArgs) -> Result<Outcome, Failure> {
    let Some(to) = &args.to else { return verify(args.dir).await };
    let manifest = make(&args.dir, to, args.token_file.as_deref()).await?;
    let bytes = manifest.files.iter().map(|file| file.bytes).sum::<u64>().next_multiple_of(1 << 20);
    writeln!(std::io::stdout().lock(), "{} files, {} in {}", manifest.files.len(), ByteSize(bytes), to.display())?;
    if args.verify { verify(to.clone()).await } else { Ok(Outcome::Fine) }
}

async fn make(dir: &Path, to: &Path, token_file: Option<&Path>) -> Result<Manifest, Failure> {
    if !dir.join("catalog.sqlite").is_file() {
        return Err(Failure::Usage(format!("{} is no data folder: name the one that `martlog serve --dir` has", dir.display())));
    }
    copy::make_target(to).map_err(Failure::Usage)?;
    let source = source::open(dir, token_file).await?;
    let (from, wanted, extra) = (source.folder.clone(), source.files.clone(), source::extra(dir));
    let target = to.to_owned();
    let copied = blocking(move || copy::all(&from, &wanted, &extra, &target)).await?;
    let files = copied.map_err(|error| Failure::Server(format!("{error}; {} is no backup, remove it", to.display())))?;
    let manifest = Manifest::new(source.epoch, source.lsn, files);
    source.close().await;
    manifest.write(to).map_err(|error| Failure::Server(format!("cannot write the manifest of {}: {error}", to.display())))?;
    Ok(manifest)
}

/// Says what is wrong with a backup, if anything is.
async fn verify(dir: PathBuf) -> Result<Outcome, Failure> {
    let shown = dir.display().to_string();
    let found = blocking(move || manifest::verify(&dir)).await?;
    let mut stdout = std::io::stdout().lock();
    match found {
        Ok(manifest) => {
            writeln!(stdout, "{shown} is whole: {} files as of {}", manifest.files.len(), manifest.made_at)?;
            Ok(Outcome::Fine)
        }
        Err(faults) => {
            faults.iter().try_for_each(|fault| writeln!(std::io::stderr().lock(), "martlog: {fault}"))?;
            Ok(Outcome::Findings)
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Server(format!("the backup broke off: {error}")))
}
