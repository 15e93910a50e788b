//! Opening, closing, snapshots, and the handshake between header and library.

use crate::boundary::{self, free};
use crate::codes::{
    HAOYUAN_ABI_MAJOR, HAOYUAN_ABI_MINOR, HAOYUAN_ABI_VERSION, HAOYUAN_ASYNC, HAOYUAN_BLAKE3,
    HAOYUAN_LOG_ERROR, HAOYUAN_LOG_INFO, HAOYUAN_LOG_WARNING, HAOYUAN_MEMORY, HAOYUAN_REFUSALS_ALL,
    HAOYUAN_REFUSALS_BY_REASON, HAOYUAN_REFUSALS_NONE, HAOYUAN_REFUSALS_PER_MINUTE, HAOYUAN_SM3,
    HAOYUAN_SYNCED,
};
use crate::here::{self, set_error};
use crate::log::Log;
use crate::memory::{Buffer, Number, Out, numbers, optional_text, read, text, wrong};
use crate::slab::{self, Open};
use crate::status::Status;
use crate::types::{Struct, haoyuan_options_t, haoyuan_stats_t, haoyuan_t};
use haoyuan::instant::Instant;
use haoyuan::refusal::Code;
use haoyuan::said;
use haoyuan::said::Speak;
use haoyuan::{
    Answer, Command, Durability, Error, Limits, Options, Refusals, Registry, command, is_lock_free, journal,
};
use std::ffi::c_char;
use std::time::Duration;

/// The most seats that a registry is opened for: a province.
const SEATS_MAX: u32 = 16_000_000;

/// The ABI of the library: the major number in the upper, the minor in the lower 16 bits.
///
/// Any thread, any time.
#[unsafe(no_mangle)]
pub extern "C" fn haoyuan_abi_version() -> u32 {
    HAOYUAN_ABI_VERSION
}

/// Whether a program that was compiled with this `HAOYUAN_ABI_VERSION` fits the library: the same major number, and no larger
/// minor one. The macro `HAOYUAN_ABI_CHECK()` passes it.
///
/// Any thread, any time. Returns `HAOYUAN_OK` or `HAOYUAN_ABI_MISMATCH`.
#[unsafe(no_mangle)]
pub extern "C" fn haoyuan_abi_check(version: u32) -> i32 {
    // A larger number of the same major lacks nothing but what the library never heard of.
    let fits = version >> 16 == HAOYUAN_ABI_MAJOR && version & 0xffff <= HAOYUAN_ABI_MINOR;
    if fits { Status::Ok.number() } else { Status::AbiMismatch.number() }
}

/// The version of the library, such as `0.1.0`, into `buffer`; `needed` gets its length.
///
/// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_BUFFER_TOO_SMALL`, `HAOYUAN_NULL_POINTER`, `HAOYUAN_INVALID_LENGTH`.
///
/// # Safety
/// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_version(buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    // SAFETY: the caller's duty, passed on.
    free(|| unsafe { Buffer::new(buffer, capacity, needed) }?.write(env!("CARGO_PKG_VERSION")))
}

