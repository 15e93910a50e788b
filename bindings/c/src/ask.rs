//! Questions: availability, search, load. They change nothing and are never written down.

use crate::boundary;
use crate::codes::{HAOYUAN_ANY, HAOYUAN_BATCH_MAX, HAOYUAN_ORDER_EARLIEST, HAOYUAN_ORDER_LEAST_LOADED};
use crate::decide::{channel, class, instant, refused, slot, what_is_wrong};
use crate::memory::{Number, Out, Outs, Structs, optional_text, read, wrong};
use crate::status::{Status, refusal};
use crate::types::{
    Struct, haoyuan_ask_t, haoyuan_availability_t, haoyuan_day_t, haoyuan_found_t, haoyuan_load_t,
    haoyuan_search_t, haoyuan_t,
};
use haoyuan::Registry;
use haoyuan::ids::{DepartmentId, InstitutionId};
use haoyuan::instant::Instant;
use haoyuan::request::{Order, Query};
use haoyuan::terms::Grade;
use std::ffi::c_char;

/// The most days that a search looks at.
const DAYS_MAX: i32 = haoyuan::command::Search::DAYS_MAX;

fn availability(registry: &Registry, asked: &haoyuan_ask_t) -> Result<haoyuan_availability_t, Status> {
    let (Some(slot), Some(class), Some(channel), Some(at), 0) = (
        slot(asked.session, asked.slot),
        class(asked.patient_class),
        channel(asked.channel),
        Instant::new(asked.at),
        asked.reserved,
    ) else {
        let haoyuan_ask_t { session, slot, patient_class, channel, at, reserved, .. } = *asked;
        return Err(what_is_wrong(session, slot, patient_class, channel, at, reserved));
    };
    let told = registry.platform().availability(slot, class, channel, at);
    let mut answer = haoyuan_availability_t {
        struct_size: haoyuan_availability_t::SIZE,
        ..haoyuan_availability_t::default()
    };
    let why = match told {
        Ok(told) => {
            answer.free = u32::from(told.free);
            answer.capacity = u32::from(told.capacity);
            answer.live = u32::from(told.live);
            told.refusal
        }
        Err(unknown) => Some(unknown),
    };
    if let Some(why) = why {
        answer.status = refusal(why.code);
        (answer.retry, answer.binding, answer.retry_from, answer.binding_value) = refused(&why);
    }
    Ok(answer)
}

/// What the decision would say for a class through a channel, now: how many seats, or why none. Patient rules are not part of it.
///
/// Any thread, also at once with every other function; not from a callback. Lock-free, but for a block that somebody waits for or that
/// keeps a returned seat back (see `haoyuan_hold`). Returns `HAOYUAN_OK` if there is a seat, the refusal if there is none, or what is wrong
/// with the arguments (then `availability` is cleared).
///
/// # Safety
/// `ask` and `availability` as long as their `struct_size`, which are set; `availability` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_availability(
    registry: haoyuan_t,
    ask: *const haoyuan_ask_t,
    availability: *mut haoyuan_availability_t,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let out = match unsafe { Out::new(availability) } {
        Ok(out) => out,
        Err(status) => return status.number(),
    };
    out.clear();
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asked = unsafe { read(ask) }?;
        let told = self::availability(registry, &asked)?;
        let status = told.status;
        out.write(told);
        Ok(status)
    }))
}

/// `haoyuan_availability` for each of `count` questions. Otherwise as `haoyuan_hold_batch`.
///
/// # Safety
/// `asks` and `availabilities` point to `count` structures; `availabilities` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_availability_batch(
    registry: haoyuan_t,
    asks: *const haoyuan_ask_t,
    availabilities: *mut haoyuan_availability_t,
    count: usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let outs = match unsafe { Outs::new(availabilities, count) } {
        Ok(outs) => outs,
        Err(status) => return status.number(),
    };
    outs.clear();
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asks = unsafe { Structs::new(asks, count) }?;
        for index in 0..count {
            let told =
                asks.read(index).and_then(|asked| availability(registry, &asked)).unwrap_or_else(|status| {
                    haoyuan_availability_t {
                        struct_size: haoyuan_availability_t::SIZE,
                        status: status.number(),
                        ..haoyuan_availability_t::default()
                    }
                });
            outs.at(index).write(told);
        }
        Ok(Status::Ok.number())
    }))
}

