//! A simulated disk: everything a medium may do to a journal, deterministic by seed.
//!
//! Invariant: after [`SimDisk::crash`] a byte has either its last synced value or the value of a later unsynced write;
//! a name refers to what it did at the last sync of the folder or to what an unsynced operation made of it. Nothing
//! else is guaranteed, and everything that is not guaranteed happens for some seed.
//!
//! What is lost may be any subset of the unsynced writes, by sectors of 512 bytes and one torn sector between; any
//! subset of unsynced names; and after a sync that failed, what it covered is lost or not while readers still see it
//! and later syncs succeed.

use crate::disk::{Disk, File, Lock};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

const SECTOR: u64 = 512;

/// What goes wrong, and when. Operations are counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The machine stops at this operation, which may have happened or not; all later ones fail.
    pub crash_at: Option<u64>,
    /// This write fails, with some of its bytes written.
    pub fail_write: Option<u64>,
    /// This sync (of a file or of the folder) fails.
    pub fail_sync: Option<u64>,
    /// This operation, of whatever kind, fails.
    pub fail_operation: Option<u64>,
    /// Writes take fewer bytes than they are given.
    pub short_writes: bool,
    /// The disk is full at so many bytes.
    pub capacity: Option<u64>,
}

/// What of the unsynced is still there after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// A subset, by this seed: sectors in any order, one torn, names lost.
    Some(u64),
    /// Everything, but of the last write only its first bytes.
    TornAfter(usize),
    /// Everything, but of the last write only what follows its first bytes.
    TornBefore(usize),
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate(u64),
}

#[derive(Clone)]
enum Naming {
    Set { name: String, file: usize },
    Rename { from: String, to: String, file: usize },
    Remove { name: String },
}

#[derive(Clone, Default)]
struct Inode {
    /// What a reader sees.
    seen: Vec<u8>,
    /// What is on the medium for certain.
    durable: Vec<u8>,
    pending: Vec<Change>,
}

struct Inner {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    inodes: Vec<Inode>,
    faults: Faults,
    random: Random,
    operations: u64,
    writes: u64,
    syncs: u64,
    stopped: bool,
    locked: bool,
}

/// A folder that exists in memory only.
#[derive(Clone)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

/// `SplitMix64`.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// In `0..bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("a simulated file fits into memory")
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: new } => {
            let (from, to) = (index(*offset), index(*offset) + new.len());
            if bytes.len() < to {
                bytes.resize(to, 0);
            }
            bytes[from..to].copy_from_slice(new);
        }
        Change::Truncate(length) => bytes.truncate(index(*length)),
    }
}

fn apply_name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Set { name, file } => drop(names.insert(name.clone(), *file)),
        Naming::Rename { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Naming::Remove { name } => drop(names.remove(name)),
    }
}

/// What a subset of the pending changes leaves of a file.
fn survive(inode: &Inode, random: &mut Random) -> Vec<u8> {
    let mut bytes = inode.durable.clone();
    for change in &inode.pending {
        match change {
            Change::Truncate(_) => {
                if random.coin() {
                    apply(&mut bytes, change);
                }
            }
            Change::Write { offset, bytes: new } => {
                let mut at = 0;
                while at < new.len() {
                    let sector_end = (offset + at as u64) / SECTOR * SECTOR + SECTOR - offset;
                    let to = new.len().min(index(sector_end));
                    // A third of the sectors is lost, a third is there, a third is torn within.
                    let kept = match random.below(3) {
                        0 => at..at,
                        1 => at..to,
                        _ => {
                            let tear = at + random.below(to - at + 1);
                            if random.coin() { at..tear } else { tear..to }
                        }
                    };
                    if !kept.is_empty() {
                        let offset = offset + kept.start as u64;
                        apply(&mut bytes, &Change::Write { offset, bytes: new[kept].to_vec() });
                    }
                    at = to;
                }
            }
        }
    }
    bytes
}

fn error(kind: io::ErrorKind, text: &str) -> io::Error {
    io::Error::new(kind, text)
}

