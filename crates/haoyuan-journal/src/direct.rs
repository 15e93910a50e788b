//! Writes that go to the device without being copied into the system's page cache.
//!
//! Nobody reads a segment soon after it was written, and a page that is new to the cache has to be found and filled, which
//! takes the processors from those who decide. What is durable, and when, is the same: both write whole blocks, and
//! `fdatasync` flushes the device.
//!
//! Invariant: bytes beside those that were asked for keep their value, although whole blocks are written. The block that
//! the last write ended in is kept, so that the next write, which begins there, need not read it.

use crate::folder::{read_there, write_there};
use std::fs;
use std::io;

/// What memory, offsets and lengths are multiples of: the largest that devices ask for.
const BLOCK: usize = 4_096;
/// So much is written at a time at most.
const MOST: usize = 4 << 20;

/// A file that is written past the cache.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    stage: Stage,
    /// The block that the last write ended in, and its offset.
    edge: Option<(u64, Vec<u8>)>,
    /// Up to where there may be something else than zeros.
    written: u64,
}

/// Memory that begins at a multiple of [`BLOCK`], wherever the allocator puts it.
#[derive(Debug, Default)]
struct Stage(Vec<u8>);

impl Stage {
    /// The first `length` bytes; what is in them is what was there.
    fn of(&mut self, length: usize) -> &mut [u8] {
        if self.0.len() < length + BLOCK {
            self.0 = vec![0; length.next_power_of_two() + BLOCK];
        }
        let skip = self.0.as_ptr().align_offset(BLOCK);
        &mut self.0[skip..skip + length]
    }
}

impl Direct {
    /// Turns this file into one; `None` if its file system cannot do that.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn begin(file: &fs::File) -> io::Result<Option<Self>> {
        if !bypass(file, true) {
            return Ok(None);
        }
        Ok(Some(Self { written: file.metadata()?.len(), ..Self::default() }))
    }

    /// Writes at least one byte if it can, as [`crate::disk::File::write_at`]. The file may become longer than that, up to the
    /// end of a block: by zeros.
    pub(crate) fn write_at(&mut self, file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MOST)];
        let block = BLOCK as u64;
        let (start, until) = (offset / block * block, offset + bytes.len() as u64);
        let lead = usize::try_from(offset - start).unwrap_or(0);
        let used = lead + bytes.len();
        let stage = self.stage.of(used.next_multiple_of(BLOCK));
        if lead > 0 {
            match &self.edge {
                Some((at, kept)) if *at == start => stage[..lead].copy_from_slice(&kept[..lead]),
                _ => stage[..lead].copy_from_slice(&read_block(file, start)?[..lead]),
            }
        }
        stage[lead..used].copy_from_slice(bytes);
        if used % BLOCK != 0 && until < self.written {
            let rest = stage.len() - used;
            let last = read_block(file, until / block * block)?;
            stage[used..].copy_from_slice(&last[BLOCK - rest..]);
        } else {
            stage[used..].fill(0);
        }
        let done = write_there(file, start, stage)?.saturating_sub(lead).min(bytes.len());
        self.written = self.written.max(offset + done as u64);
        let kept = self.edge.take();
        if done == bytes.len() && used % BLOCK != 0 {
            let mut kept = kept.map_or_else(Vec::new, |(_, kept)| kept);
            kept.clear();
            kept.extend_from_slice(&stage[stage.len() - BLOCK..]);
            self.edge = Some((until / block * block, kept));
        }
        Ok(done)
    }

    /// Writes zeros from the end of the file, up to the end of the block that `to` is in. What was kept stays: behind what was
    /// written there are zeros before and after.
    pub(crate) fn zero(&mut self, file: &fs::File, from: u64, to: u64) -> io::Result<()> {
        let block = BLOCK as u64;
        let (edge, written) = (self.edge.take(), self.written);
        let whole = from.next_multiple_of(block).min(to);
        let mut at = from;
        while at < to {
            let done = if at < whole {
                let part = usize::try_from(whole - at).unwrap_or(BLOCK);
                self.write_at(file, at, &[0; BLOCK][..part])
            } else {
                let left = usize::try_from((to - at).next_multiple_of(block)).unwrap_or(MOST);
                let zeros = self.stage.of(left.min(MOST));
                zeros.fill(0);
                write_there(file, at, zeros)
            };
            match done {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::WriteZero, "the medium took no bytes")),
                Ok(done) => at += done as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        (self.edge, self.written) = (edge, written);
        Ok(())
    }

    /// The file was cut to this length.
    pub(crate) fn cut(&mut self, length: u64) {
        self.edge = None;
        self.written = self.written.min(length);
    }

    /// As [`crate::disk::File::read_at`].
    pub(crate) fn read_at(file: &fs::File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let lead = usize::try_from(offset % BLOCK as u64).unwrap_or(0);
        let mut stage = Stage::default();
        let stage = stage.of((lead + into.len()).next_multiple_of(BLOCK));
        let read = read_there(file, offset - lead as u64, stage)?.saturating_sub(lead).min(into.len());
        into[..read].copy_from_slice(&stage[lead..lead + read]);
        Ok(read)
    }

    /// Through the cache again.
    pub(crate) fn end(file: &fs::File) {
        bypass(file, false);
    }
}

/// A block of the file, filled up with zeros where the file ends in it.
fn read_block(file: &fs::File, at: u64) -> io::Result<Vec<u8>> {
    let mut block = vec![0; BLOCK];
    let mut done = 0;
    while done < BLOCK {
        match Direct::read_at(file, at + done as u64, &mut block[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(block)
}

/// Whether the system took it.
#[cfg(target_os = "linux")]
fn bypass(file: &fs::File, yes: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    fcntl_getfl(file)
        .and_then(|mut flags| {
            flags.set(OFlags::DIRECT, yes);
            fcntl_setfl(file, flags)
        })
        .is_ok()
}

/// Elsewhere the cache is not gone round.
#[cfg(not(target_os = "linux"))]
const fn bypass(_: &fs::File, _: bool) -> bool {
    false
}
