//! The body of an answer, read up to a limit.

use crate::json::ValueEnd;
use crate::transport::{ResponseBody, TransportError};
use tokio::sync::MutexGuard;
use zeroize::Zeroizing;

/// The size, in bytes, from which a body is large. Large bodies are read one at a time.
const LARGE_BODY: usize = 256 * 1024;

/// Held while a large body is in memory.
pub(crate) type LargeBody = tokio::sync::Mutex<()>;

/// The body of an answer, which may hold a secret.
pub(crate) struct Body<'a> {
    /// `None` if it exceeds the limit.
    pub(crate) bytes: Option<Zeroizing<Vec<u8>>>,
    pub(crate) end: BodyEnd,
    /// The lock for large bodies, held as long as the body.
    pub(crate) large: Option<MutexGuard<'a, ()>>,
}

/// The reason why the body was not read any further.
pub(crate) enum BodyEnd {
    /// The body ended, or exceeds the limit.
    Reached,
    /// The JSON object is complete, and the end of the body has not been read.
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
        // The JSON object may end long before the body.
        None if object.is_some() => longest,
        None => return too_long,
    };
    // Locked before the memory is allocated, since the process keeps memory that is freed between other values.
    let mut large = if announced > LARGE_BODY { Some(lock.lock().await) } else { None };
    // Allocated once for the announced length, since a reallocation would leave a copy of a secret behind.
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

/// Reads the rest of an answer. Returns whether it ended without further content except blanks.
pub(crate) async fn ends_without_content(mut body: Box<dyn ResponseBody>) -> bool {
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) if chunk.trim_ascii().is_empty() => {}
            Ok(None) => return true,
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}
