//! Blocking work on separate threads, so that it does not block an asynchronous runtime.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, SendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use tokio::sync::oneshot;

/// The time limit for abandoned work to clean up. It needs some milliseconds.
const CLEANUP: Duration = Duration::from_secs(3);

type Work = Box<dyn FnOnce() + Send>;

/// The threads that wait for work.
static READY: Mutex<Vec<mpsc::Sender<Work>>> = Mutex::new(Vec::new());

/// Starts a thread that waits for work, unless one is already waiting. The next work then needs no memory for a
/// thread: a key may have to be stored when the system has none left.
pub(crate) fn keep_one_ready() {
    if ready().is_empty() {
        let (hand_over, work) = mpsc::channel::<Work>();
        let myself = hand_over.clone();
        let serve = move || {
            while let Ok(work) = work.recv() {
                // The receiver of the result detects the panic.
                let _ = catch_unwind(AssertUnwindSafe(work));
                ready().push(myself.clone());
            }
        };
        if Builder::new().spawn(serve).is_ok() {
            ready().push(hand_over);
        }
    }
}

fn ready() -> MutexGuard<'static, Vec<mpsc::Sender<Work>>> {
    READY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs blocking work on a waiting thread or on a new one. If the system cannot start a thread, the work runs on the
/// calling thread, since it may have to store a key. The work is boxed so that the program contains this function
/// only once.
pub fn start(work: Work) {
    let waiting = ready().pop();
    let work = match waiting {
        None => work,
        Some(thread) => match thread.send(work) {
            Ok(()) => return,
            Err(SendError(work)) => work,
        },
    };
    let work = Arc::new(Mutex::new(Some(work)));
    let theirs = Arc::clone(&work);
    if Builder::new().spawn(move || once(&theirs)).is_err() {
        once(&work);
    }
}

/// Checks that the system can start a thread. The next thread can use the memory of this one.
///
/// # Errors
///
/// [`io::Error`] if the system cannot start a thread.
pub fn check() -> io::Result<()> {
    Builder::new().spawn(|| ()).map(|thread| drop(thread.join()))
}

fn once(work: &Mutex<Option<impl FnOnce()>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}

/// Runs blocking work on another thread, and returns its result. Dropping the future does not stop the work, which
/// continues until it is done or the program ends.
///
/// # Errors
///
/// [`io::Error`] if the work panics.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    start(Box::new(move || drop(done.send(work()))));
    result.await.map_err(|_| io::Error::other("a background task panicked"))
}

/// Runs blocking work like [`run`], if the work undoes itself when its result is dropped. Dropping the future blocks
/// until the work is undone, at most 3 s, since the program may be about to end.
///
/// # Errors
///
/// [`io::Error`] if the work panics.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (running, over) = mpsc::channel();
    let _end = End { over };
    // An abandoned pair is dropped in this order, so that the work is undone before its end is reported.
    let (result, _running) = run(move || (work(), running)).await?;
    Ok(result)
}

/// Waits for the end of the work on drop.
struct End {
    over: mpsc::Receiver<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        // Nothing is ever sent: the other end is dropped together with the work.
        let _ = self.over.recv_timeout(CLEANUP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[tokio::test]
    async fn work_is_done_once_and_a_panic_in_it_is_an_error() {
        assert_eq!(run(|| 7).await.unwrap(), 7);
        assert!(run(|| panic!("a bug")).await.is_err());
        assert!(run_to_completion(|| panic!("a bug")).await.is_err());
        let left = Mutex::new(Some(|| ()));
        once(&left);
        assert!(left.lock().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_thread_that_is_ready_takes_the_next_work_and_is_ready_again() {
        use std::thread::{current, yield_now};
        keep_one_ready();
        // A thread that runs only one task never repeats its id, so the loop ends only if a waiting thread is reused.
        // Other tests also use that thread, and it waits again shortly after its work.
        let mut seen = HashSet::new();
        while seen.insert(run(|| current().id()).await.unwrap()) {
            yield_now();
        }
    }

    /// A result that is undone on drop.
    struct Trace(Arc<Mutex<bool>>);

    impl Drop for Trace {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = false;
        }
    }

    #[tokio::test]
    async fn abandoned_work_has_cleaned_up() {
        let (there, (go, gone)) = (Arc::new(Mutex::new(true)), mpsc::channel::<()>());
        let trace = Trace(Arc::clone(&there));
        let work = run_to_completion(move || {
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
