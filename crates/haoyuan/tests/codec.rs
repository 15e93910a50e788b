//! The records: what goes in comes out, nothing else is taken, and how many bytes a decision costs.

mod common;

use common::{at, doctor, plan, prepare, synced};
use haoyuan::engine::{Command, Unnamed};
use haoyuan::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, NodeIndex, PatientKey, SeatIndex,
    Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan::instant::Instant;
use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{Access, Disk, Entry, From, Payload, Place, Recovery};
use haoyuan::plan::Blocks;
use haoyuan::record::{
    Administered, Assembler, DAY_BLOCK, DayPart, Part, Record, Resizing, Transition, kind,
};
use haoyuan::refusal::{Binding, Code, Refusal, Retry};
use haoyuan::request::{Settle, Settled, Ticket, Wish};
use haoyuan::state::Published;
use haoyuan::terms::{Channel, Class};
use haoyuan::{Actor, Change, Registry, Role};
use proptest::option;
use proptest::prelude::*;
use std::num::{NonZeroU16, NonZeroU64};
use std::sync::Arc;

fn instants() -> impl Strategy<Value = Instant> + Clone {
    (0..=Instant::MAX.ms()).prop_map(|ms| Instant::new(ms).unwrap())
}

fn keys() -> impl Strategy<Value = u128> + Clone {
    1..=u128::MAX
}

fn patients() -> impl Strategy<Value = PatientKey> + Clone {
    keys().prop_map(|key| PatientKey::new(key).unwrap())
}

fn tickets() -> impl Strategy<Value = TicketId> + Clone {
    keys().prop_map(|key| TicketId::new(key).unwrap())
}

fn idempotency() -> impl Strategy<Value = Option<IdempotencyKey>> + Clone {
    option::of(keys().prop_map(|key| IdempotencyKey::new(key).unwrap()))
}

fn classes() -> impl Strategy<Value = Class> + Clone {
    prop::sample::select(Class::ALL)
}

fn channels() -> impl Strategy<Value = Channel> + Clone {
    prop::sample::select(Channel::ALL)
}

fn nodes() -> impl Strategy<Value = NodeIndex> + Clone {
    (0..=NodeIndex::MAX).prop_map(|node| NodeIndex::new(node).unwrap())
}

fn bookings() -> impl Strategy<Value = BookingId> + Clone {
    (0..=BlockId::MAX, 0..=SeatIndex::MAX, 1..=u32::MAX).prop_map(|(block, seat, sequence)| {
        BookingId::pack(BlockId::new(block).unwrap(), SeatIndex::new(seat).unwrap(), Sequence(sequence))
    })
}

fn slots() -> impl Strategy<Value = SlotRef> + Clone {
    (0..=SessionId::MAX, 0..=SlotIndex::MAX).prop_map(|(session, slot)| SlotRef {
        session: SessionId::new(session).unwrap(),
        slot: SlotIndex::new(slot).unwrap(),
    })
}

fn actors() -> impl Strategy<Value = Actor> + Clone {
    let id = || option::of((1..=u64::MAX).prop_map(|id| NonZeroU64::new(id).unwrap()));
    let reason = option::of((1..=u16::MAX).prop_map(|code| NonZeroU16::new(code).unwrap()));
    (prop::sample::select(Role::ALL), id(), id(), reason).prop_map(|(role, id, contact, reason)| Actor {
        role,
        id,
        contact,
        reason,
    })
}

fn transitions() -> impl Strategy<Value = Record<'static>> + Clone {
    let changes = [
        Change::Held,
        Change::Booked,
        Change::Confirmed,
        Change::Cancelled,
        Change::Expired,
        Change::Withdrawn,
    ];
    (
        (prop::sample::select(changes.to_vec()), bookings(), 0..3_u32, instants(), instants(), patients()),
        (classes(), channels(), nodes(), any::<bool>()),
        (option::of(tickets()), idempotency(), actors()),
    )
        .prop_map(|(what, how, who)| {
            let (change, booking, later, at, expires, patient) = what;
            let (class, channel, node, spill) = how;
            let (ticket, key, actor) = who;
            let actor = if change == Change::Expired { Actor::SYSTEM } else { actor };
            let sequence = Sequence(booking.sequence().0.saturating_add(later));
            Record::Transition(Transition {
                change,
                sequence,
                at,
                booking,
                patient,
                class,
                channel,
                node,
                spill,
                expires,
                ticket,
                key,
                actor,
            })
        })
}

