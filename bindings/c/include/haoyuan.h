/* haoyuan (号源): the engine that hands out outpatient numbers, for C and every language that calls C.
 *
 * Made from bindings/c; do not edit. bindings/c/README.md has the conventions. In short: a function returns 0, a positive
 * number for a refusal (an answer), a negative one for an error; a structure's struct_size is set before it is passed, in or
 * out; texts are UTF-8 with a length; instants are milliseconds since 1970-01-01T00:00:00Z; 16-byte keys are zero for none.
 *
 * Licence: MIT OR Apache-2.0 */


#ifndef HAOYUAN_H
#define HAOYUAN_H

#include <stddef.h>
#include <stdint.h>

/* Whether this header and the library fit: HAOYUAN_OK or HAOYUAN_ABI_MISMATCH. Ask before anything else. */
#define HAOYUAN_ABI_CHECK() haoyuan_abi_check(HAOYUAN_ABI_VERSION)

/* Sets a structure to zero and its struct_size. */
#define HAOYUAN_INIT(variable)                                                                     \
  do {                                                                                             \
    unsigned char *haoyuan_bytes_ = (unsigned char *)&(variable);                                  \
    size_t haoyuan_size_;                                                                          \
    for (haoyuan_size_ = 0; haoyuan_size_ < sizeof(variable); haoyuan_size_++)                     \
      haoyuan_bytes_[haoyuan_size_] = 0;                                                           \
    (variable).struct_size = (uint32_t)sizeof(variable);                                           \
  } while (0)


// programs of another major number do not fit
#define HAOYUAN_ABI_MAJOR 0

// a library with a smaller minor number lacks something
#define HAOYUAN_ABI_MINOR 2

// both in one number
#define HAOYUAN_ABI_VERSION 2

// done (成功)
#define HAOYUAN_OK 0

// a pointer that is needed is null (必需的指针为空)
#define HAOYUAN_NULL_POINTER -1

// there is no open registry with this handle (句柄无效或已关闭)
#define HAOYUAN_INVALID_HANDLE -2

// the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库)
#define HAOYUAN_STRUCT_SIZE -3

// a length or count is out of range (长度或数量超出范围)
#define HAOYUAN_INVALID_LENGTH -4

// a text is not valid UTF-8 (文本不是有效的 UTF-8)
#define HAOYUAN_INVALID_UTF8 -5

// a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)
#define HAOYUAN_INVALID_ARGUMENT -6

// the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)
#define HAOYUAN_BUFFER_TOO_SMALL -7

// the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)
#define HAOYUAN_ABI_MISMATCH -8

// a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)
#define HAOYUAN_REENTERED -9

// too many registries are open in this process (本进程打开的句柄过多)
#define HAOYUAN_TOO_MANY_HANDLES -10

// a snapshot is being taken; ask again (正在生成快照,请重试)
#define HAOYUAN_BUSY -11

// this registry gave out no such acknowledgement (没有此确认编号)
#define HAOYUAN_UNKNOWN_ACK -12

// not durable yet (尚未落盘)
#define HAOYUAN_PENDING -101

// the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)
#define HAOYUAN_JOURNAL_FAILED -102

// the journal folder is in use (日志目录正被占用)
#define HAOYUAN_JOURNAL_LOCKED -103

// the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)
#define HAOYUAN_JOURNAL_DAMAGED -104

// the journal folder cannot be opened (无法打开日志目录)
#define HAOYUAN_FOLDER -105

// the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)
#define HAOYUAN_JOURNAL_MISFIT -106

// the registry keeps no journal (未启用日志)
#define HAOYUAN_NO_JOURNAL -107

// the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)
#define HAOYUAN_SETUP_REFUSED -108

// the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)
#define HAOYUAN_PANICKED -201

// an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)
#define HAOYUAN_POISONED -202

// this idempotency key was already used for a different command (该幂等键已用于另一条命令)
#define HAOYUAN_IDEMPOTENCY_CONFLICT 101

// another request is being decided right now; ask again (另一请求正在处理,请重试)
#define HAOYUAN_CONCURRENT_REQUEST 102

// this session does not exist (该排班不存在)
#define HAOYUAN_UNKNOWN_SESSION 201

// this session has no such slot (该排班没有此时段)
#define HAOYUAN_UNKNOWN_SLOT 202

// there is no such booking of this patient (该患者没有此预约)
#define HAOYUAN_UNKNOWN_BOOKING 203

// the hospital has stopped this session (该排班已停诊)
#define HAOYUAN_STOPPED 301

// no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)
#define HAOYUAN_NOT_ADMITTED 302

// booking has not opened yet (尚未到放号时间)
#define HAOYUAN_NOT_OPEN 303

// booking has closed (已停止预约)
#define HAOYUAN_CLOSED 304

// every seat of this slot is taken (该时段号源已满)
#define HAOYUAN_SLOT_FULL 305

// the seats that are left are reserved for other patients (剩余号源为其他患者预留)
#define HAOYUAN_PROTECTED 306

// the quota of this pool is used up (该号源池配额已用完)
#define HAOYUAN_CAP_REACHED 307

// other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补)
#define HAOYUAN_WAITLISTED 308

// the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约)
#define HAOYUAN_RETURNED_BY_YOU 309

// more seats are taken than would be left (已占用的号源多于调整后的数量)
#define HAOYUAN_BELOW_LIVE 310

// the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改)
#define HAOYUAN_POOLS_DIFFER 311

// this class needs a ticket (需要转诊或签约等凭证)
#define HAOYUAN_TICKET_REQUIRED 401

// this patient has no such ticket (该患者没有此凭证)
#define HAOYUAN_TICKET_UNKNOWN 402

// this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)
#define HAOYUAN_TICKET_MISMATCH 403

// this ticket has expired (凭证已过期)
#define HAOYUAN_TICKET_EXPIRED 404

