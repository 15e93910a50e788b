//! Refusals are values: one table of stable codes, in order of precedence, with both languages of user text.
//!
//! INVARIANT (one table): every binding, document and message takes its codes from [`Code::ALL`]; nothing else lists
//! them. A request that breaks several rules is refused with the first code of the table that applies.

use crate::ids::{BookingId, NodeIndex};
use crate::instant::Instant;
use serde::Serialize;
use std::fmt;

/// Whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Not by itself: the request must change.
    Never,
    /// At once: a concurrent operation was under way.
    Now,
    /// From this instant on the named constraint no longer binds.
    From(Instant),
    /// When somebody gives a seat back; the instant is not known.
    WhenReturned,
}

impl Retry {
    /// The stable word.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Now => "now",
            Self::From(_) => "from",
            Self::WhenReturned => "when_returned",
        }
    }
}

/// The constraint that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// The code says it all.
    None,
    /// A node of the block's pool tree: its guarantee, cap or opening time.
    Node(NodeIndex),
    /// Another live booking of the same patient.
    Booking(BookingId),
    /// A count was reached; the value is the limit.
    Limit(u32),
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal, $retry:literal, $en:literal, $zh:literal;)+) => {
        /// Why a request was refused. The order is the order of precedence; the numbers never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $variant = $number),+
        }

        impl Code {
            /// Every code, in order of precedence.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word, as in JSON and the journal.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What to tell the user, in English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en),+ }
            }

            /// What to tell the user, in Chinese.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }

            /// Whether the same request may succeed later without being changed.
            #[must_use]
            pub const fn is_transient(self) -> bool {
                match self { $(Self::$variant => $retry),+ }
            }

            /// The code with this number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    /// The idempotency key was used before with a different command of the same patient.
    IdempotencyConflict = 101, "IDEMPOTENCY_CONFLICT", false,
        "this idempotency key was already used for a different command", "该幂等键已用于另一条命令";
    /// Another command of the same patient, or an administrative change of the same block, is under way.
    ConcurrentRequest = 102, "CONCURRENT_REQUEST", true,
        "another request is being decided right now; ask again", "另一请求正在处理,请重试";
    /// No such session was published.
    UnknownSession = 201, "UNKNOWN_SESSION", false, "this session does not exist", "该排班不存在";
    /// The session has no such slot.
    UnknownSlot = 202, "UNKNOWN_SLOT", false, "this session has no such slot", "该排班没有此时段";
    /// No such hold or booking, it belongs to somebody else, or it ended so long ago that its fate is forgotten.
    UnknownBooking = 203, "UNKNOWN_BOOKING", false, "there is no such booking of this patient", "该患者没有此预约";
    /// The session was stopped by the hospital (停诊).
    Stopped = 301, "STOPPED", false, "the hospital has stopped this session", "该排班已停诊";
    /// No pool of the session admits this class through this channel.
    NotAdmitted = 302, "NOT_ADMITTED", false,
        "no pool of this session admits this class through this channel", "该号源不对此类患者或此渠道开放";
    /// The pool has not opened yet.
    NotOpen = 303, "NOT_OPEN", true, "booking has not opened yet", "尚未到放号时间";
    /// The pool has closed (停挂).
    Closed = 304, "CLOSED", false, "booking has closed", "已停止预约";
    /// Every seat of the slot is held or booked.
    SlotFull = 305, "SLOT_FULL", true, "every seat of this slot is taken", "该时段号源已满";
    /// The seats that are left are reserved for another class.
    Protected = 306, "PROTECTED", true,
        "the seats that are left are reserved for other patients", "剩余号源为其他患者预留";
    /// The pool's own cap is reached.
    CapReached = 307, "CAP_REACHED", true, "the quota of this pool is used up", "该号源池配额已用完";
    /// There is a seat, and others wait for it.
    Waitlisted = 308, "WAITLISTED", true,
        "other patients are waiting for this slot; join the waitlist", "该时段有患者候补,请加入候补";
    /// What is free is what the patient gave back.
    ReturnedByYou = 309, "RETURNED_BY_YOU", true,
        "the only free seat is the one that this patient returned", "仅余该患者本人退回的号源,不可再次预约";
    /// More seats are held or booked than would be left.
    BelowLive = 310, "BELOW_LIVE", true,
        "more seats are taken than would be left", "已占用的号源多于调整后的数量";
    /// The pools that a change names are not those of the slot.
    PoolsDiffer = 311, "POOLS_DIFFER", false,
        "the pools of a slot keep their names, places and opening times", "号源池的名称、层级和开放时间不可更改";
    /// The class is a privilege and no ticket was shown.
    TicketRequired = 401, "TICKET_REQUIRED", false, "this class needs a ticket", "需要转诊或签约等凭证";
    /// The patient has no such ticket.
    TicketUnknown = 402, "TICKET_UNKNOWN", false, "this patient has no such ticket", "该患者没有此凭证";
    /// The ticket is for another class, institution or department.
    TicketMismatch = 403, "TICKET_MISMATCH", false,
        "this ticket is for another class, hospital or department", "凭证与所约类别、医院或科室不符";
    /// The ticket has expired.
    TicketExpired = 404, "TICKET_EXPIRED", false, "this ticket has expired", "凭证已过期";
    /// The ticket is in use by a live booking.
    TicketUsed = 405, "TICKET_USED", true, "this ticket is already used by a booking", "凭证已被使用";
    /// Two identities that turned out to be one person had broken a rule together: booking is blocked until staff decide.
    IdentityMerged = 500, "IDENTITY_MERGED", false,
        "this patient's identities were merged in breach of the rules; ask the hospital",
        "该患者身份合并后存在违规预约,请联系医院";
    /// The patient's right to book online is suspended.
    Suspended = 501, "SUSPENDED", true, "online booking is suspended for this patient", "该患者线上预约已被限制";
    /// A live booking of the patient overlaps in time, travel included.
    Overlap = 502, "OVERLAP", true,
        "this patient has another booking too close in time", "与该患者的其他预约时间冲突";
    /// The patient already has a live booking in this department on this day.
    DepartmentDayLimit = 503, "DEPARTMENT_DAY_LIMIT", true,
        "this patient already has the bookings allowed in this department on this day",
        "该患者当日在本科室的预约已达上限";
    /// The patient has all the live bookings allowed on one day.
    DayLimit = 504, "DAY_LIMIT", true,
        "this patient already has the bookings allowed on this day", "该患者当日预约已达上限";
    /// The patient has all the live bookings allowed in a longer period.
    PeriodLimit = 505, "PERIOD_LIMIT", true,
        "this patient already has the bookings allowed in this period", "该患者在此期间的预约已达上限";
    /// The patient already holds a seat of this session.
    SessionHoldLimit = 506, "SESSION_HOLD_LIMIT", true,
        "this patient already holds a seat of this session", "该患者在本排班已有锁定号源";
    /// The patient has all the unpaid holds allowed at once.
    HoldLimit = 507, "HOLD_LIMIT", true,
        "this patient has too many unpaid holds", "该患者待支付的锁号已达上限";
    /// The hold ran out before it was confirmed.
    HoldExpired = 601, "HOLD_EXPIRED", false, "the hold has expired", "锁号已过期";
    /// The booking was cancelled.
    Cancelled = 602, "CANCELLED", false, "this booking was cancelled", "该预约已取消";
    /// The booking can no longer be cancelled.
    TooLate = 603, "TOO_LATE", false, "it is too late to cancel", "已超过可取消时间";
    /// Something that is waited for is free: one books it instead.
    NotFull = 701, "NOT_FULL", false, "there is a free seat; book it", "该号源尚有余号,请直接预约";
    /// Nobody can wait here, or not any more.
    WaitlistClosed = 702, "WAITLIST_CLOSED", false, "the waitlist is closed", "候补已关闭";
    /// As many wait as may.
    WaitlistFull = 703, "WAITLIST_FULL", true, "the waitlist is full", "候补人数已满";
    /// The patient has all the open entries allowed.
    WaitlistLimit = 704, "WAITLIST_LIMIT", true,
        "this patient is already on as many waitlists as allowed", "该患者的候补数量已达上限";
    /// The patient waits for this session already.
    AlreadyWaiting = 705, "ALREADY_WAITING", false,
        "this patient is already on the waitlist of this session", "该患者已在本排班候补中";
    /// No such open entry of this patient.
    UnknownEntry = 706, "UNKNOWN_ENTRY", false,
        "there is no such open waitlist entry of this patient", "该患者没有此候补记录";
    /// The entry has no open offer.
    NoOffer = 707, "NO_OFFER", false, "there is no open offer", "没有待确认的候补号源";
    /// The act is for staff: name a role and who it is.
    RoleRequired = 711, "ROLE_REQUIRED", false, "only staff can do this", "仅限医院工作人员操作";
    /// A reason must be given.
    ReasonRequired = 712, "REASON_REQUIRED", false, "a reason is required", "须填写原因";
    /// The green channel needs a named contact person.
    ContactRequired = 713, "CONTACT_REQUIRED", false,
        "the green channel needs a contact person", "绿色通道须指定联系人";
    /// The ledger of extra seats is used up.
    ExtraLimit = 714, "EXTRA_LIMIT", true, "no more extra seats are allowed", "加号已达上限";
    /// There is no such stop.
    UnknownStop = 721, "UNKNOWN_STOP", false, "there is no such stop", "没有此停诊记录";
    /// The session is decided as a whole; one slot of it cannot be stopped by itself.
    NotSeparable = 722, "NOT_SEPARABLE", false,
        "this session is one whole; stop it, a seat or a booking of it", "该排班不可按时段停诊,请按排班、号源或预约停诊";
    /// There is no such visit.
    UnknownVisit = 731, "UNKNOWN_VISIT", false, "there is no such visit", "没有此就诊记录";
    /// What was asked comes later or came before.
    NotNow = 732, "NOT_NOW", false, "this cannot be done at this point of the visit", "当前状态不可进行此操作";
    /// The patient came so late that the number is void.
    ArrivedTooLate = 733, "ARRIVED_TOO_LATE", false,
        "the patient is too late and the number is void; staff may let it pass", "迟到超时,号已作废;可由工作人员放行";
    /// The patient has checked in already.
    AlreadyThere = 734, "ALREADY_THERE", false, "the patient has checked in already", "该患者已报到";
    /// Nobody waits whom the room may call.
    NobodyWaits = 735, "NOBODY_WAITS", true, "nobody waits to be called", "暂无候诊患者";
    /// The room has a patient, called or inside.
    RoomBusy = 736, "ROOM_BUSY", true, "the room has a patient", "该诊室有患者";
    /// A limit that the host set when it opened the engine is reached.
    EngineFull = 901, "ENGINE_FULL", true,
        "the engine has reached a limit set at opening", "系统容量已达上限";
    /// The block has used all of its 2^32 transitions.
    SequenceExhausted = 902, "SEQUENCE_EXHAUSTED", false,
        "this slot has reached the end of its history", "该时段的流水号已用尽";
}

