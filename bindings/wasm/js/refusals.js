// Written by `HAOYUAN_BLESS=1 cargo test -p haoyuan-wasm --test refusals` from the table in the code.

export const REFUSALS = Object.freeze({
  IDEMPOTENCY_CONFLICT: Object.freeze({ number: 101, retry: "never", en: "this idempotency key was already used for a different command", zh: "该幂等键已用于另一条命令" }),
  CONCURRENT_REQUEST: Object.freeze({ number: 102, retry: "now", en: "another request is being decided right now; ask again", zh: "另一请求正在处理,请重试" }),
  UNKNOWN_SESSION: Object.freeze({ number: 201, retry: "never", en: "this session does not exist", zh: "该排班不存在" }),
  UNKNOWN_SLOT: Object.freeze({ number: 202, retry: "never", en: "this session has no such slot", zh: "该排班没有此时段" }),
  UNKNOWN_BOOKING: Object.freeze({ number: 203, retry: "never", en: "there is no such booking of this patient", zh: "该患者没有此预约" }),
  STOPPED: Object.freeze({ number: 301, retry: "never", en: "the hospital has stopped this session", zh: "该排班已停诊" }),
  NOT_ADMITTED: Object.freeze({ number: 302, retry: "never", en: "no pool of this session admits this class through this channel", zh: "该号源不对此类患者或此渠道开放" }),
  NOT_OPEN: Object.freeze({ number: 303, retry: "later", en: "booking has not opened yet", zh: "尚未到放号时间" }),
  CLOSED: Object.freeze({ number: 304, retry: "never", en: "booking has closed", zh: "已停止预约" }),
  SLOT_FULL: Object.freeze({ number: 305, retry: "later", en: "every seat of this slot is taken", zh: "该时段号源已满" }),
  PROTECTED: Object.freeze({ number: 306, retry: "later", en: "the seats that are left are reserved for other patients", zh: "剩余号源为其他患者预留" }),
  CAP_REACHED: Object.freeze({ number: 307, retry: "later", en: "the quota of this pool is used up", zh: "该号源池配额已用完" }),
  WAITLISTED: Object.freeze({ number: 308, retry: "later", en: "other patients are waiting for this slot; join the waitlist", zh: "该时段有患者候补,请加入候补" }),
  BELOW_LIVE: Object.freeze({ number: 310, retry: "later", en: "more seats are taken than would be left", zh: "已占用的号源多于调整后的数量" }),
  POOLS_DIFFER: Object.freeze({ number: 311, retry: "never", en: "the pools of a slot keep their names, places and opening times", zh: "号源池的名称、层级和开放时间不可更改" }),
  TICKET_REQUIRED: Object.freeze({ number: 401, retry: "never", en: "this class needs a ticket", zh: "需要转诊或签约等凭证" }),
  TICKET_UNKNOWN: Object.freeze({ number: 402, retry: "never", en: "this patient has no such ticket", zh: "该患者没有此凭证" }),
  TICKET_MISMATCH: Object.freeze({ number: 403, retry: "never", en: "this ticket is for another class, hospital or department", zh: "凭证与所约类别、医院或科室不符" }),
  TICKET_EXPIRED: Object.freeze({ number: 404, retry: "never", en: "this ticket has expired", zh: "凭证已过期" }),
  TICKET_USED: Object.freeze({ number: 405, retry: "later", en: "this ticket is already used by a booking", zh: "凭证已被使用" }),
  IDENTITY_MERGED: Object.freeze({ number: 500, retry: "never", en: "this patient's identities were merged in breach of the rules; ask the hospital", zh: "该患者身份合并后存在违规预约,请联系医院" }),
  SUSPENDED: Object.freeze({ number: 501, retry: "later", en: "online booking is suspended for this patient", zh: "该患者线上预约已被限制" }),
  OVERLAP: Object.freeze({ number: 502, retry: "later", en: "this patient has another booking too close in time", zh: "与该患者的其他预约时间冲突" }),
  DEPARTMENT_DAY_LIMIT: Object.freeze({ number: 503, retry: "later", en: "this patient already has the bookings allowed in this department on this day", zh: "该患者当日在本科室的预约已达上限" }),
  DAY_LIMIT: Object.freeze({ number: 504, retry: "later", en: "this patient already has the bookings allowed on this day", zh: "该患者当日预约已达上限" }),
  PERIOD_LIMIT: Object.freeze({ number: 505, retry: "later", en: "this patient already has the bookings allowed in this period", zh: "该患者在此期间的预约已达上限" }),
  SESSION_HOLD_LIMIT: Object.freeze({ number: 506, retry: "later", en: "this patient already holds a seat of this session", zh: "该患者在本排班已有锁定号源" }),
  HOLD_LIMIT: Object.freeze({ number: 507, retry: "later", en: "this patient has too many unpaid holds", zh: "该患者待支付的锁号已达上限" }),
  HOLD_EXPIRED: Object.freeze({ number: 601, retry: "never", en: "the hold has expired", zh: "锁号已过期" }),
  CANCELLED: Object.freeze({ number: 602, retry: "never", en: "this booking was cancelled", zh: "该预约已取消" }),
  TOO_LATE: Object.freeze({ number: 603, retry: "never", en: "it is too late to cancel", zh: "已超过可取消时间" }),
  ENGINE_FULL: Object.freeze({ number: 901, retry: "later", en: "the engine has reached a limit set at opening", zh: "系统容量已达上限" }),
  SEQUENCE_EXHAUSTED: Object.freeze({ number: 902, retry: "never", en: "this slot has reached the end of its history", zh: "该时段的流水号已用尽" }),
});

export function refusalText(code, lang = "zh") {
  const refusal = REFUSALS[code];
  return refusal ? (lang.startsWith("zh") ? refusal.zh : refusal.en) : code;
}