// this ticket is already used by a booking (凭证已被使用)
#define HAOYUAN_TICKET_USED 405

// this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院)
#define HAOYUAN_IDENTITY_MERGED 500

// online booking is suspended for this patient (该患者线上预约已被限制)
#define HAOYUAN_SUSPENDED 501

// this patient has another booking too close in time (与该患者的其他预约时间冲突)
#define HAOYUAN_OVERLAP 502

// this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)
#define HAOYUAN_DEPARTMENT_DAY_LIMIT 503

// this patient already has the bookings allowed on this day (该患者当日预约已达上限)
#define HAOYUAN_DAY_LIMIT 504

// this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)
#define HAOYUAN_PERIOD_LIMIT 505

// this patient already holds a seat of this session (该患者在本排班已有锁定号源)
#define HAOYUAN_SESSION_HOLD_LIMIT 506

// this patient has too many unpaid holds (该患者待支付的锁号已达上限)
#define HAOYUAN_HOLD_LIMIT 507

// the hold has expired (锁号已过期)
#define HAOYUAN_HOLD_EXPIRED 601

// this booking was cancelled (该预约已取消)
#define HAOYUAN_CANCELLED 602

// it is too late to cancel (已超过可取消时间)
#define HAOYUAN_TOO_LATE 603

// there is a free seat; book it (该号源尚有余号,请直接预约)
#define HAOYUAN_NOT_FULL 701

// the waitlist is closed (候补已关闭)
#define HAOYUAN_WAITLIST_CLOSED 702

// the waitlist is full (候补人数已满)
#define HAOYUAN_WAITLIST_FULL 703

// this patient is already on as many waitlists as allowed (该患者的候补数量已达上限)
#define HAOYUAN_WAITLIST_LIMIT 704

// this patient is already on the waitlist of this session (该患者已在本排班候补中)
#define HAOYUAN_ALREADY_WAITING 705

// there is no such open waitlist entry of this patient (该患者没有此候补记录)
#define HAOYUAN_UNKNOWN_ENTRY 706

// there is no open offer (没有待确认的候补号源)
#define HAOYUAN_NO_OFFER 707

// only staff can do this (仅限医院工作人员操作)
#define HAOYUAN_ROLE_REQUIRED 711

// a reason is required (须填写原因)
#define HAOYUAN_REASON_REQUIRED 712

// the green channel needs a contact person (绿色通道须指定联系人)
#define HAOYUAN_CONTACT_REQUIRED 713

// no more extra seats are allowed (加号已达上限)
#define HAOYUAN_EXTRA_LIMIT 714

// there is no such stop (没有此停诊记录)
#define HAOYUAN_UNKNOWN_STOP 721

// this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊)
#define HAOYUAN_NOT_SEPARABLE 722

// there is no such visit (没有此就诊记录)
#define HAOYUAN_UNKNOWN_VISIT 731

// this cannot be done at this point of the visit (当前状态不可进行此操作)
#define HAOYUAN_NOT_NOW 732

// the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行)
#define HAOYUAN_ARRIVED_TOO_LATE 733

// the patient has checked in already (该患者已报到)
#define HAOYUAN_ALREADY_THERE 734

// nobody waits to be called (暂无候诊患者)
#define HAOYUAN_NOBODY_WAITS 735

// the room has a patient (该诊室有患者)
#define HAOYUAN_ROOM_BUSY 736

// the engine has reached a limit set at opening (系统容量已达上限)
#define HAOYUAN_ENGINE_FULL 901

// this slot has reached the end of its history (该时段的流水号已用尽)
#define HAOYUAN_SEQUENCE_EXHAUSTED 902

// public (公众)
#define HAOYUAN_CLASS_PUBLIC 0

// referral secondary (二级转诊)
#define HAOYUAN_CLASS_REFERRAL_SECONDARY 1

// referral primary (基层转诊)
#define HAOYUAN_CLASS_REFERRAL_PRIMARY 2

// contract (签约居民)
#define HAOYUAN_CLASS_CONTRACT 3

// revisit (复诊)
#define HAOYUAN_CLASS_REVISIT 4

// on site (现场)
#define HAOYUAN_CLASS_ON_SITE 5

// green (绿色通道)
#define HAOYUAN_CLASS_GREEN 6

// app (手机应用)
#define HAOYUAN_CHANNEL_APP 0

// wechat (微信)
#define HAOYUAN_CHANNEL_WECHAT 1

// phone (电话)
#define HAOYUAN_CHANNEL_PHONE 2

// web (网页)
#define HAOYUAN_CHANNEL_WEB 3

// kiosk (自助机)
#define HAOYUAN_CHANNEL_KIOSK 4

// window (窗口)
#define HAOYUAN_CHANNEL_WINDOW 5

// station (医生站)
#define HAOYUAN_CHANNEL_STATION 6

// partner (合作平台)
#define HAOYUAN_CHANNEL_PARTNER 7

// ordinary (普通号)
#define HAOYUAN_GRADE_ORDINARY 0

// expert (专家号)
#define HAOYUAN_GRADE_EXPERT 1

// premium (特需号)
#define HAOYUAN_GRADE_PREMIUM 2

// disease (专病号)
#define HAOYUAN_GRADE_DISEASE 3

// patient (患者)
#define HAOYUAN_ROLE_PATIENT 0

// clerk (窗口人员)
#define HAOYUAN_ROLE_CLERK 1

// doctor (医生)
#define HAOYUAN_ROLE_DOCTOR 2

// family doctor (家庭医生)
#define HAOYUAN_ROLE_FAMILY_DOCTOR 3

// referrer (转诊机构)
#define HAOYUAN_ROLE_REFERRER 4

// partner (合作平台)
#define HAOYUAN_ROLE_PARTNER 5

// operator (管理人员)
#define HAOYUAN_ROLE_OPERATOR 6

// system (系统)
#define HAOYUAN_ROLE_SYSTEM 7

