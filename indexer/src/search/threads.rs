//! One piece of work on several threads, and what they found put together.

use super::ticker::Halt;

/// Does the work on this thread and on so many others; `add` puts two results together. Whoever fails has to stop the others.
pub(super) fn all<T: Send>(
    others: usize,
    work: impl Fn() -> Result<T, Halt> + Sync,
    mut add: impl FnMut(T, T) -> Result<T, Halt>,
) -> Result<T, Halt> {
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            let other = other.join().unwrap_or_else(|_| Err(Halt::Store(std::io::Error::other("a search broke off: please report it"))));
            all = match (all, other) {
                (Ok(all), Ok(other)) => add(all, other),
                // What the first one says is why the others were stopped.
                (Err(Halt::Cancelled), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        all
    })
}