/// Opens a registry: recovers the journal if there is one, takes up directory, policy and roster where there is none yet, and
/// gives a handle. Nothing is written to the folder if the texts are refused.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_ABI_MISMATCH`, `HAOYUAN_SETUP_REFUSED`,
/// `HAOYUAN_JOURNAL_LOCKED`, `…_DAMAGED`, `…_MISFIT`, `…_FAILED`, `HAOYUAN_FOLDER`, `HAOYUAN_TOO_MANY_HANDLES`, or what is wrong
/// with the arguments; `haoyuan_last_error` has the details.
///
/// # Safety
/// `options` as long as its `struct_size`, its texts as long as their lengths; `registry` a writable handle. The log callback
/// can be called from any thread until the registry is closed, and does not unwind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_open(options: *const haoyuan_options_t, registry: *mut haoyuan_t) -> i32 {
    boundary::catch_panics();
    here::prepare_barrier();
    // A callback of another registry opens none: recovery takes as long as it takes.
    if here::is_inside() {
        return Status::Reentered.number();
    }
    free(|| {
        // SAFETY: the caller's duty.
        let handle = unsafe { Number::new(registry) }?;
        // SAFETY: the caller's duty.
        let asked = unsafe { read(options) }?;
        if haoyuan_abi_check(asked.abi_version) != Status::Ok.number() {
            set_error(said!(
                "`abi_version` is {program}, the library's is {library}; set it to HAOYUAN_ABI_VERSION and install the library \
                 that belongs to the header",
                "`abi_version` 为 {program},而动态库为 {library};请设为 HAOYUAN_ABI_VERSION 并安装与头文件对应的动态库",
                program = format!("{:#x}", asked.abi_version),
                library = format!("{HAOYUAN_ABI_VERSION:#x}")
            ));
            return Err(Status::AbiMismatch);
        }
        // SAFETY: the caller's duty: the texts of the options are as long as their lengths.
        let texts = unsafe { Texts::new(&asked) }?;
        let log = Log::new(asked.log, asked.log_context);
        // SAFETY: the caller's duty: there are as many codes as it says.
        let options = unsafe { engine_options(&asked) }?;
        let at = Instant::new(asked.at)
            .ok_or_else(|| wrong("at", "is not between 0 and 2^42 - 2", "须为 0 至 2^42 - 2"))?;
        let setup = Setup::new(&texts, at);
        setup.try_out(&options)?;
        let opened = if options.durability == Durability::Memory {
            Registry::in_memory(&options)
        } else {
            // SAFETY: the caller's duty: the folder's name is as long as its length.
            let folder = unsafe { text(asked.folder, asked.folder_length) }?;
            if folder.is_empty() || folder.contains('\0') {
                return Err(wrong(
                    "folder",
                    "is needed for a journal, and is a path without NUL",
                    "启用日志时不可缺,且路径不含 NUL",
                ));
            }
            Registry::open(folder, options).map_err(|error| status_of(&error))?
        };
        tell_recovery(&opened, log);
        setup.take_up(&opened, log)?;
        let number = slab::open(opened, log).map_err(|registry| {
            // Nothing was decided in it beyond what was recorded; the folder is let go.
            drop(registry.close());
            Status::TooManyHandles
        })?;
        handle.set(number);
        Ok(Status::Ok.number())
    })
}

/// The texts of the options.
struct Texts<'a> {
    directory: Option<&'a str>,
    policy: Option<&'a str>,
    roster: Option<&'a str>,
}

impl Texts<'_> {
    /// # Safety
    /// The texts are as long as their lengths and stay for as long as this is used.
    unsafe fn new(options: &haoyuan_options_t) -> Result<Self, Status> {
        Ok(Self {
            // SAFETY: the same duty.
            directory: unsafe { optional_text(options.directory, options.directory_length) }?,
            // SAFETY: the same duty.
            policy: unsafe { optional_text(options.policy, options.policy_length) }?,
            // SAFETY: the same duty.
            roster: unsafe { optional_text(options.roster, options.roster_length) }?,
        })
    }
}

/// The refusal with this number.
fn refusal_code(number: i32) -> Result<Code, Status> {
    let code = u16::try_from(number).ok().and_then(Code::from_number);
    code.ok_or_else(|| wrong("refusal_codes", "has a number that is no refusal", "其中有编号不是拒绝代码"))
}

