//! Whatever is changed behind the journal's back is detected: every bit, every length, every segment.

mod common;

use common::{entry, read, read_from, small, story, write};
use haoyuan_journal::sim::SimDisk;
use haoyuan_journal::{
    Access, Disk, Error, From, HashKind, Journal, Options, SegmentHead, heads, verify, verify_heads,
};
use std::sync::Arc;

fn journal(length: u32, options: Options) -> SimDisk {
    let disk = SimDisk::new(1);
    write(&shared(&disk), options, &story(length));
    disk
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| common::is_segment(name));
    names
}

/// Reading gives an error, or less than before together with a report of the tail; never something else.
#[track_caller]
fn detected(disk: &SimDisk, whole: &[haoyuan_journal::Entry], is_last: bool, what: &str) {
    let disk = shared(disk);
    match read_from(&disk, From::Start, Access::Read) {
        Err(Error::Damaged(damage)) => assert!(!damage.file.is_empty(), "{what}"),
        Err(Error::SegmentMissing { .. }) => {}
        Err(error) => panic!("{what}: {error}"),
        Ok((entries, finished)) => {
            assert!(is_last, "{what}: only the last segment has a tail");
            assert!(finished.report().torn.is_some(), "{what}: not reported");
            assert!(whole.starts_with(&entries), "{what}: something else was read");
        }
    }
}

#[test]
fn every_single_flipped_bit_is_detected() {
    for hash in [HashKind::Blake3, HashKind::Sm3] {
        let disk = journal(14, Options { hash: Some(hash), ..small() });
        let whole = read(&shared(&disk)).unwrap();
        let names = segments(&disk);
        assert!(names.len() >= 2);
        for name in &names {
            let bytes = disk.contents(name).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                disk.place(name, &flipped);
                detected(&disk, &whole, name == names.last().unwrap(), &format!("bit {bit} of `{name}`"));
            }
            disk.place(name, &bytes);
        }
    }
}

#[test]
fn a_flipped_bit_in_preallocated_zeros_is_detected() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for entry in story(5) {
        journal.append(entry).wait().unwrap();
    }
    // Not closed: the zeros are still there.
    let disk = disk.copy();
    let whole = read(&shared(&disk)).unwrap();
    let name = segments(&disk).pop().unwrap();
    let bytes = disk.contents(&name).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(end < bytes.len());
    for at in end..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] = 1;
        disk.place(&name, &flipped);
        detected(&disk, &whole, true, &format!("byte {at}"));
    }
}

#[test]
fn a_torn_tail_is_reported_and_cut() {
    let disk = journal(5, small());
    let name = "00000001.hyj";
    let bytes = disk.contents(name).unwrap();
    disk.place(name, &[&bytes[..], &[0x55; 5000]].concat());
    let (entries, finished) = read_from(&shared(&disk), From::Start, Access::Write).unwrap();
    let torn = finished.report().torn.clone().unwrap();
    assert_eq!((torn.file.as_str(), torn.offset, torn.bytes), (name, bytes.len() as u64, 5000));
    // Cut before anything is written behind it, and durably.
    let journal = Journal::start(finished, small()).unwrap();
    let stopped = disk.crash(haoyuan_journal::sim::Survival::Nothing);
    assert_eq!(stopped.contents(name).unwrap(), bytes);
    drop(journal);
    assert_eq!(read(&shared(&disk)).unwrap(), entries);
}

#[test]
fn every_length_of_a_cut_file_is_detected_or_ends_between_groups() {
    let disk = journal(20, small());
    let whole = read(&shared(&disk)).unwrap();
    let exported = heads(&shared(&disk)).unwrap();
    let names = segments(&disk);
    for name in &names {
        let bytes = disk.contents(name).unwrap();
        let is_last = name == names.last().unwrap();
        for length in 0..bytes.len() {
            disk.place(name, &bytes[..length]);
            let what = format!("`{name}` cut to {length} bytes");
            match read_from(&shared(&disk), From::Start, Access::Read) {
                Err(Error::Damaged(_)) => {}
                Err(error) => panic!("{what}: {error}"),
                Ok((entries, _)) => {
                    // Only the end of the journal can be cut off unnoticed, and only between groups...
                    assert!(is_last, "{what}");
                    assert!(entries.len() < whole.len() && whole.starts_with(&entries), "{what}");
                }
            }
            // ...and not even that if the head was exported.
            assert!(verify_heads(&shared(&disk), &exported).is_err(), "{what}");
        }
        disk.place(name, &bytes);
    }
    verify_heads(&shared(&disk), &exported).unwrap();
}

#[test]
fn damage_before_a_later_good_group_is_an_error_with_file_offset_and_what_is_affected() {
    let disk = journal(14, small());
    let name = "00000001.hyj";
    let mut bytes = disk.contents(name).unwrap();
    // The first record of the first group begins right after the header.
    bytes[128 + 10] ^= 1;
    disk.place(name, &bytes);
    let error = Journal::open(shared(&disk), small()).unwrap_err();
    let Error::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((damage.file.as_str(), damage.offset, damage.records.clone()), (name, 128, 0..1));
    assert_eq!(
        error.to_string(),
        "`00000001.hyj` is damaged at offset 128: the checksum of a record does not match; affected are the records \
         0 to 0; salvage the folder into a new one to keep what verifies"
    );
}

