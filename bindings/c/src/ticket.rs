//! Tickets: the proofs of a right, as a typed call.

use crate::ask::place;
use crate::boundary;
use crate::decide::{class, instant, who};
use crate::memory::{Number, read, wrong};
use crate::open::status_of;
use crate::status::{Status, refusal};
use crate::types::{haoyuan_t, haoyuan_ticket_t};
use haoyuan::ids::{PatientKey, TicketId};
use haoyuan::request::Ticket;

/// Registers a ticket: from now on its patient may ask for a seat by the right that it proves, once. Registering the same number
/// again replaces its terms and keeps its use. `ack` gets the acknowledgement.
///
/// Any thread, also at once with every other function; not from a callback. Lock-free but for looking the codes up, which waits for a
/// directory that is being taken up. Durable when `haoyuan_wait` says so. Returns `HAOYUAN_OK`; a refusal (`HAOYUAN_TICKET_MISMATCH` for
/// a class that needs no ticket, `HAOYUAN_TICKET_EXPIRED`, `HAOYUAN_CONCURRENT_REQUEST`, `HAOYUAN_ENGINE_FULL`); or what is wrong with
/// the arguments.
///
/// # Safety
/// `ticket` as long as its `struct_size`, its codes as long as their lengths; `ack` is a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_issue_ticket(
    registry: haoyuan_t,
    ticket: *const haoyuan_ticket_t,
    ack: *mut u64,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let number = match unsafe { Number::new(ack) } {
        Ok(number) => number,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asked = unsafe { read(ticket) }?;
        let class = class(asked.patient_class).ok_or_else(|| {
            wrong("patient_class", "is none of HAOYUAN_CLASS_…", "不是 HAOYUAN_CLASS_… 之一")
        })?;
        // SAFETY: the caller's duty: the codes are as long as their lengths.
        let (institution, department) = unsafe {
            place(
                registry,
                (asked.institution, asked.institution_length),
                (asked.department, asked.department_length),
            )
        }?;
        let ticket = Ticket {
            id: TicketId::new(u128::from_be_bytes(asked.ticket))
                .ok_or_else(|| wrong("ticket", "is zero", "为零"))?,
            patient: PatientKey::new(u128::from_be_bytes(asked.patient))
                .ok_or_else(|| wrong("patient", "is zero", "为零"))?,
            class,
            institution: institution.ok_or_else(|| wrong("institution", "is needed", "不可缺"))?,
            department,
            expires: instant(asked.expires)?,
        };
        let at = instant(asked.at)?;
        let who = who(asked.role, asked.actor, 0, asked.reason)?;
        let decided = registry.by(&who).issue_ticket(&ticket, at).map_err(|error| status_of(&error))?;
        number.set(registry.number_of(&decided.ack));
        Ok(decided.answer.map_or_else(|told| refusal(told.code), |()| Status::Ok.number()))
    }))
}