/// # Safety
/// `refusal_codes` points to `refusal_codes_count` numbers.
unsafe fn engine_options(asked: &haoyuan_options_t) -> Result<Options, Status> {
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let micros = |value: u32| Duration::from_micros(u64::from(value));
    let durability = match asked.durability {
        HAOYUAN_MEMORY => Durability::Memory,
        HAOYUAN_ASYNC => Durability::Async {
            window: Duration::from_millis(u64::from(or(asked.window_ms, 50))),
            records: or(asked.window_records, 65_536),
        },
        HAOYUAN_SYNCED => Durability::Synced { max_delay: micros(or(asked.max_delay_us, 2_000)) },
        _ => {
            return Err(wrong(
                "durability",
                "is none of MEMORY, ASYNC, SYNCED",
                "不是 MEMORY、ASYNC、SYNCED 之一",
            ));
        }
    };
    let refusals = match asked.refusals {
        HAOYUAN_REFUSALS_ALL => Refusals::All,
        HAOYUAN_REFUSALS_PER_MINUTE => Refusals::PerMinute,
        HAOYUAN_REFUSALS_NONE => Refusals::None,
        HAOYUAN_REFUSALS_BY_REASON => {
            // SAFETY: the same duty.
            let codes = unsafe { numbers(asked.refusal_codes, asked.refusal_codes_count) }?;
            Refusals::ByReason(codes.iter().map(|number| refusal_code(*number)).collect::<Result<_, _>>()?)
        }
        _ => {
            return Err(wrong(
                "refusals",
                "is none of ALL, PER_MINUTE, NONE, BY_REASON",
                "不是 ALL、PER_MINUTE、NONE、BY_REASON 之一",
            ));
        }
    };
    if asked.refusals != HAOYUAN_REFUSALS_BY_REASON && asked.refusal_codes_count != 0 {
        let (en, zh) = ("belongs to HAOYUAN_REFUSALS_BY_REASON alone", "仅用于 HAOYUAN_REFUSALS_BY_REASON");
        return Err(wrong("refusal_codes_count", en, zh));
    }
    let hash = match asked.hash {
        HAOYUAN_BLAKE3 => journal::HashKind::Blake3,
        HAOYUAN_SM3 => journal::HashKind::Sm3,
        _ => return Err(wrong("hash", "is neither BLAKE3 nor SM3", "既不是 BLAKE3 也不是 SM3")),
    };
    if asked.reserved != 0 {
        return Err(wrong("reserved", "is not 0", "须为 0"));
    }
    Ok(Options {
        durability,
        refusals,
        limits: limits(asked)?,
        journal: journal::Options { hash: Some(hash), ..journal::Options::default() },
        ..Options::default()
    })
}

/// The sizes that are asked for; `None` for none.
fn limits(asked: &haoyuan_options_t) -> Result<Option<Limits>, Status> {
    let single = [asked.blocks, asked.seats, asked.sessions, asked.shapes, asked.patients, asked.entries];
    if asked.for_seats == 0 && single == [0; 6] {
        return Ok(None);
    }
    let base = if asked.for_seats == 0 {
        Limits::default()
    } else {
        Limits::for_seats(asked.for_seats.min(SEATS_MAX))
    };
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let limits = Limits {
        blocks: or(asked.blocks, base.blocks),
        seats: or(asked.seats, base.seats),
        sessions: or(asked.sessions, base.sessions),
        shapes: or(asked.shapes, base.shapes),
        patients: or(asked.patients, base.patients),
        entries: or(asked.entries, base.entries),
    };
    let most = Limits::for_seats(SEATS_MAX);
    for (name, asked, most) in [
        ("for_seats", asked.for_seats, SEATS_MAX),
        ("blocks", limits.blocks, most.blocks),
        ("seats", limits.seats, most.seats),
        ("sessions", limits.sessions, most.sessions),
        ("shapes", limits.shapes, most.shapes),
        ("patients", limits.patients, most.patients),
        ("entries", limits.entries, most.entries),
    ] {
        if asked > most {
            return Err(wrong(name, &format!("is more than {most}"), &format!("大于 {most}")));
        }
    }
    Ok(Some(limits))
}

/// The commands that set a registry up.
struct Setup {
    directory: Option<Command>,
    policy: Option<Command>,
    roster: Option<Command>,
}

impl Setup {
    fn new(texts: &Texts<'_>, at: Instant) -> Self {
        let directory = texts.directory.map(|toml| {
            Command::Directory(command::Directory { at, toml: Some(toml.to_owned()), entries: None })
        });
        let policy = texts.policy.map(|policy| {
            // No TOML without an equals sign, no preset with one.
            let (preset, toml) =
                if policy.contains('=') { (None, Some(policy)) } else { (Some(policy.trim()), None) };
            Command::Policy(command::Policy {
                at,
                institution: None,
                preset: preset.map(str::to_owned),
                toml: toml.map(str::to_owned),
                calendar: None,
            })
        });
        let roster = texts.roster.map(|csv| Command::Roster(command::Roster { at, csv: csv.to_owned() }));
        Self { directory, policy, roster }
    }