#[test]
fn swapped_deleted_and_duplicated_segments_are_detected() {
    let disk = journal(40, small());
    let whole = read(&shared(&disk)).unwrap();
    let names = segments(&disk);
    let contents: Vec<Vec<u8>> = names.iter().map(|name| disk.contents(name).unwrap()).collect();
    let restore = || names.iter().zip(&contents).for_each(|(name, bytes)| disk.place(name, bytes));
    assert!(names.len() >= 4);
    for one in 0..names.len() {
        for other in 0..names.len() {
            if one != other {
                disk.place(&names[one], &contents[other]);
                detected(&disk, &whole, false, &format!("`{}` is a copy of `{}`", names[one], names[other]));
                disk.place(&names[other], &contents[one]);
                detected(&disk, &whole, false, &format!("`{}` and `{}` swapped", names[one], names[other]));
                restore();
            }
        }
    }
    // The last cannot be missed by the chain, only by an exported head.
    let exported = heads(&shared(&disk)).unwrap();
    for (index, name) in names.iter().enumerate() {
        disk.take(name);
        if index + 1 < names.len() {
            detected(&disk, &whole, false, &format!("`{name}` deleted"));
        }
        assert!(verify_heads(&shared(&disk), &exported).is_err(), "`{name}` deleted");
        restore();
    }
    let next = format!("{:08}.hyj", names.len() + 1);
    disk.place(&next, contents.last().unwrap());
    detected(&disk, &whole, false, "the last duplicated behind itself");
}

/// Same number, same counts, every byte of it valid: only the head of the segment before tells it apart.
#[test]
fn a_segment_of_another_journal_is_detected() {
    let disk = journal(14, small());
    let whole = read(&shared(&disk)).unwrap();
    let other = SimDisk::new(1);
    let mut changed = whole.clone();
    changed[0].kind ^= 1;
    write(&shared(&other), small(), &changed);
    for name in segments(&disk).iter().skip(1) {
        let bytes = disk.contents(name).unwrap();
        assert_ne!(other.contents(name).unwrap(), bytes);
        disk.place(name, &other.contents(name).unwrap());
        detected(&disk, &whole, false, &format!("`{name}` of another journal"));
        disk.place(name, &bytes);
    }
}

/// The numbers in a header, with a checksum that fits: an insider, or a program of another time.
fn with_version(
    disk: &SimDisk,
    version: u16,
    readable_from: u16,
) -> Result<Vec<haoyuan_journal::Entry>, Error> {
    let name = "00000001.hyj";
    let mut bytes = disk.contents(name).unwrap();
    bytes[8..10].copy_from_slice(&version.to_le_bytes());
    bytes[10..12].copy_from_slice(&readable_from.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..124]);
    bytes[124..128].copy_from_slice(&checksum.to_le_bytes());
    let disk = disk.copy();
    disk.place(name, &bytes);
    read(&shared(&disk))
}

#[test]
fn versions_that_are_not_read_are_refused_by_name() {
    let disk = journal(0, small());
    for (version, readable_from) in [(0, 0), (2, 2), (7, 3)] {
        let error = with_version(&disk, version, readable_from).unwrap_err();
        assert!(matches!(&error, Error::Version { version: found, .. } if *found == version), "{error}");
    }
    // A later program that still writes what this one can read says so.
    assert_eq!(with_version(&disk, 2, 1).unwrap(), []);
    assert_eq!(with_version(&disk, 1, 1).unwrap(), []);
}

#[test]
fn an_insider_who_rewrites_a_record_with_its_checksum_breaks_the_chain() {
    let disk = SimDisk::new(1);
    write(
        &shared(&disk),
        small(),
        &[entry(Some((1, 1)), None, 1, b"granted to A"), entry(None, None, 2, b"x")],
    );
    let name = "00000001.hyj";
    let mut bytes = disk.contents(name).unwrap();
    let at = bytes.windows(12).position(|window| window == b"granted to A").unwrap();
    bytes[at + 11] = b'B';
    let record = 128..at + 12;
    let checksum = crc32c::crc32c(&bytes[record.start + 4..record.end]);
    bytes[128..132].copy_from_slice(&checksum.to_le_bytes());
    disk.place(name, &bytes);
    let Err(Error::Damaged(damage)) = read(&shared(&disk)) else { panic!("not detected") };
    assert_eq!(damage.reason.en, "the chain head does not continue the one before");
}

#[test]
fn exported_heads_are_lines_of_text_that_still_verify_after_the_journal_grew() {
    let disk = journal(10, small());
    let lines: Vec<String> = heads(&shared(&disk)).unwrap().iter().map(ToString::to_string).collect();
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for number in 1..20 {
        journal.append(entry(Some((50, number)), None, 1, &[0; 60])).wait().unwrap();
    }
    let now = journal.head();
    journal.close().unwrap();
    let mut exported: Vec<SegmentHead> = lines.iter().map(|line| line.parse().unwrap()).collect();
    exported.push(now);
    verify_heads(&shared(&disk), &exported).unwrap();
    exported[0].head.0[31] ^= 1;
    assert!(matches!(verify_heads(&shared(&disk), &exported), Err(Error::HeadDiffers { segment: 1, .. })));
    for line in ["", "1 2", "x 2 00", "1 x 00", "1 2 00", "1 2 3 4"] {
        assert!(line.parse::<SegmentHead>().is_err(), "`{line}`");
    }
}

#[test]
fn a_verification_counts_and_reports_its_progress() {
    let disk = journal(30, small());
    let mut last = None;
    let report = verify(&shared(&disk), &[], |progress| last = Some(progress)).unwrap();
    assert_eq!(report.entries, 30);
    assert_eq!(report.groups, 30);
    assert_eq!(report.heads.len(), segments(&disk).len());
    let last = last.unwrap();
    assert_eq!((last.records, last.bytes), (30, last.bytes_total));
}