fn commands() -> impl Strategy<Value = Command> + Clone {
    let wishes = (patients(), slots(), classes(), channels(), option::of(tickets()), idempotency()).prop_map(
        |(patient, slot, class, channel, ticket, key)| Wish { patient, slot, class, channel, ticket, key },
    );
    let settles = (patients(), bookings(), idempotency()).prop_map(|(patient, booking, key)| Settle {
        patient,
        booking,
        key,
    });
    prop_oneof![
        wishes.clone().prop_map(Command::Hold),
        wishes.prop_map(Command::Book),
        settles.clone().prop_map(Command::Confirm),
        settles.prop_map(Command::Cancel),
    ]
}

fn refusals() -> impl Strategy<Value = Refusal> + Clone {
    let bindings = prop_oneof![
        Just(Binding::None),
        nodes().prop_map(Binding::Node),
        bookings().prop_map(Binding::Booking),
        any::<u32>().prop_map(Binding::Limit),
    ];
    let retries = prop_oneof![
        Just(Retry::Never),
        Just(Retry::Now),
        Just(Retry::WhenReturned),
        instants().prop_map(Retry::From),
    ];
    (prop::sample::select(Code::ALL), bindings, retries).prop_map(|(code, binding, retry)| Refusal {
        code,
        binding,
        retry,
    })
}

fn unnamed() -> impl Strategy<Value = Unnamed<'static>> + Clone {
    let slots = prop_oneof![any::<u64>().prop_map(Ok), instants().prop_map(Err)];
    let sessions = prop::sample::select(vec!["", "CARD-20260310-AM", "a", "0123456789", "x/y:z~!"]);
    let code = prop_oneof![Just(Code::UnknownSession), Just(Code::UnknownSlot)];
    (
        any::<bool>(),
        patients(),
        classes(),
        channels(),
        option::of(tickets()),
        idempotency(),
        (sessions, slots, code),
    )
        .prop_map(|(book, patient, class, channel, ticket, key, (session, slot, code))| Unnamed {
            book,
            patient,
            class,
            channel,
            ticket,
            key,
            session,
            slot,
            code,
        })
}

fn records() -> impl Strategy<Value = Record<'static>> + Clone {
    let sequences = (bookings(), any::<u32>(), any::<bool>());
    let settled = sequences.prop_map(|(booking, sequence, changed)| Settled {
        booking,
        sequence: Sequence(sequence),
        changed,
    });
    let departments =
        option::of((0..=DepartmentId::MAX).prop_map(|number| DepartmentId::new(number).unwrap()));
    let registered = (tickets(), patients(), classes(), any::<u16>(), departments, instants()).prop_map(
        |(id, patient, class, institution, department, expires)| Ticket {
            id,
            patient,
            class,
            institution: InstitutionId::new(institution).unwrap(),
            department,
            expires,
        },
    );
    prop_oneof![
        4 => transitions(),
        4 => (commands(), refusals(), instants(), actors())
            .prop_map(|(command, refusal, at, actor)| Record::Refusal { command, refusal, at, actor }),
        1 => (any::<u32>(), prop::sample::select(Code::ALL), option::of((classes(), channels())), any::<u32>())
            .prop_map(|(minute, code, asked, count)| Record::RefusedCount { minute, code, asked, count }),
        1 => (patients(), idempotency(), settled, instants(), actors())
            .prop_map(|(patient, key, settled, at, actor)| Record::Repeated {
                settle: Settle { patient, booking: settled.booking, key }, settled, at, actor,
            }),
        1 => (registered.clone(), instants(), actors())
            .prop_map(|(ticket, at, actor)| Record::Ticket { ticket, at, actor }),
        1 => (registered, prop::sample::select(Code::ALL), instants(), actors())
            .prop_map(|(ticket, code, at, actor)| Record::TicketRefused { ticket, code, at, actor }),
        1 => (unnamed(), instants(), actors())
            .prop_map(|(claim, at, actor)| Record::Unnamed { claim, at, actor }),
        1 => (patients(), bookings(), instants(), actors())
            .prop_map(|(patient, booking, at, actor)| Record::Again { patient, booking, at, actor }),
        1 => (slots(), nodes(), instants(), any::<u32>())
            .prop_map(|(slot, node, at, seats)| Record::Fence { session: slot.session, node, at, seats }),
        1 => (slots(), instants(), actors())
            .prop_map(|(slot, at, actor)| Record::Retired { session: slot.session, at, actor }),
    ]
}