/// An institution and a department of it, by their codes.
///
/// # Safety
/// The codes are as long as their lengths.
pub(crate) unsafe fn place(
    registry: &Registry,
    institution: (*const c_char, usize),
    department: (*const c_char, usize),
) -> Result<(Option<InstitutionId>, Option<DepartmentId>), Status> {
    // SAFETY: the same duty.
    let institution = unsafe { optional_text(institution.0, institution.1) }?;
    // SAFETY: the same duty.
    let department = unsafe { optional_text(department.0, department.1) }?;
    let directory = registry.platform().directory();
    let Some(institution) = institution else {
        return match department {
            None => Ok((None, None)),
            Some(_) => Err(wrong(
                "institution",
                "is needed: a department is known within its institution",
                "不可缺:科室以机构为限",
            )),
        };
    };
    let institution = directory
        .institution(institution)
        .ok_or_else(|| wrong("institution", "is not registered", "未登记"))?;
    let department = department
        .map(|code| {
            directory
                .department(institution, code)
                .ok_or_else(|| wrong("department", "is not registered", "未登记"))
        })
        .transpose()?;
    Ok((Some(institution), department))
}

/// Slots that the decision would grant to a class, best first; at most `capacity` of them (1 to `HAOYUAN_BATCH_MAX`). `count` gets how many.
///
/// Any thread; not from a callback; waits for a publication that is entering its sessions, and, while any block keeps a returned seat back,
/// for the lock of the hospital's day. Returns `HAOYUAN_OK`, also for none, or what is wrong with the arguments.
///
/// # Safety
/// `search` as long as its `struct_size`, its codes as long as their lengths; `found` points to `capacity` writable structures, all with the
/// first one's `struct_size`, which is set; `count` is a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_search(
    registry: haoyuan_t,
    search: *const haoyuan_search_t,
    found: *mut haoyuan_found_t,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let (count, outs) = match unsafe { list(found, capacity, count) } {
        Ok(list) => list,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asked = unsafe { read(search) }?;
        let (Some(class), Some(channel), 0) =
            (class(asked.patient_class), channel(asked.channel), asked.reserved)
        else {
            return Err(what_is_wrong(0, 0, asked.patient_class, asked.channel, 0, asked.reserved));
        };
        if capacity == 0 {
            return Err(Status::InvalidLength);
        }
        // SAFETY: the caller's duty: the codes are as long as their lengths.
        let (institution, department) = unsafe {
            place(
                registry,
                (asked.institution, asked.institution_length),
                (asked.department, asked.department_length),
            )
        }?;
        // SAFETY: the caller's duty.
        let practitioner = unsafe { optional_text(asked.practitioner, asked.practitioner_length) }?;
        let practitioner = practitioner
            .map(|code| {
                let directory = registry.platform().directory();
                directory
                    .practitioner(code)
                    .ok_or_else(|| wrong("practitioner", "is not registered", "未登记"))
            })
            .transpose()?;
        let (from, to) = (instant(asked.first_day)?.day(), instant(asked.last_day)?.day());
        if to < from || to.0 - from.0 >= DAYS_MAX {
            return Err(wrong(
                "last_day",
                &format!("is not the first day or up to {} days later", DAYS_MAX - 1),
                &format!("须为首日或其后 {} 天以内", DAYS_MAX - 1),
            ));
        }
        let query = Query {
            class,
            channel,
            from,
            to,
            institution,
            department,
            practitioner,
            grade: grade(asked.grade)?,
            order: match asked.order {
                HAOYUAN_ORDER_EARLIEST => Order::Earliest,
                HAOYUAN_ORDER_LEAST_LOADED => Order::LeastLoaded,
                _ => return Err(wrong("order", "is none of HAOYUAN_ORDER_…", "不是 HAOYUAN_ORDER_… 之一")),
            },
            most: capacity,
        };
        let listed = registry.platform().search(&query, instant(asked.at)?);
        for (index, slot) in listed.iter().enumerate() {
            outs.at(index).write(haoyuan_found_t {
                struct_size: haoyuan_found_t::SIZE,
                session: slot.slot.session.get(),
                slot: u32::from(slot.slot.slot.get()),
                free: u32::from(slot.free),
                live: u32::from(slot.live),
                capacity: u32::from(slot.capacity),
                from: slot.time.from.ms(),
                to: slot.time.to.ms(),
            });
        }
        count.set(listed.len());
        Ok(Status::Ok.number())
    }))
}

