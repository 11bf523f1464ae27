//! Work that may block, beside the one thread that everything else is on.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use tokio::sync::oneshot;

/// Does the work on a thread of its own; or here and now, where the system has no thread to give:
/// it may be a key that has to be somewhere.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) {
    let work = Arc::new(Mutex::new(Some(work)));
    let theirs = Arc::clone(&work);
    if Builder::new().spawn(move || once(&theirs)).is_err() {
        once(&work);
    }
}

fn once(work: &Mutex<Option<impl FnOnce()>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}

/// The same for work that is waited for. Where it is not waited for to its end, it goes on all the
/// same, and ends with the program.
///
/// # Errors
///
/// If it panics.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    start(move || drop(done.send(work())));
    result.await.map_err(|_| io::Error::other("a part of the work broke down"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_once_and_a_panic_in_it_is_an_error() {
        assert_eq!(run(|| 7).await.unwrap(), 7);
        assert!(run(|| panic!("a bug")).await.is_err());
        let left = Mutex::new(Some(|| ()));
        once(&left);
        assert!(left.lock().unwrap().is_none());
    }
}