/// An entry as hostile as a checksum that matches allows.
fn entries() -> impl Strategy<Value = Entry> + Clone {
    let payload = prop::collection::vec(any::<u8>(), 0..120);
    let block = prop_oneof![any::<u32>(), Just(DAY_BLOCK)];
    (option::of((block, any::<u32>())), option::of(any::<u128>()), 0..15_u8, payload).prop_map(
        |(place, patient, kind, payload)| Entry {
            place: place.map(|(block, sequence)| Place { block, sequence }),
            patient,
            kind,
            payload: Payload::new(&payload).unwrap(),
        },
    )
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(record in records()) {
        let entry = record.to_entry();
        prop_assert_eq!(Record::decode(entry.as_ref()), Ok(record));
    }

    #[test]
    fn a_part_of_the_day_comes_out_as_it_went_in(
        (sequence, patient, at, actor) in (1..=u32::MAX, option::of(patients()), instants(), actors()),
        (batch, part, bytes) in (any::<u32>(), 0..3_u16, prop::collection::vec(any::<u8>(), 0..300)),
    ) {
        let part = Part { batch, part, parts: part + 1, bytes: &bytes };
        let record = Record::Day(DayPart { sequence, patient, at, actor, part });
        let entry = record.to_entry();
        prop_assert_eq!(Record::decode(entry.as_ref()), Ok(record));
        let elsewhere = Entry { place: Some(Place { block: 7, sequence }), ..entry };
        prop_assert!(Record::decode(elsewhere.as_ref()).is_err());
    }

    #[test]
    fn a_change_of_usable_seats_comes_out_as_it_went_in(
        (block, sequence, at, actor) in (0..=BlockId::MAX, 1..=u32::MAX, instants(), actors()),
        (byte, bit) in (0..400_usize, 0..8),
    ) {
        let Blocks::PerSlot(trees) = plan(1).blocks else { unreachable!("a plan of two slots") };
        let smaller = trees[0].resized(2, trees[0].nodes().to_vec()).unwrap();
        let packed = Resizing::pack(&smaller);
        let (block, sequence) = (BlockId::new(block).unwrap(), Sequence(sequence));
        let resizing = Resizing { block, sequence, at, actor, packed: &packed };
        let entry = Record::Resized(resizing).to_entry();
        prop_assert_eq!(Record::decode(entry.as_ref()), Ok(Record::Resized(resizing)));
        prop_assert_eq!(resizing.tree(), Ok(smaller));
        // Whatever else is taken has this one spelling, too.
        let mut bytes = entry.payload.bytes().to_vec();
        let place = byte % bytes.len();
        bytes[place] ^= 1_u8 << bit;
        let touched = Entry { payload: Payload::new(&bytes).unwrap(), ..entry };
        if let Ok(other) = Record::decode(touched.as_ref()) {
            prop_assert_eq!(other.to_entry(), touched);
        }
    }

    #[test]
    fn whatever_is_taken_has_this_one_spelling(entry in entries()) {
        if let Ok(record) = Record::decode(entry.as_ref()) {
            prop_assert_eq!(record.to_entry(), entry);
        }
    }

    #[test]
    fn a_record_that_was_touched_is_refused_or_is_another(record in records(), byte in 0..100_usize, bit in 0..8) {
        let entry = record.to_entry();
        let mut bytes = entry.payload.bytes().to_vec();
        let place = byte % bytes.len();
        bytes[place] ^= 1_u8 << bit;
        let touched = Entry { payload: Payload::new(&bytes).unwrap(), ..entry };
        match Record::decode(touched.as_ref()) {
            Ok(other) => {
                prop_assert_ne!(other, record);
                prop_assert_eq!(other.to_entry(), touched);
            }
            Err(error) => prop_assert!(!error.reason.is_empty() && error.offset <= bytes.len()),
        }
    }

    #[test]
    fn a_record_that_was_cut_or_lengthened_is_refused(record in records(), cut in 0..100_usize) {
        let entry = record.to_entry();
        let bytes = entry.payload.bytes();
        let shorter = Entry { payload: Payload::new(&bytes[..cut % bytes.len()]).unwrap(), ..entry.clone() };
        prop_assert!(Record::decode(shorter.as_ref()).is_err());
        let longer = Entry { payload: Payload::new(&[bytes, &[0]].concat()).unwrap(), ..entry.clone() };
        prop_assert!(Record::decode(longer.as_ref()).is_err());
    }

    #[test]
    fn nested_bytes_are_refused_with_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0..4_000_usize) {
        let _ = Administered::from_bytes(&bytes);
        let _ = Published::all_from_bytes(&bytes);
        // Bytes that were once good go deeper.
        let mut good = Published::all_to_bytes(&vec![published(); 1 + cut % 3]);
        let place = cut % good.len();
        good[place] = good[place].wrapping_add(1 + bytes.first().copied().unwrap_or(0) % 254);
        let _ = Published::all_from_bytes(&good);
        let cut = Published::all_from_bytes(&good[..place]);
        // The beginning of a roster may be a smaller roster; what cuts a roster is a batch, and a batch counts its parts.
        prop_assert!(cut.is_err() || cut.is_ok_and(|sessions| sessions.len() == 2 && good[0] == 2));
    }
}

fn published() -> Published {
    Published {
        at: at(0),
        id: SessionId::new(7).unwrap(),
        policies: 3,
        actor: doctor(),
        plan: plan(3),
        books: "[]".to_owned(),
    }
}

