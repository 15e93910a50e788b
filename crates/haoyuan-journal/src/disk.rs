//! The medium as the journal sees it: a folder of files, nothing more.
//!
//! Every operation that can fail or be lost in a crash goes through these two traits, so that the simulated disk can
//! fail or lose each of them.

use std::io;

/// A folder of files.
pub trait Disk: Send + Sync {
    /// Takes the folder's single-writer lock; it is released when the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] with the holder as its text if somebody else has it.
    fn lock(&self) -> io::Result<Box<dyn Lock>>;

    /// The names of the files, in any order.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that exists. `write` says whether it will be written to.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>>;

    /// Creates an empty file, or empties the one of that name.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Gives a file a new name, atomically; durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn sync_dir(&self) -> io::Result<()>;

    /// What to call the folder in messages.
    fn name(&self) -> String;
}

/// Holds the single-writer lock of a folder until it is dropped.
pub trait Lock: Send + Sync {}

/// One file of a folder.
#[expect(clippy::len_without_is_empty, reason = "no caller asks whether a file is empty")]
pub trait File: Send {
    /// Reads at most `into.len()` bytes from `offset`; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes at least one of the bytes at `offset` and says how many; durable only after [`File::sync_data`].
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Fills `from..to` with zeros that are truly written, so that a later write there changes no metadata. The
    /// range begins at the end of the file. Durable only after [`File::sync_data`].
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()>;

    /// Cuts the file; durable only after [`File::sync_data`].
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes everything written so far durable. A failure is final: what was written may be lost and must not be
    /// believed because a second attempt succeeds.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn sync_data(&mut self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn len(&self) -> io::Result<u64>;
}

/// Writes everything, however short the single writes are.
pub(crate) fn write_all(file: &mut dyn File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::WriteZero, "the medium took no bytes")),
            Ok(written) => {
                offset += written as u64;
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends; how much was read.
pub(crate) fn read_full(file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(offset + done as u64, &mut into[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