// there is no journal: a crash costs everything (仅内存)
#define HAOYUAN_MEMORY 0

// when queued: a crash costs at most the stated window (异步落盘)
#define HAOYUAN_ASYNC 1

// when on disk: a crash costs nothing that was acknowledged (同步落盘)
#define HAOYUAN_SYNCED 2

// each one (全部)
#define HAOYUAN_REFUSALS_ALL 0

// counts by minute, code, class and channel (按分钟计数)
#define HAOYUAN_REFUSALS_PER_MINUTE 1

// none but those with an idempotency key (不记录)
#define HAOYUAN_REFUSALS_NONE 2

// those that the options name (按原因记录)
#define HAOYUAN_REFUSALS_BY_REASON 3

// BLAKE3
#define HAOYUAN_BLAKE3 0

// SM3, where the rules of the place ask for it (国密 SM3)
#define HAOYUAN_SM3 1

// until `expires`, to be confirmed before (锁号)
#define HAOYUAN_HELD 1

// for good (已预约)
#define HAOYUAN_BOOKED 2

// not without changing the request (无需重试)
#define HAOYUAN_RETRY_NEVER 0

// at once (立即重试)
#define HAOYUAN_RETRY_NOW 1

// from `retry_from` on (从指定时间起)
#define HAOYUAN_RETRY_FROM 2

// when somebody gives a seat back (有退号时)
#define HAOYUAN_RETRY_WHEN_RETURNED 3

// the code says it all
#define HAOYUAN_BINDING_NONE 0

// a pool, for `haoyuan_pool_name` (号源池)
#define HAOYUAN_BINDING_POOL 1

// another booking of the patient (该患者的其他预约)
#define HAOYUAN_BINDING_BOOKING 2

// a count was reached: the limit (数量上限)
#define HAOYUAN_BINDING_LIMIT 3

// by time (按时间)
#define HAOYUAN_ORDER_EARLIEST 0

// the least loaded first, then by time (错峰)
#define HAOYUAN_ORDER_LEAST_LOADED 1

// English (英文)
#define HAOYUAN_ENGLISH 0

// Chinese (zh-CN) (中文)
#define HAOYUAN_CHINESE 1

// to know: opened, recovered, closed
#define HAOYUAN_LOG_INFO 1

// to look at: a torn tail was cut off
#define HAOYUAN_LOG_WARNING 2

// to act on: the journal failed, or the library made a mistake
#define HAOYUAN_LOG_ERROR 3

// no choice, where a field says so (不限)
#define HAOYUAN_ANY 4294967295

// elements of a batch, list or wait
#define HAOYUAN_BATCH_MAX 65536

// bytes of a text: as much as a line of the command language
#define HAOYUAN_TEXT_BYTES_MAX 8388608

// registries open at once in one process
#define HAOYUAN_HANDLES_MAX 255

// A log callback: `level` is one of `HAOYUAN_LOG_…`, `text` is UTF-8 of `length` bytes, not terminated, gone when the
// callback returns. It may be called from any thread, also from several at once.
typedef void (*haoyuan_log_t)(void *context, int32_t level, const char *text, size_t length);

// How a registry is opened. Zero everything, set `struct_size` and `abi_version`, then what you need.
typedef struct haoyuan_options_t {
  // `sizeof(haoyuan_options_t)`.
  uint32_t struct_size;
  // `HAOYUAN_ABI_VERSION`.
  uint32_t abi_version;
  // `HAOYUAN_MEMORY` (no journal), `HAOYUAN_ASYNC` (acknowledged when queued, a crash costs at most the window) or
  // `HAOYUAN_SYNCED` (acknowledged when on disk).
  uint32_t durability;
  // Which refusals the journal keeps: `HAOYUAN_REFUSALS_ALL`, `…_PER_MINUTE` (counts), `…_NONE`, or `…_BY_REASON`, those of
  // `refusal_codes`. Those with an idempotency key are always kept.
  uint32_t refusals;
  // The hash of the journal's chain: `HAOYUAN_BLAKE3` or `HAOYUAN_SM3`.
  uint32_t hash;
  // `HAOYUAN_ASYNC`: the loss window, milliseconds, from 1; 0 for 50.
  uint32_t window_ms;
  // `HAOYUAN_ASYNC`: the loss window, decisions, from 32; 0 for 65,536.
  uint32_t window_records;
  // `HAOYUAN_SYNCED`: how long a decision that nobody waits for may wait for company, microseconds; 0 for 2,000.
  uint32_t max_delay_us;
  // Sizes for about this many seats, 1 to 16,000,000; 0 for those that the journal has, or 200,000.
  uint32_t for_seats;
  // The most blocks (slots); 0 for what follows from `for_seats`. So the next five.
  uint32_t blocks;
  // The most seats.
  uint32_t seats;
  // The most sessions.
  uint32_t sessions;
  // The most different pool trees.
  uint32_t shapes;
  // The most patients.
  uint32_t patients;
  // The most entries of all patients: further bookings, tickets, remembered answers.
  uint32_t entries;
  // 0.
  uint32_t reserved;
  // The instant at which directory, policy and roster are taken up.
  int64_t at;
  // The journal's folder, created if it is not there; not looked at with `HAOYUAN_MEMORY`.
  const char *folder;
  // Its length in bytes.
  size_t folder_length;
  // The directory of institutions, departments and practitioners as TOML, or null. It, the policy and the roster are each taken
  // up only while the registry has nothing of the kind, so that a program can start with the same options every day.
  const char *directory;
  // Its length in bytes.
  size_t directory_length;
  // The policy: the name of a preset, or TOML; or null.
  const char *policy;
  // Its length in bytes.
  size_t policy_length;
  // The roster as CSV, or null.
  const char *roster;
  // Its length in bytes.
  size_t roster_length;
  // Where to write what happens, or null. It may be called from any thread until `haoyuan_close` has returned; it must not
  // unwind or jump out, and must not call a function with a handle (`HAOYUAN_REENTERED`).
  haoyuan_log_t log;
  // Handed to `log`.
  void *log_context;
  // `HAOYUAN_REFUSALS_BY_REASON`: the refusals that the journal keeps, such as `HAOYUAN_SLOT_FULL`.
  const int32_t *refusal_codes;
  // How many there are; 0 with every other choice.
  size_t refusal_codes_count;
} haoyuan_options_t;

