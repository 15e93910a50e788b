// Written by `HAOYUAN_BLESS=1 cargo test -p haoyuan-wasm --test refusals` from the table in the code.

/** Why a request was refused, in order of precedence. A code never changes its meaning. */
export type RefusalCode =
  /** this idempotency key was already used for a different command 该幂等键已用于另一条命令 */
  | "IDEMPOTENCY_CONFLICT"
  /** another request is being decided right now; ask again 另一请求正在处理,请重试 */
  | "CONCURRENT_REQUEST"
  /** this session does not exist 该排班不存在 */
  | "UNKNOWN_SESSION"
  /** this session has no such slot 该排班没有此时段 */
  | "UNKNOWN_SLOT"
  /** there is no such booking of this patient 该患者没有此预约 */
  | "UNKNOWN_BOOKING"
  /** the hospital has stopped this session 该排班已停诊 */
  | "STOPPED"
  /** no pool of this session admits this class through this channel 该号源不对此类患者或此渠道开放 */
  | "NOT_ADMITTED"
  /** booking has not opened yet 尚未到放号时间 */
  | "NOT_OPEN"
  /** booking has closed 已停止预约 */
  | "CLOSED"
  /** every seat of this slot is taken 该时段号源已满 */
  | "SLOT_FULL"
  /** the seats that are left are reserved for other patients 剩余号源为其他患者预留 */
  | "PROTECTED"
  /** the quota of this pool is used up 该号源池配额已用完 */
  | "CAP_REACHED"
  /** other patients are waiting for this slot; join the waitlist 该时段有患者候补,请加入候补 */
  | "WAITLISTED"
  /** the only free seat is the one that this patient returned 仅余该患者本人退回的号源,不可再次预约 */
  | "RETURNED_BY_YOU"
  /** more seats are taken than would be left 已占用的号源多于调整后的数量 */
  | "BELOW_LIVE"
  /** the pools of a slot keep their names, places and opening times 号源池的名称、层级和开放时间不可更改 */
  | "POOLS_DIFFER"
  /** this class needs a ticket 需要转诊或签约等凭证 */
  | "TICKET_REQUIRED"
  /** this patient has no such ticket 该患者没有此凭证 */
  | "TICKET_UNKNOWN"
  /** this ticket is for another class, hospital or department 凭证与所约类别、医院或科室不符 */
  | "TICKET_MISMATCH"
  /** this ticket has expired 凭证已过期 */
  | "TICKET_EXPIRED"
  /** this ticket is already used by a booking 凭证已被使用 */
  | "TICKET_USED"
  /** this patient's identities were merged in breach of the rules; ask the hospital 该患者身份合并后存在违规预约,请联系医院 */
  | "IDENTITY_MERGED"
  /** online booking is suspended for this patient 该患者线上预约已被限制 */
  | "SUSPENDED"
  /** this patient has another booking too close in time 与该患者的其他预约时间冲突 */
  | "OVERLAP"
  /** this patient already has the bookings allowed in this department on this day 该患者当日在本科室的预约已达上限 */
  | "DEPARTMENT_DAY_LIMIT"
  /** this patient already has the bookings allowed on this day 该患者当日预约已达上限 */
  | "DAY_LIMIT"
  /** this patient already has the bookings allowed in this period 该患者在此期间的预约已达上限 */
  | "PERIOD_LIMIT"
  /** this patient already holds a seat of this session 该患者在本排班已有锁定号源 */
  | "SESSION_HOLD_LIMIT"
  /** this patient has too many unpaid holds 该患者待支付的锁号已达上限 */
  | "HOLD_LIMIT"
  /** the hold has expired 锁号已过期 */
  | "HOLD_EXPIRED"
  /** this booking was cancelled 该预约已取消 */
  | "CANCELLED"
  /** it is too late to cancel 已超过可取消时间 */
  | "TOO_LATE"
  /** there is a free seat; book it 该号源尚有余号,请直接预约 */
  | "NOT_FULL"
  /** the waitlist is closed 候补已关闭 */
  | "WAITLIST_CLOSED"
  /** the waitlist is full 候补人数已满 */
  | "WAITLIST_FULL"
  /** this patient is already on as many waitlists as allowed 该患者的候补数量已达上限 */
  | "WAITLIST_LIMIT"
  /** this patient is already on the waitlist of this session 该患者已在本排班候补中 */
  | "ALREADY_WAITING"
  /** there is no such open waitlist entry of this patient 该患者没有此候补记录 */
  | "UNKNOWN_ENTRY"
  /** there is no open offer 没有待确认的候补号源 */
  | "NO_OFFER"
  /** only staff can do this 仅限医院工作人员操作 */
  | "ROLE_REQUIRED"
  /** a reason is required 须填写原因 */
  | "REASON_REQUIRED"
  /** the green channel needs a contact person 绿色通道须指定联系人 */
  | "CONTACT_REQUIRED"
  /** no more extra seats are allowed 加号已达上限 */
  | "EXTRA_LIMIT"
  /** there is no such stop 没有此停诊记录 */
  | "UNKNOWN_STOP"
  /** this session is one whole; stop it, a seat or a booking of it 该排班不可按时段停诊,请按排班、号源或预约停诊 */
  | "NOT_SEPARABLE"
  /** there is no such visit 没有此就诊记录 */
  | "UNKNOWN_VISIT"
  /** this cannot be done at this point of the visit 当前状态不可进行此操作 */
  | "NOT_NOW"
  /** the patient is too late and the number is void; staff may let it pass 迟到超时,号已作废;可由工作人员放行 */
  | "ARRIVED_TOO_LATE"
  /** the patient has checked in already 该患者已报到 */
  | "ALREADY_THERE"
  /** nobody waits to be called 暂无候诊患者 */
  | "NOBODY_WAITS"
  /** the room has a patient 该诊室有患者 */
  | "ROOM_BUSY"
  /** the engine has reached a limit set at opening 系统容量已达上限 */
  | "ENGINE_FULL"
  /** this slot has reached the end of its history 该时段的流水号已用尽 */
  | "SEQUENCE_EXHAUSTED";

/** A line of the table of refusals. */
export interface RefusalEntry {
  /** As in C and the journal. */
  readonly number: number;
  /** Whether the same request can help: `never`; `now`, at once; `later`. */
  readonly retry: "never" | "now" | "later";
  /** What to tell the patient, in English. */
  readonly en: string;
  /** The same in Chinese. */
  readonly zh: string;
}

/** The table of refusals, in order of precedence. */
export const REFUSALS: { readonly [code in RefusalCode]: RefusalEntry };

/** What to tell the patient about a code; Chinese unless `lang` says otherwise. The code itself if it is unknown. */
export function refusalText(code: RefusalCode | (string & {}), lang?: string): string;