impl Code {
    /// The stable number, as in C.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// The answer "no": what decided, and whether asking again can help. A normal value, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The constraint that decided.
    pub binding: Binding,
    /// Whether, and from when, the same request may succeed.
    pub retry: Retry,
}

impl Refusal {
    /// A refusal that needs no binding constraint; retrying follows from the code.
    #[must_use]
    pub const fn plain(code: Code) -> Self {
        let retry = match code {
            Code::ConcurrentRequest => Retry::Now,
            _ if code.is_transient() => Retry::WhenReturned,
            _ => Retry::Never,
        };
        Self { code, binding: Binding::None, retry }
    }

    /// The same refusal with its binding constraint.
    #[must_use]
    pub const fn by(self, binding: Binding) -> Self {
        Self { binding, ..self }
    }

    /// The same refusal with the instant from which the constraint no longer binds.
    #[must_use]
    pub const fn from(self, instant: Instant) -> Self {
        Self { retry: Retry::From(instant), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_each_code_is_found_by_its_number() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(code.text().chars().all(|c| c.is_ascii_uppercase() || c == '_'));
            assert!(!code.en().is_empty() && !code.zh().is_ascii());
        }
    }

    #[test]
    fn when_to_ask_again_follows_from_the_code_where_nothing_more_is_known() {
        let plain = |code| Refusal::plain(code).retry;
        assert_eq!(plain(Code::ConcurrentRequest), Retry::Now);
        assert_eq!(plain(Code::SlotFull), Retry::WhenReturned);
        assert_eq!(plain(Code::Stopped), Retry::Never);
        let eight = Instant::saturating(8);
        let words = [Retry::Never, Retry::Now, Retry::From(eight), Retry::WhenReturned].map(Retry::text);
        assert_eq!(words, ["never", "now", "from", "when_returned"]);
        assert_eq!(Code::SlotFull.to_string(), "SLOT_FULL");
    }
}