// An open registry: a number, compared and never followed. 0 is none.
typedef uint64_t haoyuan_t;

// What a registry and its journal did since they were opened.
typedef struct haoyuan_stats_t {
  // `sizeof(haoyuan_stats_t)`.
  uint32_t struct_size;
  // 1 if the processor makes decisions lock-free.
  uint32_t lock_free;
  // Open handles of this process.
  uint32_t handles;
  // `HAOYUAN_OK`, or `HAOYUAN_JOURNAL_FAILED` once nothing is acknowledged any more.
  int32_t journal_status;
  // Panics that were caught under this handle.
  uint64_t panics;
  // Records that were replayed at opening.
  uint64_t recovered;
  // Durable records written since.
  uint64_t records;
  // Groups they were written in.
  uint64_t groups;
  // Bytes of these groups.
  uint64_t bytes;
  // Syncs.
  uint64_t syncs;
  // Segments begun.
  uint64_t segments;
  // Records in the queue now.
  uint64_t queued;
  // Records that wait for another now.
  uint64_t held_back;
  // The most that ever did.
  uint64_t held_back_max;
} haoyuan_stats_t;

// A wish for a seat.
typedef struct haoyuan_wish_t {
  // `sizeof(haoyuan_wish_t)`.
  uint32_t struct_size;
  // The session, from `haoyuan_find_session`.
  uint32_t session;
  // The slot, from 0.
  uint32_t slot;
  // By what right: `HAOYUAN_CLASS_…`.
  uint32_t patient_class;
  // Through which channel: `HAOYUAN_CHANNEL_…`.
  uint32_t channel;
  // Who gives the command, for the trace: `HAOYUAN_ROLE_…`. Nothing is decided by it.
  uint32_t role;
  // Why, for the trace: a code of your own list, 1 to 65,535; 0 for none.
  uint32_t reason;
  // 0.
  uint32_t reserved;
  // The instant of the decision, milliseconds since 1970-01-01T00:00:00Z.
  int64_t at;
  // Who acts, as a keyed hash; 0 if the patient does.
  uint64_t actor;
  // The contact person of a green channel, as a keyed hash; 0 for none.
  uint64_t contact;
  // The patient: a keyed hash of 128 bits, in the order of its hexadecimal digits; not zero.
  uint8_t patient[16];
  // The proof of the right; zero for none.
  uint8_t ticket[16];
  // An idempotency key, to repeat the command safely; zero for none.
  uint8_t key[16];
} haoyuan_wish_t;

// The answer to `haoyuan_hold` and `haoyuan_book`.
typedef struct haoyuan_grant_t {
  // `sizeof(haoyuan_grant_t)`.
  uint32_t struct_size;
  // `HAOYUAN_OK`, or the refusal; in a batch also an error of this element.
  int32_t status;
  // The hold or booking, for `haoyuan_confirm` and `haoyuan_cancel`.
  uint64_t booking;
  // The acknowledgement, for `haoyuan_wait`; 0 if there is nothing to wait for.
  uint64_t ack;
  // The suggested time of arrival, milliseconds since 1970.
  int64_t from;
  // The end of the slot.
  int64_t to;
  // When the hold ends, exclusive; 0 if booked.
  int64_t expires;
  // The session.
  uint32_t session;
  // The slot.
  uint32_t slot;
  // The number (号序) in the session, from 1.
  uint32_t number;
  // The pool that admitted it, for `haoyuan_pool_name`.
  uint32_t pool;
  // The institution, for `haoyuan_institution_code`.
  uint32_t institution;
  // `HAOYUAN_HELD` or `HAOYUAN_BOOKED`.
  uint32_t standing;
  // 1 if the seat is one of the public and not of a reserve.
  uint32_t spill;
  // The place in the block's gap-free history.
  uint32_t sequence;
  // A refusal: whether to ask again, `HAOYUAN_RETRY_…`.
  uint32_t retry;
  // A refusal: what `binding_value` is, `HAOYUAN_BINDING_…`.
  uint32_t binding;
  // A refusal with `HAOYUAN_RETRY_FROM`: from when.
  int64_t retry_from;
  // A refusal: the pool, booking or limit that decided.
  uint64_t binding_value;
} haoyuan_grant_t;

// What to do with a hold or booking.
typedef struct haoyuan_settle_t {
  // `sizeof(haoyuan_settle_t)`.
  uint32_t struct_size;
  // As in `haoyuan_wish_t`.
  uint32_t role;
  // As in `haoyuan_wish_t`.
  uint32_t reason;
  // 0.
  uint32_t reserved;
  // The instant of the decision, milliseconds since 1970.
  int64_t at;
  // Which, as the grant named it.
  uint64_t booking;
  // As in `haoyuan_wish_t`.
  uint64_t actor;
  // As in `haoyuan_wish_t`.
  uint64_t contact;
  // Whose it is.
  uint8_t patient[16];
  // An idempotency key; zero for none.
  uint8_t key[16];
} haoyuan_settle_t;

