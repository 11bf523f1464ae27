//! Writes to a stream whose terminal or reader may block the program.

use std::io;

/// Returns the text, without colors unless `choice` permits them.
pub(crate) fn styled(choice: anstream::ColorChoice, text: &str) -> Vec<u8> {
    let mut shown = anstream::AutoStream::new(Vec::new(), choice);
    let _ = io::Write::write_all(&mut shown, text.as_bytes());
    shown.into_inner()
}

/// Writes these bytes. Waits until the stream takes them, even if the stream is nonblocking, and until a terminal
/// permits writes from the background.
///
/// # Errors
///
/// [`io::Error`] if the stream fails, or is not open for writing.
#[cfg(unix)]
pub fn write_all(stream: impl std::os::fd::AsFd, mut bytes: &[u8]) -> io::Result<()> {
    use crate::foreground::{GLANCE, forbids_writes};
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::{Errno, write};
    while !bytes.is_empty() {
        if forbids_writes(&stream) {
            std::thread::park_timeout(GLANCE);
            continue;
        }
        match write(&stream, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stream, PollFlags::OUT)], None)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes these bytes.
///
/// # Errors
///
/// [`io::Error`] if the stream fails.
#[cfg(not(unix))]
pub fn write_all(mut stream: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_stream_that_does_not_block_is_waited_for() {
        let (mut reader, mut stream) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut filled = 0;
        while let Ok(written) = stream.write(&[b' '; 4096]) {
            filled += written;
        }
        let writing = std::thread::spawn(move || write_all(&stream, b"the end").unwrap());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        writing.join().unwrap();
        assert_eq!(&text[filled..], "the end");
    }

    #[test]
    fn a_stream_that_is_not_for_writing_is_an_error() {
        assert!(write_all(std::fs::File::open("/dev/null").unwrap(), b"x").is_err());
    }
}
