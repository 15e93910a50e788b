//! The real medium: a folder of the file system.
//!
//! Invariant: what `sync_data` and `sync_dir` return `Ok` for has been handed to the device with a flush
//! (`fdatasync`, and `fsync` of the folder where the system has it).

use crate::disk::{Disk, File, Lock};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The file whose lock makes its holder the only writer.
const LOCK_NAME: &str = "LOCK";
/// How much is zeroed by one system call.
const ZEROS: usize = 1 << 20;

/// A folder of the file system.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which must exist.
    ///
    /// # Errors
    ///
    /// If there is no folder there.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        if fs::metadata(path)?.is_dir() {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder"))
        }
    }

    /// The folder at `path`, which is created (and its name made durable) if it does not exist.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        if !path.exists() {
            fs::create_dir_all(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_folder(parent)?;
            }
        }
        Self::open(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

struct Held(#[expect(dead_code, reason = "the lock lives as long as the open file")] fs::File);

impl Lock for Held {}

impl Disk for Folder {
    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        let path = self.path.join(LOCK_NAME);
        let mut file =
            fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {
                // A note for whoever comes second; that it is there proves nothing, the lock does.
                file.set_len(0)?;
                write!(file, "process {}", std::process::id())?;
                Ok(Box::new(Held(file)))
            }
            Err(fs4::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                if file.take(64).read_to_string(&mut holder).is_err() || holder.is_empty() {
                    "by an unknown process".clone_into(&mut holder);
                }
                Err(io::Error::new(io::ErrorKind::WouldBlock, format!("{holder}, folder `{}`", self.name())))
            }
            Err(fs4::TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().read(true).write(write).open(self.path.join(name))?;
        Ok(Box::new(Plain { file }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        Ok(Box::new(Plain { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Elsewhere a folder cannot be opened for a sync, and the file system journals its names itself.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as where it can fail")]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

struct Plain {
    file: fs::File,
}

impl File for Plain {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, into, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, into, offset)
    }

    #[cfg(unix)]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.file, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.file, bytes, offset)
    }

    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()> {
        // Written zeros, not reserved space: an extent that was only reserved costs a metadata commit at its first
        // write, which is what preallocation is there to avoid.
        let zeros = vec![0; ZEROS.min(usize::try_from(to.saturating_sub(from)).unwrap_or(ZEROS))];
        let mut at = from;
        while at < to {
            let step = usize::try_from(to - at).unwrap_or(ZEROS).min(zeros.len());
            crate::disk::write_all(self, at, &zeros[..step])?;
            at += step as u64;
        }
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}