// The answer to `haoyuan_confirm` and `haoyuan_cancel`.
typedef struct haoyuan_settled_t {
  // `sizeof(haoyuan_settled_t)`.
  uint32_t struct_size;
  // `HAOYUAN_OK`, or the refusal; in a batch also an error of this element.
  int32_t status;
  // The booking.
  uint64_t booking;
  // The acknowledgement; 0 if there is nothing to wait for.
  uint64_t ack;
  // The place in the block's history.
  uint32_t sequence;
  // 1 if this command changed something, 0 if it was so already.
  uint32_t changed;
  // As in `haoyuan_grant_t`.
  uint32_t retry;
  // As in `haoyuan_grant_t`.
  uint32_t binding;
  // As in `haoyuan_grant_t`.
  int64_t retry_from;
  // As in `haoyuan_grant_t`.
  uint64_t binding_value;
} haoyuan_settled_t;

// A question about one slot.
typedef struct haoyuan_ask_t {
  // `sizeof(haoyuan_ask_t)`.
  uint32_t struct_size;
  // The session.
  uint32_t session;
  // The slot, from 0.
  uint32_t slot;
  // `HAOYUAN_CLASS_…`.
  uint32_t patient_class;
  // `HAOYUAN_CHANNEL_…`.
  uint32_t channel;
  // 0.
  uint32_t reserved;
  // The instant, milliseconds since 1970.
  int64_t at;
} haoyuan_ask_t;

// What the decision would say for that class, now.
typedef struct haoyuan_availability_t {
  // `sizeof(haoyuan_availability_t)`.
  uint32_t struct_size;
  // `HAOYUAN_OK` if `free` is not 0, or why it is.
  int32_t status;
  // Seats that this class could be granted one after another.
  uint32_t free;
  // Seats of the slot's block.
  uint32_t capacity;
  // Those that are held or booked.
  uint32_t live;
  // As in `haoyuan_grant_t`.
  uint32_t retry;
  // As in `haoyuan_grant_t`.
  uint32_t binding;
  // 0.
  uint32_t reserved;
  // As in `haoyuan_grant_t`.
  int64_t retry_from;
  // As in `haoyuan_grant_t`.
  uint64_t binding_value;
} haoyuan_availability_t;

// What to search for.
typedef struct haoyuan_search_t {
  // `sizeof(haoyuan_search_t)`.
  uint32_t struct_size;
  // `HAOYUAN_CLASS_…`.
  uint32_t patient_class;
  // `HAOYUAN_CHANNEL_…`.
  uint32_t channel;
  // `HAOYUAN_GRADE_…`, or `HAOYUAN_ANY`.
  uint32_t grade;
  // `HAOYUAN_ORDER_EARLIEST` or `HAOYUAN_ORDER_LEAST_LOADED` (错峰).
  uint32_t order;
  // 0.
  uint32_t reserved;
  // The instant, milliseconds since 1970.
  int64_t at;
  // Any instant of the first day (+08:00).
  int64_t first_day;
  // Any instant of the last day, inclusive; at most 365 days later.
  int64_t last_day;
  // The code of an institution; null for all.
  const char *institution;
  // Its length in bytes.
  size_t institution_length;
  // The code of a department of that institution; null for all.
  const char *department;
  // Its length in bytes.
  size_t department_length;
  // The code of a practitioner; null for all.
  const char *practitioner;
  // Its length in bytes.
  size_t practitioner_length;
} haoyuan_search_t;

// A slot that the decision would grant.
typedef struct haoyuan_found_t {
  // `sizeof(haoyuan_found_t)`.
  uint32_t struct_size;
  // The session.
  uint32_t session;
  // The slot.
  uint32_t slot;
  // Seats that the class could get.
  uint32_t free;
  // Live seats of the slot's block.
  uint32_t live;
  // Seats of the slot's block.
  uint32_t capacity;
  // When it begins.
  int64_t from;
  // When it ends.
  int64_t to;
} haoyuan_found_t;

// Which day's load to show.
typedef struct haoyuan_day_t {
  // `sizeof(haoyuan_day_t)`.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // The instant, milliseconds since 1970.
  int64_t at;
  // Any instant of the day (+08:00).
  int64_t day;
  // The code of an institution; null for all.
  const char *institution;
  // Its length in bytes.
  size_t institution_length;
  // The code of a department of that institution; null for all.
  const char *department;
  // Its length in bytes.
  size_t department_length;
} haoyuan_day_t;

// How full the slots of one time are (就诊时段分布).
typedef struct haoyuan_load_t {
  // `sizeof(haoyuan_load_t)`.
  uint32_t struct_size;
  // Seats.
  uint32_t capacity;
  // Live seats among them.
  uint32_t live;
  // 0.
  uint32_t reserved;
  // When it begins.
  int64_t from;
  // When it ends.
  int64_t to;
} haoyuan_load_t;

// A ticket: the proof of a right, bound to a patient and used once (转诊凭证).
typedef struct haoyuan_ticket_t {
  // `sizeof(haoyuan_ticket_t)`.
  uint32_t struct_size;
  // The class that it proves: `HAOYUAN_CLASS_…`, one that needs a ticket.
  uint32_t patient_class;
  // Who issues it, for the trace: `HAOYUAN_ROLE_…`.
  uint32_t role;
  // Why, for the trace: a code of your own list, 1 to 65,535; 0 for none.
  uint32_t reason;
  // The instant, milliseconds since 1970-01-01T00:00:00Z.
  int64_t at;
  // From this instant on it is void.
  int64_t expires;
  // Who acts, as a keyed hash; 0 if the patient does.
  uint64_t actor;
  // Its number, in the order of its hexadecimal digits; not zero.
  uint8_t ticket[16];
  // To whom it is bound; not zero.
  uint8_t patient[16];
  // The code of the institution at which it can be used.
  const char *institution;
  // Its length in bytes.
  size_t institution_length;
  // The code of the department in which it can be used; null for any of the institution.
  const char *department;
  // Its length in bytes.
  size_t department_length;
} haoyuan_ticket_t;

// A durability callback: called once with `HAOYUAN_OK` or `HAOYUAN_JOURNAL_FAILED`.
typedef void (*haoyuan_durable_t)(void *context, uint64_t ack, int32_t status);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI of the library: the major number in the upper, the minor in the lower 16 bits.
//
// Any thread, any time.
uint32_t haoyuan_abi_version(void);

