//! The real medium: a folder of the file system.
//!
//! Invariant: what `sync_data` and `sync_dir` return `Ok` for has been handed to the device with a flush
//! (`fdatasync`, and `fsync` of the folder where the system has it).

use crate::direct::Direct;
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
        Ok(Box::new(Plain::new(file)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        Ok(Box::new(Plain::new(file)))
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

/// How a file is written.
enum Way {
    /// Through the system's page cache, as all files are until something is preallocated.
    Cached,
    /// Past it: a file that is preallocated is a log, and nobody reads that soon.
    Direct(Direct),
    /// Through the cache, because the file system knows nothing else.
    OnlyCached,
}

struct Plain {
    file: fs::File,
    way: Way,
}

impl Plain {
    const fn new(file: fs::File) -> Self {
        Self { file, way: Way::Cached }
    }

    /// Does it past the cache; `None` if this file is written through it.
    fn past_the_cache<R>(
        &mut self,
        act: impl FnOnce(&mut Direct, &fs::File) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        let Way::Direct(direct) = &mut self.way else { return None };
        let done = act(direct, &self.file);
        // The file system took the flag and does not keep to it, or asks for larger blocks.
        if done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput) {
            Direct::end(&self.file);
            self.way = Way::OnlyCached;
            return None;
        }
        Some(done)
    }
}

impl File for Plain {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match self.way {
            Way::Direct(_) => Direct::read_at(&self.file, offset, into),
            Way::Cached | Way::OnlyCached => read_there(&self.file, offset, into),
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let past = self.past_the_cache(|direct, file| direct.write_at(file, offset, bytes));
        past.unwrap_or_else(|| write_there(&self.file, offset, bytes))
    }

    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()> {
        // Written zeros, not reserved space: an extent that was only reserved costs a metadata commit at its first
        // write, which is what preallocation is there to avoid.
        if matches!(self.way, Way::Cached) {
            self.way = Direct::begin(&self.file)?.map_or(Way::OnlyCached, Way::Direct);
        }
        if let Some(done) = self.past_the_cache(|direct, file| direct.zero(file, from, to)) {
            return done;
        }
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
        if let Way::Direct(direct) = &mut self.way {
            direct.cut(length);
        }
        self.file.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Reads at an offset; 0 at the end.
pub(crate) fn read_there(file: &fs::File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, into, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, into, offset);
}

/// Writes at an offset.
pub(crate) fn write_there(file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{read_full, write_all};
    use proptest::prelude::*;

    /// What may be asked of a file that is preallocated.
    #[derive(Clone, Debug)]
    enum Act {
        Write(usize, Vec<u8>),
        Preallocate(usize),
        Truncate(usize),
        Sync,
    }

    fn act() -> impl Strategy<Value = Act> {
        let bytes = (1_u8..=255, prop_oneof![1_usize..200, 4_000_usize..4_200, 1_usize..20_000]);
        let bytes = bytes.prop_map(|(byte, length)| vec![byte; length]);
        prop_oneof![
            6 => (0_usize..40_000, bytes).prop_map(|(at, bytes)| Act::Write(at, bytes)),
            2 => (1_usize..20_000).prop_map(Act::Preallocate),
            1 => (0_usize..40_000).prop_map(Act::Truncate),
            1 => Just(Act::Sync),
        ]
    }

    /// Does all of it to a file and to a list of bytes; the file may end in zeros that the list has not, up to its block.
    fn same(acts: &[Act], way: Way) -> Result<(), TestCaseError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        let file =
            fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("a file");
        let (mut file, mut model) = (Plain { file, way }, Vec::<u8>::new());
        for act in acts {
            match act {
                Act::Write(at, bytes) => {
                    // Where it goes on, as often as anywhere else.
                    let at = if at % 2 == 0 { model.len() } else { *at };
                    write_all(&mut file, at as u64, bytes).expect("the disk works");
                    model.resize(model.len().max(at + bytes.len()), 0);
                    model[at..at + bytes.len()].copy_from_slice(bytes);
                }
                Act::Preallocate(more) => {
                    let end = model.len() + more;
                    file.preallocate(model.len() as u64, end as u64).expect("the disk works");
                    model.resize(end, 0);
                }
                Act::Truncate(to) => {
                    let to = model.len().min(*to);
                    file.truncate(to as u64).expect("the disk works");
                    model.truncate(to);
                }
                Act::Sync => file.sync_data().expect("the disk works"),
            }
            let mut found = fs::read(&path).expect("the file is there");
            prop_assert!(found.len() >= model.len() && found.len() < model.len() + 4_096, "{}", found.len());
            prop_assert!(
                found[model.len()..].iter().all(|byte| *byte == 0),
                "something else than zeros behind"
            );
            found.truncate(model.len());
            prop_assert!(found == model, "after {act:?}");
            let from = model.len() / 3;
            let mut own = vec![0; model.len() - from];
            prop_assert_eq!(read_full(&file, from as u64, &mut own).expect("the disk works"), own.len());
            prop_assert!(own == model[from..], "read by itself");
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn past_the_cache_and_through_it_a_file_has_what_was_written(acts in prop::collection::vec(act(), 1..30)) {
            same(&acts, Way::Cached)?;
            same(&acts, Way::OnlyCached)?;
        }
    }

    #[test]
    fn a_file_system_that_takes_no_direct_write_is_written_through_its_cache() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = Folder::open(folder.path()).expect("it is there");
        let path = folder.path().join("file");
        let file =
            fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("a file");
        let mut file = Plain::new(file);
        file.preallocate(0, 10_000).expect("the disk works");
        file.write_at(0, b"before").expect("the disk works");
        if matches!(file.way, Way::Direct(_)) {
            let turned_away =
                file.past_the_cache(|_, _| io::Result::<()>::Err(io::ErrorKind::InvalidInput.into()));
            assert!(turned_away.is_none(), "it is asked again through the cache");
        }
        assert!(matches!(file.way, Way::OnlyCached));
        // Neither begins nor ends with a block, from memory that does not either.
        file.write_at(6, b" and after").expect("through the cache");
        file.preallocate(12_288, 20_000).expect("through the cache");
        let found = disk.open("file", false).expect("it is there");
        let mut start = [0; 16];
        assert_eq!(read_full(&*found, 0, &mut start).expect("the disk works"), 16);
        assert_eq!(&start, b"before and after");
        assert_eq!(found.len().expect("the disk works"), 20_000);
    }
}
