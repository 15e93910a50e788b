//! Whatever bytes an entry of the journal has, they are refused with a reason, or they are the one spelling of a record;
//! what is nested in parts comes out again as it was read.
//!
//! The first byte is the kind; the two lowest bits of the second say whether there is a place and a patient.

#![no_main]

use haoyuan::journal::{Entry, Payload, Place};
use haoyuan::record::{Administered, Record};
use haoyuan::state::Published;
use libfuzzer_sys::{Corpus, fuzz_target};

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn entry(mut bytes: &[u8]) -> Option<Entry> {
    let [kind, flags] = take(&mut bytes)?;
    let place = if flags & 1 == 0 {
        None
    } else {
        let (block, sequence) = (take(&mut bytes)?, take(&mut bytes)?);
        Some(Place { block: u32::from_le_bytes(block), sequence: u32::from_le_bytes(sequence) })
    };
    let patient = if flags & 2 == 0 { None } else { Some(u128::from_le_bytes(take(&mut bytes)?)) };
    Some(Entry { place, patient, kind, payload: Payload::new(bytes).ok()? })
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(entry) = entry(bytes) else { return Corpus::Reject };
    match Record::decode(entry.as_ref()) {
        Ok(record) => assert_eq!(record.to_entry(), entry),
        Err(error) => assert!(!error.reason.is_empty() && error.offset <= entry.payload.bytes().len()),
    }
    let nested = entry.payload.bytes();
    if let Ok(sessions) = Published::all_from_bytes(nested) {
        assert_eq!(Published::all_from_bytes(&Published::all_to_bytes(&sessions)), Ok(sessions));
    }
    if let Ok(act) = Administered::from_bytes(nested) {
        assert_eq!(Administered::from_bytes(&act.to_bytes()), Ok(act));
    }
    Corpus::Keep
});