// Whether a program that was compiled with this `HAOYUAN_ABI_VERSION` fits the library: the same major number, and no larger
// minor one. The macro `HAOYUAN_ABI_CHECK()` passes it.
//
// Any thread, any time. Returns `HAOYUAN_OK` or `HAOYUAN_ABI_MISMATCH`.
int32_t haoyuan_abi_check(uint32_t version);

// The version of the library, such as `0.1.0`, into `buffer`; `needed` gets its length.
//
// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_BUFFER_TOO_SMALL`, `HAOYUAN_NULL_POINTER`, `HAOYUAN_INVALID_LENGTH`.
//
// # Safety
// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
int32_t haoyuan_version(char *buffer,
                        size_t capacity,
                        size_t *needed);

// Opens a registry: recovers the journal if there is one, takes up directory, policy and roster where there is none yet, and
// gives a handle. Nothing is written to the folder if the texts are refused.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_ABI_MISMATCH`, `HAOYUAN_SETUP_REFUSED`,
// `HAOYUAN_JOURNAL_LOCKED`, `…_DAMAGED`, `…_MISFIT`, `…_FAILED`, `HAOYUAN_FOLDER`, `HAOYUAN_TOO_MANY_HANDLES`, or what is wrong
// with the arguments; `haoyuan_last_error` has the details.
//
// # Safety
// `options` as long as its `struct_size`, its texts as long as their lengths; `registry` a writable handle. The log callback
// can be called from any thread until the registry is closed, and does not unwind.
int32_t haoyuan_open(const struct haoyuan_options_t *options,
                     haoyuan_t *registry);

// Closes a registry: waits for the calls that are under way, then until everything is durable, and lets the folder go. From
// its beginning on the handle is `HAOYUAN_INVALID_HANDLE` to everybody; of several that close at once one does.
//
// Any thread; not from a callback. Every durability callback has been called when it returns. Returns `HAOYUAN_OK`,
// `HAOYUAN_INVALID_HANDLE`, `HAOYUAN_REENTERED`, or `HAOYUAN_JOURNAL_FAILED` if not everything could be written; the handle is closed
// all the same.
int32_t haoyuan_close(haoyuan_t registry);

// Writes a snapshot, so that the next opening begins there; the name of its file into `buffer`. Waits for the calls that are
// under way; other calls are told `HAOYUAN_BUSY` meanwhile, which takes about as long as writing the state.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_NO_JOURNAL`, `HAOYUAN_BUSY`, `HAOYUAN_JOURNAL_FAILED`,
// `HAOYUAN_BUFFER_TOO_SMALL` (the snapshot is written).
//
// # Safety
// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
int32_t haoyuan_snapshot(haoyuan_t registry,
                         char *buffer,
                         size_t capacity,
                         size_t *needed);

// What a registry and its journal did.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK` or what is wrong with the arguments; also under a poisoned handle.
//
// # Safety
// `stats` as long as its `struct_size`, which is set, and writable.
int32_t haoyuan_stats(haoyuan_t registry,
                      struct haoyuan_stats_t *stats);

// The state hash: 32 bytes that are equal live, after replay, after a snapshot, in every binding and in `haoyuan run`.
//
// Any thread; not from a callback. Commands that are under way may or may not be in it. Returns `HAOYUAN_OK` or what is wrong
// with the arguments.
//
// # Safety
// `hash` null or 32 writable bytes.
int32_t haoyuan_state_hash(haoyuan_t registry,
                           uint8_t *hash);

// What a status or refusal means, for people, in `HAOYUAN_ENGLISH` or `HAOYUAN_CHINESE`.
//
// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` for an unknown number or language, or what is wrong with
// the buffer.
//
// # Safety
// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
int32_t haoyuan_status_text(int32_t status,
                            uint32_t language,
                            char *buffer,
                            size_t capacity,
                            size_t *needed);

// The stable word of a status or refusal, such as `SLOT_FULL`: the same as in JSON and in the journal.
//
// Any thread, any time. Returns as `haoyuan_status_text`.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_status_name(int32_t status,
                            char *buffer,
                            size_t capacity,
                            size_t *needed);

// What went wrong in detail, in the last call of this thread that said more than its number; empty if none did. In English; in
// Chinese by `haoyuan_last_error_text`.
//
// Any thread, any time. Returns `HAOYUAN_OK` or what is wrong with the buffer.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_last_error(char *buffer,
                           size_t capacity,
                           size_t *needed);

// The same as `haoyuan_last_error`, in `HAOYUAN_ENGLISH` or `HAOYUAN_CHINESE`. Names of fields and what the system says stay as they are.
//
// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` for an unknown language, or what is wrong with the buffer.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_last_error_text(uint32_t language,
                                char *buffer,
                                size_t capacity,
                                size_t *needed);

// The number of a session, by its code; 0 to 2^24 - 1, stable until the registry is closed and over restarts with a journal.
//
// Any thread; not from a callback; waits for nobody but a publication that is entering the same code. Returns `HAOYUAN_OK`,
// `HAOYUAN_UNKNOWN_SESSION`, or what is wrong with the arguments.
//
// # Safety
// `code` as long as `length`; `session` a writable number.
int32_t haoyuan_find_session(haoyuan_t registry,
                             const char *code,
                             size_t length,
                             uint32_t *session);

// The code of a session, by its number.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_UNKNOWN_SESSION`, or what is wrong with the arguments.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_session_code(haoyuan_t registry,
                             uint32_t session,
                             char *buffer,
                             size_t capacity,
                             size_t *needed);

// The code of an institution, by its number in a grant.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` if there is none, or what is wrong with the
// arguments.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_institution_code(haoyuan_t registry,
                                 uint32_t institution,
                                 char *buffer,
                                 size_t capacity,
                                 size_t *needed);