    /// Carries the commands out in a registry without a journal, so that a text that is refused leaves no trace on disk.
    fn try_out(&self, options: &Options) -> Result<(), Status> {
        if self.directory.is_none() && self.policy.is_none() && self.roster.is_none() {
            return Ok(());
        }
        // A roster alone belongs to a directory that is in the journal: it is tried there.
        if self.directory.is_none() && self.roster.is_some() && options.durability != Durability::Memory {
            return self
                .policy
                .as_ref()
                .map_or(Ok(()), |policy| carry_out(&Registry::in_memory(&Options::default()), policy));
        }
        let scratch = Registry::in_memory(&Options {
            durability: Durability::Memory,
            limits: options.limits,
            ..Options::default()
        });
        [&self.directory, &self.policy, &self.roster]
            .into_iter()
            .flatten()
            .try_for_each(|it| carry_out(&scratch, it))
    }

    /// Carries out what the registry has nothing of yet.
    fn take_up(&self, registry: &Registry, log: Log) -> Result<(), Status> {
        let has_directory = !registry.platform().directory().institutions().is_empty();
        // Also those that are retired by now.
        let has_sessions = registry.engine().session_count() > 0;
        let steps = [
            ("directory", &self.directory, has_directory),
            ("policy", &self.policy, has_sessions),
            ("roster", &self.roster, has_sessions),
        ];
        for (name, command, is_there) in steps {
            match command {
                Some(_) if is_there => {
                    log.write(
                        HAOYUAN_LOG_INFO,
                        &format!("the {name} of the options was passed over: the registry has one"),
                    );
                }
                Some(command) => carry_out(registry, command)?,
                None => {}
            }
        }
        Ok(())
    }
}

fn carry_out(registry: &Registry, command: &Command) -> Result<(), Status> {
    let decided = registry.submit_command(command);
    match decided.answer {
        Answer::Error(malformed) => {
            set_error(malformed.said());
            Err(Status::SetupRefused)
        }
        _ => decided.ack.wait().map_err(|error| status_of(&Error::Journal(error))),
    }
}

fn tell_recovery(registry: &Registry, log: Log) {
    let Some(report) = registry.recovered() else { return };
    log.write(
        HAOYUAN_LOG_INFO,
        &format!("the journal was read: {} records in {} segments", report.entries, report.segments),
    );
    if let Some(torn) = &report.torn {
        let text = format!(
            "a torn tail was cut off: `{}` at offset {}, {} bytes; nothing in it was acknowledged",
            torn.file, torn.offset, torn.bytes
        );
        log.write(HAOYUAN_LOG_WARNING, &text);
    }
    for dangling in &report.dangling {
        let text = format!(
            "record {} of block {} was not applied: its predecessor is missing; it was not acknowledged",
            dangling.record, dangling.place.block
        );
        log.write(HAOYUAN_LOG_WARNING, &text);
    }
}

/// The number of an error, and its text kept.
#[cold]
pub(crate) fn status_of(error: &Error) -> Status {
    use journal::Error as Journal;
    set_error(error.said());
    match error {
        Error::Journal(Journal::Locked { .. }) => Status::JournalLocked,
        Error::Journal(
            Journal::Damaged(_)
            | Journal::SegmentMissing { .. }
            | Journal::Behind { .. }
            | Journal::HeadDiffers { .. },
        ) => Status::JournalDamaged,
        Error::Journal(Journal::Version { .. } | Journal::Shard { .. })
        | Error::Replay { .. }
        | Error::Snapshot(_) => Status::JournalMisfit,
        Error::Journal(Journal::Option { .. }) => Status::InvalidArgument,
        Error::Folder { .. } => Status::Folder,
        Error::NoJournal => Status::NoJournal,
        Error::Names(_) => Status::SetupRefused,
        Error::Journal(_) | Error::Undecided(_) => Status::JournalFailed,
    }
}