#[test]
fn a_published_session_and_an_act_come_out_as_they_went_in() {
    let bytes = published().to_bytes();
    assert_eq!(Published::from_bytes(&bytes), Ok(published()));
    assert_eq!(Published::all_to_bytes(&[published()]), bytes, "one session is written as ever");
    let several = vec![published(); 3];
    assert_eq!(Published::all_from_bytes(&Published::all_to_bytes(&several)), Ok(several));
    let act = Administered { at: at(5), actor: doctor(), command: "{\"号\":1}".to_owned() };
    assert_eq!(Administered::from_bytes(&act.to_bytes()), Ok(act));
}

#[test]
fn parts_are_put_together_and_a_batch_that_was_never_finished_is_forgotten() {
    let part = |batch, part, parts, bytes| Part { batch, part, parts, bytes };
    let mut assembler = Assembler::default();
    let published = kind::PUBLISHED;
    assert_eq!(assembler.take(published, &part(1, 0, 3, b"a")), Ok(None));
    // The journal ended here; it was opened again and counts from 0.
    assert_eq!(assembler.take(published, &part(0, 0, 2, b"b")), Ok(None));
    assert_eq!(assembler.take(published, &part(0, 1, 2, b"c")), Ok(Some(b"bc".to_vec())));
    for wrong in [part(0, 1, 2, b"c"), part(0, 2, 3, b"c")] {
        assert!(assembler.take(published, &wrong).is_err());
    }
    assert_eq!(assembler.take(published, &part(2, 0, 2, b"d")), Ok(None));
    assert!(assembler.take(kind::ADMINISTERED, &part(2, 1, 2, b"e")).is_err());
}

#[test]
fn an_act_longer_than_an_entry_is_cut_and_put_together_again() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    let practitioners: Vec<String> =
        (0..2_500).map(|n| format!(r#"{{"code":"D-{n}","name":"某某某医生{n}","sites":["SY1"]}}"#)).collect();
    let line = format!(
        r#"{{"command":"directory","at":"2026-02-01T09:00:00+08:00","entries":{{"institution":[{{"code":"SY1",
        "name":"省第一医院","tier":"tertiary"}}],"practitioner":[{}]}}}}"#,
        practitioners.join(",")
    );
    assert!(line.len() > 65_536);
    let answer = registry.execute(&line);
    assert!(answer.contains(r#""practitioners":2500"#), "{answer}");
    let names = registry.platform().names();
    registry.close().unwrap();
    let again = Registry::open_on(disk, synced()).unwrap();
    assert_eq!(again.platform().names(), names);
    again.close().unwrap();
}

#[test]
fn a_decision_of_a_rush_costs_at_most_96_bytes_on_disk() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(2));
    let registry = Registry::open_on(Arc::clone(&disk), common::queued()).unwrap();
    prepare(&registry);
    registry.journal().unwrap().flush().unwrap();
    let before = registry.journal().unwrap().stats();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let registry = &registry;
            scope.spawn(move || common::morning(registry, 5, thread, 4, 5_000));
        }
    });
    registry.journal().unwrap().flush().unwrap();
    let after = registry.journal().unwrap().stats();
    let (bytes, records) = (after.bytes - before.bytes, after.records - before.records);
    registry.close().unwrap();

    // By kind: what stands in the payload, and 8 bytes before each record, 8 for a place, 16 for a patient.
    let mut sums = [(0_u64, 0_u64); kind::WORDS.len()];
    let mut recovery = Recovery::begin(disk, From::Start, Access::Read).unwrap();
    while let Some(recovered) = recovery.next().unwrap() {
        let entry = recovered.entry;
        let front =
            8 + if entry.place.is_some() { 8 } else { 0 } + if entry.patient.is_some() { 16 } else { 0 };
        let sum = &mut sums[usize::from(entry.kind) - 1];
        *sum = (sum.0 + 1, sum.1 + front + entry.payload.len() as u64);
    }
    for (word, (count, bytes)) in kind::WORDS.iter().zip(sums).filter(|(_, (count, _))| *count > 0) {
        println!("{word:>14}: {count:>7} records, {:>4} bytes each", bytes.div_ceil(count));
    }
    println!(
        "    everything: {records:>7} records, {:>4} bytes each with commit blocks",
        bytes.div_ceil(records)
    );
    assert!(records > 5_000);
    for decision in [kind::TRANSITION, kind::EXPIRY, kind::REFUSAL] {
        let (count, bytes) = sums[usize::from(decision) - 1];
        assert!(count > 0 && bytes <= 96 * count, "kind {decision}: {bytes} bytes for {count}");
    }
    assert!(bytes <= 96 * records, "{bytes} bytes for {records} records");
}