// The name of a pool of a slot, as the policy calls it: what admitted a grant, or what bound a refusal.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_UNKNOWN_SLOT`, `HAOYUAN_INVALID_ARGUMENT` if the slot has no such
// pool, or what is wrong with the arguments.
//
// # Safety
// As `haoyuan_status_text`.
int32_t haoyuan_pool_name(haoyuan_t registry,
                          uint32_t session,
                          uint32_t slot,
                          uint32_t pool,
                          char *buffer,
                          size_t capacity,
                          size_t *needed);

// Holds a seat for a patient until it is confirmed or the hold runs out.
//
// Any thread, also at once with every other function; not from a callback. Lock-free, but for a block that somebody waits for or that
// keeps a returned seat back: there it takes the lock of the hospital's day. With a journal it also waits while the journal's queue is
// full. Durable when `haoyuan_wait` says so for `grant->ack`. Returns `HAOYUAN_OK`, a refusal (then `grant` says why and whether to ask
// again), or what is wrong with the arguments (then `grant` is cleared); `HAOYUAN_JOURNAL_FAILED` if nothing is decided any more.
//
// # Safety
// `wish` and `grant` as long as their `struct_size`, which are set; `grant` writable.
int32_t haoyuan_hold(haoyuan_t registry,
                     const struct haoyuan_wish_t *wish,
                     struct haoyuan_grant_t *grant);

// Holds and confirms a seat in one step. Otherwise as `haoyuan_hold`.
//
// # Safety
// As `haoyuan_hold`.
int32_t haoyuan_book(haoyuan_t registry,
                     const struct haoyuan_wish_t *wish,
                     struct haoyuan_grant_t *grant);

// Makes a booking of a hold; repeating it changes nothing. Otherwise as `haoyuan_hold`.
//
// # Safety
// As `haoyuan_hold`.
int32_t haoyuan_confirm(haoyuan_t registry,
                        const struct haoyuan_settle_t *settle,
                        struct haoyuan_settled_t *settled);

// Gives a hold or booking back. Otherwise as `haoyuan_hold`; it takes that lock also for a booking whose policy counts cancellations or
// keeps returned seats back.
//
// # Safety
// As `haoyuan_hold`.
int32_t haoyuan_cancel(haoyuan_t registry,
                       const struct haoyuan_settle_t *settle,
                       struct haoyuan_settled_t *settled);

// `haoyuan_hold` for each of `count` wishes, in order, in one call: for languages in which a call is dear. `count` is at most
// `HAOYUAN_BATCH_MAX`. All wishes have the first one's `struct_size`, and so have the grants.
//
// Threads as `haoyuan_hold`. Returns `HAOYUAN_OK` if every wish was answered, each in its grant's `status`; otherwise what is wrong with
// the arrays, and nothing was decided.
//
// # Safety
// `wishes` and `grants` point to `count` structures; `grants` are writable.
int32_t haoyuan_hold_batch(haoyuan_t registry,
                           const struct haoyuan_wish_t *wishes,
                           struct haoyuan_grant_t *grants,
                           size_t count);

// `haoyuan_book` for each of `count` wishes. Otherwise as `haoyuan_hold_batch`.
//
// # Safety
// As `haoyuan_hold_batch`.
int32_t haoyuan_book_batch(haoyuan_t registry,
                           const struct haoyuan_wish_t *wishes,
                           struct haoyuan_grant_t *grants,
                           size_t count);

// `haoyuan_confirm` for each of `count`. Otherwise as `haoyuan_hold_batch`.
//
// # Safety
// As `haoyuan_hold_batch`.
int32_t haoyuan_confirm_batch(haoyuan_t registry,
                              const struct haoyuan_settle_t *settles,
                              struct haoyuan_settled_t *settled,
                              size_t count);

// `haoyuan_cancel` for each of `count`. Otherwise as `haoyuan_hold_batch`.
//
// # Safety
// As `haoyuan_hold_batch`.
int32_t haoyuan_cancel_batch(haoyuan_t registry,
                             const struct haoyuan_settle_t *settles,
                             struct haoyuan_settled_t *settled,
                             size_t count);

// What the decision would say for a class through a channel, now: how many seats, or why none. Patient rules are not part of it.
//
// Any thread, also at once with every other function; not from a callback. Lock-free, but for a block that somebody waits for or that
// keeps a returned seat back (see `haoyuan_hold`). Returns `HAOYUAN_OK` if there is a seat, the refusal if there is none, or what is wrong
// with the arguments (then `availability` is cleared).
//
// # Safety
// `ask` and `availability` as long as their `struct_size`, which are set; `availability` writable.
int32_t haoyuan_availability(haoyuan_t registry,
                             const struct haoyuan_ask_t *ask,
                             struct haoyuan_availability_t *availability);

// `haoyuan_availability` for each of `count` questions. Otherwise as `haoyuan_hold_batch`.
//
// # Safety
// `asks` and `availabilities` point to `count` structures; `availabilities` are writable.
int32_t haoyuan_availability_batch(haoyuan_t registry,
                                   const struct haoyuan_ask_t *asks,
                                   struct haoyuan_availability_t *availabilities,
                                   size_t count);

// Slots that the decision would grant to a class, best first; at most `capacity` of them (1 to `HAOYUAN_BATCH_MAX`). `count` gets how many.
//
// Any thread; not from a callback; waits for a publication that is entering its sessions, and, while any block keeps a returned seat back,
// for the lock of the hospital's day. Returns `HAOYUAN_OK`, also for none, or what is wrong with the arguments.
//
// # Safety
// `search` as long as its `struct_size`, its codes as long as their lengths; `found` points to `capacity` writable structures, all with the
// first one's `struct_size`, which is set; `count` is a writable number.
int32_t haoyuan_search(haoyuan_t registry,
                       const struct haoyuan_search_t *search,
                       struct haoyuan_found_t *found,
                       size_t capacity,
                       size_t *count);