/// Closes a registry: waits for the calls that are under way, then until everything is durable, and lets the folder go. From
/// its beginning on the handle is `HAOYUAN_INVALID_HANDLE` to everybody; of several that close at once one does.
///
/// Any thread; not from a callback. Every durability callback has been called when it returns. Returns `HAOYUAN_OK`,
/// `HAOYUAN_INVALID_HANDLE`, `HAOYUAN_REENTERED`, or `HAOYUAN_JOURNAL_FAILED` if not everything could be written; the handle is closed
/// all the same.
#[unsafe(no_mangle)]
pub extern "C" fn haoyuan_close(registry: haoyuan_t) -> i32 {
    let opened = match slab::take(registry) {
        Ok(opened) => opened,
        Err(status) => return status.number(),
    };
    free(|| {
        let is_poisoned = opened.is_poisoned();
        let (registry, log) = Open::into_parts(*opened);
        match registry.close() {
            Ok(()) => {
                log.write(
                    HAOYUAN_LOG_INFO,
                    if is_poisoned { "a poisoned registry was closed" } else { "closed" },
                );
                Ok(Status::Ok.number())
            }
            Err(error) => {
                log.write(HAOYUAN_LOG_ERROR, &format!("closed, and not everything is durable: {error}"));
                set_error(error.said());
                Err(Status::JournalFailed)
            }
        }
    })
}

/// Writes a snapshot, so that the next opening begins there; the name of its file into `buffer`. Waits for the calls that are
/// under way; other calls are told `HAOYUAN_BUSY` meanwhile, which takes about as long as writing the state.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_NO_JOURNAL`, `HAOYUAN_BUSY`, `HAOYUAN_JOURNAL_FAILED`,
/// `HAOYUAN_BUFFER_TOO_SMALL` (the snapshot is written).
///
/// # Safety
/// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_snapshot(
    registry: haoyuan_t,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let buffer = match unsafe { Buffer::new(buffer, capacity, needed) } {
        Ok(buffer) => buffer,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call_open(registry, |open| {
        let name = open.alone(registry, Registry::snapshot)?.map_err(|error| status_of(&error))?;
        buffer.write(&name)
    }))
}

/// What a registry and its journal did.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK` or what is wrong with the arguments; also under a poisoned handle.
///
/// # Safety
/// `stats` as long as its `struct_size`, which is set, and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_stats(registry: haoyuan_t, stats: *mut haoyuan_stats_t) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let out = match unsafe { Out::new(stats) } {
        Ok(out) => out,
        Err(status) => return status.number(),
    };
    out.clear();
    boundary::number(boundary::call_open(registry, |open| {
        let mut stats = haoyuan_stats_t {
            struct_size: haoyuan_stats_t::SIZE,
            lock_free: u32::from(is_lock_free()),
            handles: u32::try_from(slab::count()).unwrap_or(u32::MAX),
            panics: open.panics(),
            ..haoyuan_stats_t::default()
        };
        if !open.is_poisoned() {
            let registry = open.registry()?;
            stats.recovered = registry.recovered().map_or(0, |report| report.entries);
            if let Some(journal) = registry.journal() {
                let told = journal.stats();
                stats.journal_status = journal.failure().map_or(0, |_| Status::JournalFailed.number());
                stats.records = told.records;
                stats.groups = told.groups;
                stats.bytes = told.bytes;
                stats.syncs = told.syncs;
                stats.segments = told.segments;
                stats.queued = told.queued;
                stats.held_back = told.held_back;
                stats.held_back_max = told.held_back_max;
            }
        }
        out.write(stats);
        Ok(Status::Ok.number())
    }))
}

/// The state hash: 32 bytes that are equal live, after replay, after a snapshot, in every binding and in `haoyuan run`.
///
/// Any thread; not from a callback. Commands that are under way may or may not be in it. Returns `HAOYUAN_OK` or what is wrong
/// with the arguments.
///
/// # Safety
/// `hash` null or 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_state_hash(registry: haoyuan_t, hash: *mut u8) -> i32 {
    // SAFETY: the caller's duty: 32 bytes are an array of 32.
    let hash = match unsafe { Number::new(hash.cast::<[u8; 32]>()) } {
        Ok(hash) => hash,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        hash.set(registry.state_hash());
        Ok(Status::Ok.number())
    }))
}
