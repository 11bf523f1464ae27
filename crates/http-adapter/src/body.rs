//! The body of an answer, read up to a limit.

use crate::json::ValueEnd;
use crate::transport::{ResponseBody, TransportError};
use tokio::sync::MutexGuard;
use zeroize::Zeroizing;

/// The size, in bytes, from which a body is large: of these, one is read at a time.
const LARGE_BODY: usize = 256 * 1024;

/// Held while a large body is in memory.
pub(crate) type LargeBody = tokio::sync::Mutex<()>;

/// The body of an answer, which may hold a secret.
pub(crate) struct Body<'a> {
    /// `None` if it exceeds the limit.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
    pub(crate) end: BodyEnd,
    /// The lock of a large body, to be kept as long as the body.
    pub(crate) large: Option<MutexGuard<'a, ()>>,
}

/// The reason why no more of a body was read.
pub(crate) enum BodyEnd {
    /// It has ended, or exceeds the limit.
    Reached,
    /// Its JSON object is complete, and its end has not been read.
    Ahead,
    /// The connection failed.
    Cut(TransportError),
}

/// Reads the body of an answer. Stops as soon as the body exceeds the limit, and, with `object`, as soon as
/// its JSON object is complete. `announced` is the length that the head of the answer states, or zero.
pub(crate) async fn read_body<'a>(
    body: &mut dyn ResponseBody,
    announced: u64,
    longest: usize,
    mut object: Option<ValueEnd>,
    lock: &'a LargeBody,
) -> Body<'a> {
    let too_long = Body { bytes: None, end: BodyEnd::Reached, large: None };
    let announced = match usize::try_from(announced).ok().filter(|length| *length <= longest) {
        Some(announced) => announced,
        // The object may end long before the body.
        None if object.is_some() => longest,
        None => return too_long,
    };
    // Before its memory is requested, since freed memory between other values stays with the process.
    let mut large = if announced > LARGE_BODY { Some(lock.lock().await) } else { None };
    // Not reallocated up to the announced length, which would leave a copy of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced));
    let end = loop {
        match body.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > longest => return too_long,
            Ok(Some(chunk)) => {
                if large.is_none() && bytes.len() + chunk.len() > LARGE_BODY {
                    large = Some(lock.lock().await);
                }
                let needed = bytes.len() + chunk.len();
                if needed > bytes.capacity() {
                    // While a body grows, the original and its copy are in memory. A large one grows once.
                    let capacity = if large.is_some() { longest } else { needed.max(2 * bytes.capacity()) };
                    let more = capacity - bytes.len();
                    bytes.reserve_exact(more);
                }
                bytes.extend_from_slice(&chunk);
                if object.as_mut().is_some_and(|object| object.is_in(&chunk)) {
                    break BodyEnd::Ahead;
                }
            }
            Ok(None) => break BodyEnd::Reached,
            Err(error) => break BodyEnd::Cut(error),
        }
    };
    Body { bytes: Some(bytes), end, large }
}

/// Reads the rest of an answer, and returns whether nothing but blanks and its end came.
pub(crate) async fn ends_without_content(mut body: Box<dyn ResponseBody>) -> bool {
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) if chunk.trim_ascii().is_empty() => {}
            Ok(None) => return true,
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}