impl Inner {
    /// Counts an operation; an error if it must not happen.
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.stopped {
            return Err(error(io::ErrorKind::Other, "the machine has stopped"));
        }
        if self.faults.fail_operation == Some(self.operations) {
            return Err(error(io::ErrorKind::Other, "simulated input/output error"));
        }
        Ok(())
    }

    /// After an operation that changed something: whether the machine stops in it.
    fn stop(&mut self) -> io::Result<()> {
        if self.faults.crash_at == Some(self.operations) {
            self.stopped = true;
            return Err(error(io::ErrorKind::Other, "the machine stops"));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| error(io::ErrorKind::NotFound, "no such file"))
    }

    fn naming(&mut self, naming: Naming) -> io::Result<()> {
        apply_name(&mut self.names, &naming);
        self.pending_names.push(naming);
        self.stop()
    }

    fn change(&mut self, file: usize, change: Change) {
        apply(&mut self.inodes[file].seen, &change);
        self.inodes[file].pending.push(change);
    }

    /// A write of all of these bytes, or of some.
    fn write(&mut self, file: usize, offset: u64, bytes: &[u8], may_be_short: bool) -> io::Result<usize> {
        self.operation()?;
        self.writes += 1;
        if self.faults.fail_write == Some(self.writes) {
            let part = self.random.below(bytes.len());
            self.change(file, Change::Write { offset, bytes: bytes[..part].to_vec() });
            return Err(error(io::ErrorKind::Other, "simulated write error"));
        }
        let mut taken = bytes.len();
        if self.faults.short_writes && may_be_short {
            taken = 1 + self.random.below(bytes.len());
        }
        if let Some(capacity) = self.faults.capacity {
            let used: usize = self.names.values().map(|file| self.inodes[*file].seen.len()).sum();
            let grown = (index(offset) + taken).saturating_sub(self.inodes[file].seen.len());
            let room = index(capacity).saturating_sub(used);
            if grown > room {
                taken = taken.saturating_sub(grown - room);
                if taken == 0 || !may_be_short {
                    return Err(error(io::ErrorKind::StorageFull, "no space left on device"));
                }
            }
        }
        self.change(file, Change::Write { offset, bytes: bytes[..taken].to_vec() });
        self.stop()?;
        Ok(taken)
    }
}

impl SimDisk {
    /// An empty folder.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(BTreeMap::new(), Vec::new(), seed)
    }

    fn with(names: BTreeMap<String, usize>, inodes: Vec<Inode>, seed: u64) -> Self {
        let inner = Inner {
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            inodes,
            faults: Faults::default(),
            random: Random(seed),
            operations: 0,
            writes: 0,
            syncs: 0,
            stopped: false,
            locked: false,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// What goes wrong from now on. The operations are counted from here.
    pub fn set_faults(&self, faults: Faults) {
        let mut inner = self.inner.lock();
        inner.faults = faults;
        (inner.operations, inner.writes, inner.syncs) = (0, 0, 0);
    }

    /// How many operations there were: all, writes, syncs.
    #[must_use]
    pub fn operations(&self) -> (u64, u64, u64) {
        let inner = self.inner.lock();
        (inner.operations, inner.writes, inner.syncs)
    }

    /// How many bytes the last unsynced write has; 0 if there is none.
    #[must_use]
    pub fn last_write(&self) -> usize {
        let inner = self.inner.lock();
        inner
            .inodes
            .iter()
            .filter_map(|inode| match inode.pending.last() {
                Some(Change::Write { bytes, .. }) => Some(bytes.len()),
                _ => None,
            })
            .max()
            .unwrap_or(0)
    }

    /// The disk as it is after a power failure now. This one stays as it is.
    #[must_use]
    pub fn crash(&self, survival: Survival) -> Self {
        let inner = self.inner.lock();
        let mut random = Random(if let Survival::Some(seed) = survival { seed } else { 0 });
        let mut names = inner.durable_names.clone();
        for naming in &inner.pending_names {
            let kept = match survival {
                Survival::Nothing => false,
                Survival::Everything | Survival::TornAfter(_) | Survival::TornBefore(_) => true,
                Survival::Some(_) => random.coin(),
            };
            if kept {
                apply_name(&mut names, naming);
            }
        }
        let inodes = inner
            .inodes
            .iter()
            .map(|inode| {
                let bytes = match survival {
                    Survival::Nothing => inode.durable.clone(),
                    // Not what is seen: after a sync that failed, readers see what may not be there.
                    Survival::Everything => whole(inode, inode.pending.len()),
                    Survival::Some(_) => survive(inode, &mut random),
                    Survival::TornAfter(at) | Survival::TornBefore(at) => torn(inode, survival, at),
                };
                Inode { seen: bytes.clone(), durable: bytes, pending: Vec::new() }
            })
            .collect();
        Self::with(names, inodes, random.next())
    }

    /// The disk as the next process finds it when only the process died: nothing unsynced is lost, and it is still
    /// unsynced.
    #[must_use]
    pub fn restart(&self) -> Self {
        let inner = self.inner.lock();
        let disk = Self::with(inner.names.clone(), inner.inodes.clone(), inner.random.0);
        {
            let mut new = disk.inner.lock();
            new.durable_names.clone_from(&inner.durable_names);
            new.pending_names.clone_from(&inner.pending_names);
        }
        disk
    }

    /// The bytes of a file, as a reader sees them.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner.lock();
        inner.names.get(name).map(|file| inner.inodes[*file].seen.clone())
    }

    /// Puts a file there, durable at once: what somebody may do to a journal behind its back.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let mut inner = self.inner.lock();
        let file = inner.inodes.len();
        inner.inodes.push(Inode { seen: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() });
        inner.names.insert(name.to_owned(), file);
        inner.durable_names.insert(name.to_owned(), file);
    }

    /// Takes a file away, durable at once.
    pub fn take(&self, name: &str) {
        let mut inner = self.inner.lock();
        inner.names.remove(name);
        inner.durable_names.remove(name);
    }

    /// An independent copy of what is seen, durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new(0);
        let inner = self.inner.lock();
        for (name, file) in &inner.names {
            copy.place(name, &inner.inodes[*file].seen);
        }
        copy
    }
}