// How the visits of a day spread over its slots (就诊时段分布), in order of time. `count` gets how many times there are; without room for
// all of them nothing but that is written.
//
// Any thread; not from a callback; waits only for a publication that is entering its sessions. Returns `HAOYUAN_OK`,
// `HAOYUAN_BUFFER_TOO_SMALL`, or what is wrong with the arguments.
//
// # Safety
// `day` as long as its `struct_size`, its codes as long as their lengths; `loads` points to `capacity` writable structures (null with 0), all with
// the first one's `struct_size`, which is set; `count` is a writable number.
int32_t haoyuan_load(haoyuan_t registry,
                     const struct haoyuan_day_t *day,
                     struct haoyuan_load_t *loads,
                     size_t capacity,
                     size_t *count);

// Registers a ticket: from now on its patient may ask for a seat by the right that it proves, once. Registering the same number
// again replaces its terms and keeps its use. `ack` gets the acknowledgement.
//
// Any thread, also at once with every other function; not from a callback. Lock-free but for looking the codes up, which waits for a
// directory that is being taken up. Durable when `haoyuan_wait` says so. Returns `HAOYUAN_OK`; a refusal (`HAOYUAN_TICKET_MISMATCH` for
// a class that needs no ticket, `HAOYUAN_TICKET_EXPIRED`, `HAOYUAN_CONCURRENT_REQUEST`, `HAOYUAN_ENGINE_FULL`); or what is wrong with
// the arguments.
//
// # Safety
// `ticket` as long as its `struct_size`, its codes as long as their lengths; `ack` is a writable number.
int32_t haoyuan_issue_ticket(haoyuan_t registry,
                             const struct haoyuan_ticket_t *ticket,
                             uint64_t *ack);

// Whether a decision is durable.
//
// Any thread; not from a callback. Lock-free. Returns `HAOYUAN_OK`, `HAOYUAN_PENDING`, `HAOYUAN_JOURNAL_FAILED` if it never will be,
// `HAOYUAN_UNKNOWN_ACK`, `HAOYUAN_INVALID_HANDLE`.
int32_t haoyuan_poll(haoyuan_t registry,
                     uint64_t ack);

// Waits until `count` decisions are durable, at most `timeout_ms` milliseconds; for ever if that is negative, not at all if it is 0. An
// `acks` that is waited for is not kept waiting for company; many waited for in one call share their sync.
//
// Any thread; not from a callback. `haoyuan_close` waits for it. Returns `HAOYUAN_OK` if all are durable, `HAOYUAN_PENDING` when the time is
// up, `HAOYUAN_JOURNAL_FAILED`, `HAOYUAN_UNKNOWN_ACK`, or what is wrong with the arguments.
//
// # Safety
// `acks` points to `count` numbers.
int32_t haoyuan_wait(haoyuan_t registry,
                     const uint64_t *acks,
                     size_t count,
                     int64_t timeout_ms);

// Calls back once, when a decision is durable or never will be: from whichever thread synced it, or at once from this one. The callback
// must be short, must not unwind or jump out, and may not use a registry (`HAOYUAN_REENTERED`): let it wake a thread of yours.
//
// Any thread; not from a callback. Returns `HAOYUAN_OK` if it has called or will, `HAOYUAN_NULL_POINTER` without a callback,
// `HAOYUAN_UNKNOWN_ACK`, `HAOYUAN_INVALID_HANDLE`; then it never calls.
//
// # Safety
// `callback` can be called with `context` from any thread until `haoyuan_close` has returned.
int32_t haoyuan_on_durable(haoyuan_t registry,
                           uint64_t ack,
                           haoyuan_durable_t callback,
                           void *context);

// Carries out one command of the JSON language, `length` bytes of UTF-8 on one line, and writes its answer into `buffer`, `needed` bytes
// long. With `HAOYUAN_SYNCED` the answer comes when it is durable.
//
// If the buffer is too small the command has been carried out all the same: fetch its answer with `haoyuan_last_answer`, and do not repeat it.
//
// Any thread, also at once with every other function; not from a callback. Returns `HAOYUAN_OK` if there is an answer, whatever its outcome,
// `HAOYUAN_BUFFER_TOO_SMALL`, or what is wrong with the arguments; then nothing was done.
//
// # Safety
// `json` points to `length` bytes; `buffer` is null with capacity 0, or `capacity` writable bytes; `needed` is a writable number.
int32_t haoyuan_execute(haoyuan_t registry,
                        const char *json,
                        size_t length,
                        char *buffer,
                        size_t capacity,
                        size_t *needed);

// Carries out one command as `haoyuan_execute` does and does not wait for the disk: `ack` gets the acknowledgement of all that the command
// changed, for `haoyuan_poll`, `haoyuan_wait` or `haoyuan_on_durable`; 0 if there is nothing to wait for.
//
// If the buffer is too small the command has been carried out all the same, and `ack` is set: fetch the answer with
// `haoyuan_last_answer`, and do not repeat the command.
//
// Any thread, also at once with every other function; not from a callback. Returns as `haoyuan_execute`.
//
// # Safety
// As `haoyuan_execute`; `ack` is a writable number.
int32_t haoyuan_submit(haoyuan_t registry,
                       const char *json,
                       size_t length,
                       uint64_t *ack,
                       char *buffer,
                       size_t capacity,
                       size_t *needed);

// The answer to this thread's last `haoyuan_execute` or `haoyuan_submit`, if that had too small a buffer; it can be fetched until the next one.
//
// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_BUFFER_TOO_SMALL`, `HAOYUAN_INVALID_ARGUMENT` if no answer is kept, or what is wrong
// with the buffer.
//
// # Safety
// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
int32_t haoyuan_last_answer(char *buffer,
                            size_t capacity,
                            size_t *needed);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HAOYUAN_H */