fn grade(number: u32) -> Result<Option<Grade>, Status> {
    if number == HAOYUAN_ANY {
        return Ok(None);
    }
    let grade = u8::try_from(number).ok().and_then(Grade::from_number);
    grade.map(Some).ok_or_else(|| {
        wrong(
            "grade",
            "is none of HAOYUAN_GRADE_… and not HAOYUAN_ANY",
            "既不是 HAOYUAN_GRADE_… 之一,也不是 HAOYUAN_ANY",
        )
    })
}

/// Where a list goes: its elements cleared, its count 0.
///
/// # Safety
/// `list` points to `capacity` writable structures, `count` to a writable number.
unsafe fn list<T: Struct>(
    list: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Result<(Number<usize>, Outs<T>), Status> {
    // SAFETY: the same duty.
    let count = unsafe { Number::new(count) }?;
    if capacity > HAOYUAN_BATCH_MAX as usize {
        return Err(Status::InvalidLength);
    }
    // SAFETY: the same duty.
    let outs = unsafe { Outs::new(list, capacity) }?;
    outs.clear();
    Ok((count, outs))
}

/// How the visits of a day spread over its slots (就诊时段分布), in order of time. `count` gets how many times there are; without room for
/// all of them nothing but that is written.
///
/// Any thread; not from a callback; waits only for a publication that is entering its sessions. Returns `HAOYUAN_OK`,
/// `HAOYUAN_BUFFER_TOO_SMALL`, or what is wrong with the arguments.
///
/// # Safety
/// `day` as long as its `struct_size`, its codes as long as their lengths; `loads` points to `capacity` writable structures (null with 0), all with
/// the first one's `struct_size`, which is set; `count` is a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_load(
    registry: haoyuan_t,
    day: *const haoyuan_day_t,
    loads: *mut haoyuan_load_t,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let (count, outs) = match unsafe { list(loads, capacity, count) } {
        Ok(list) => list,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asked = unsafe { read(day) }?;
        if asked.reserved != 0 {
            return Err(wrong("reserved", "is not 0", "须为 0"));
        }
        // SAFETY: the caller's duty: the codes are as long as their lengths.
        let (institution, department) = unsafe {
            place(
                registry,
                (asked.institution, asked.institution_length),
                (asked.department, asked.department_length),
            )
        }?;
        let loads =
            registry.engine().load(instant(asked.day)?.day(), institution, department, instant(asked.at)?);
        count.set(loads.len());
        if loads.len() > capacity {
            return Err(Status::BufferTooSmall);
        }
        for (index, load) in loads.iter().enumerate() {
            outs.at(index).write(haoyuan_load_t {
                struct_size: haoyuan_load_t::SIZE,
                capacity: load.capacity,
                live: load.live,
                reserved: 0,
                from: load.time.from.ms(),
                to: load.time.to.ms(),
            });
        }
        Ok(Status::Ok.number())
    }))
}