fn whole(inode: &Inode, changes: usize) -> Vec<u8> {
    let mut bytes = inode.durable.clone();
    inode.pending[..changes].iter().for_each(|change| apply(&mut bytes, change));
    bytes
}

fn torn(inode: &Inode, survival: Survival, at: usize) -> Vec<u8> {
    let Some((Change::Write { offset, bytes: new }, _)) = inode.pending.split_last() else {
        return whole(inode, inode.pending.len());
    };
    let mut bytes = whole(inode, inode.pending.len() - 1);
    let at = at.min(new.len());
    let kept = if matches!(survival, Survival::TornAfter(_)) { 0..at } else { at..new.len() };
    if !kept.is_empty() {
        apply(&mut bytes, &Change::Write { offset: offset + kept.start as u64, bytes: new[kept].to_vec() });
    }
    bytes
}

struct Held(Arc<Mutex<Inner>>);

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

impl Disk for SimDisk {
    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        if std::mem::replace(&mut inner.locked, true) {
            return Err(error(io::ErrorKind::WouldBlock, "this process, a simulated folder"));
        }
        Ok(Box::new(Held(Arc::clone(&self.inner))))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        Ok(inner.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<Box<dyn File>> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        let file = inner.find(name)?;
        Ok(Box::new(SimFile { disk: self.clone(), file }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        let file = inner.inodes.len();
        inner.inodes.push(Inode::default());
        inner.naming(Naming::Set { name: name.to_owned(), file })?;
        Ok(Box::new(SimFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        let file = inner.find(from)?;
        inner.naming(Naming::Rename { from: from.to_owned(), to: to.to_owned(), file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        inner.find(name)?;
        inner.naming(Naming::Remove { name: name.to_owned() })
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        inner.syncs += 1;
        let failed = inner.faults.fail_sync == Some(inner.syncs);
        // A machine that stops in a sync may have done all of it, or any part.
        if failed || inner.faults.crash_at == Some(inner.operations) {
            let mut random = inner.random.clone();
            let mut kept = std::mem::take(&mut inner.pending_names);
            kept.retain(|_| random.coin());
            inner.random = random;
            for naming in &kept {
                apply_name(&mut inner.durable_names, naming);
            }
            inner.stop()?;
            return Err(error(io::ErrorKind::Other, "simulated sync error"));
        }
        inner.pending_names.clear();
        inner.durable_names = inner.names.clone();
        Ok(())
    }

    fn name(&self) -> String {
        "simulated folder".to_owned()
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl File for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.disk.inner.lock();
        inner.operation()?;
        let seen = &inner.inodes[self.file].seen;
        let rest = seen.get(index(offset)..).unwrap_or(&[]);
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.disk.inner.lock().write(self.file, offset, bytes, true)
    }

    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; index(to.saturating_sub(from))];
        self.disk.inner.lock().write(self.file, from, &zeros, false).map(drop)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.operation()?;
        inner.change(self.file, Change::Truncate(length));
        inner.stop()
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.operation()?;
        inner.syncs += 1;
        let failed = inner.faults.fail_sync == Some(inner.syncs);
        if failed || inner.faults.crash_at == Some(inner.operations) {
            let mut random = inner.random.clone();
            let inode = &mut inner.inodes[self.file];
            // Some of it got through. What did not is forgotten: a later sync will not write it.
            inode.durable = survive(inode, &mut random);
            inode.pending.clear();
            inner.random = random;
            inner.stop()?;
            return Err(error(io::ErrorKind::Other, "simulated sync error"));
        }
        let inode = &mut inner.inodes[self.file];
        // What is seen may contain what a failed sync forgot; only what is pending is written now.
        let pending = std::mem::take(&mut inode.pending);
        for change in &pending {
            apply(&mut inode.durable, change);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut inner = self.disk.inner.lock();
        inner.operation()?;
        Ok(inner.inodes[self.file].seen.len() as u64)
    }
}
