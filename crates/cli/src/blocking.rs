//! Work that may block, beside the one thread that everything else is on.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::Builder;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long work that nobody wants any more may take to clear up, which takes it some milliseconds.
const CLEARING: Duration = Duration::from_secs(3);

/// Does work that may block, on a thread of its own; or here and now, where the system has no thread
/// to give: it may be a key that has to be somewhere.
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

/// Does work that may block, and waits for its result. Work that is not waited for to its end goes on
/// all the same, and ends with the program.
///
/// # Errors
///
/// If the work panics.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    start(move || drop(done.send(work())));
    result.await.map_err(|_| broke_down())
}

/// Like [`run`], for work that takes back what it has done where nobody wants its result. Whoever stops
/// waiting for it blocks until that is done, or for 3 s: the program may be about to end.
///
/// # Errors
///
/// If the work panics.
pub(crate) async fn run_to_its_end<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (running, over) = mpsc::channel();
    let _end = End { over };
    let (done, result) = oneshot::channel();
    start(move || {
        drop(done.send(work()));
        drop(running);
    });
    result.await.map_err(|_| broke_down())
}

/// Waits for the end of some work when it is dropped.
struct End {
    over: mpsc::Receiver<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        // Nothing is ever sent: the other end is dropped with the work.
        let _ = self.over.recv_timeout(CLEARING);
    }
}

fn broke_down() -> io::Error {
    io::Error::other("a part of the work broke down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_once_and_a_panic_in_it_is_an_error() {
        assert_eq!(run(|| 7).await.unwrap(), 7);
        assert!(run(|| panic!("a bug")).await.is_err());
        assert!(run_to_its_end(|| panic!("a bug")).await.is_err());
        let left = Mutex::new(Some(|| ()));
        once(&left);
        assert!(left.lock().unwrap().is_none());
    }

    /// What was made, until it is dropped.
    struct Trace(Arc<Mutex<bool>>);

    impl Drop for Trace {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = false;
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_has_cleared_up() {
        let (there, (go, gone)) = (Arc::new(Mutex::new(true)), mpsc::channel::<()>());
        let trace = Trace(Arc::clone(&there));
        let work = run_to_its_end(move || {
            let _ = gone.recv();
            trace
        });
        tokio::select! {
            biased;
            _ = work => panic!("it has not begun"),
            () = async { drop(go) } => {}
        }
        assert!(!*there.lock().unwrap());
    }
}
