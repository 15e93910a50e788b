//! Every constant, as the header has it. Written by `tests/generated.rs` from `table.rs`; do not edit.
#![cfg_attr(rustfmt, rustfmt_skip)]
#![expect(clippy::unreadable_literal, reason = "as the header has them")]

// What the header was made for; see `haoyuan_abi_check`.

/// programs of another major number do not fit
pub const HAOYUAN_ABI_MAJOR: u32 = 0;
/// a library with a smaller minor number lacks something
pub const HAOYUAN_ABI_MINOR: u32 = 2;
/// both in one number
pub const HAOYUAN_ABI_VERSION: u32 = 2;

// What a function returns when it is not a refusal.

/// done (成功)
pub const HAOYUAN_OK: i32 = 0;
/// a pointer that is needed is null (必需的指针为空)
pub const HAOYUAN_NULL_POINTER: i32 = -1;
/// there is no open registry with this handle (句柄无效或已关闭)
pub const HAOYUAN_INVALID_HANDLE: i32 = -2;
/// the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库)
pub const HAOYUAN_STRUCT_SIZE: i32 = -3;
/// a length or count is out of range (长度或数量超出范围)
pub const HAOYUAN_INVALID_LENGTH: i32 = -4;
/// a text is not valid UTF-8 (文本不是有效的 UTF-8)
pub const HAOYUAN_INVALID_UTF8: i32 = -5;
/// a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)
pub const HAOYUAN_INVALID_ARGUMENT: i32 = -6;
/// the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)
pub const HAOYUAN_BUFFER_TOO_SMALL: i32 = -7;
/// the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)
pub const HAOYUAN_ABI_MISMATCH: i32 = -8;
/// a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)
pub const HAOYUAN_REENTERED: i32 = -9;
/// too many registries are open in this process (本进程打开的句柄过多)
pub const HAOYUAN_TOO_MANY_HANDLES: i32 = -10;
/// a snapshot is being taken; ask again (正在生成快照,请重试)
pub const HAOYUAN_BUSY: i32 = -11;
/// this registry gave out no such acknowledgement (没有此确认编号)
pub const HAOYUAN_UNKNOWN_ACK: i32 = -12;
/// not durable yet (尚未落盘)
pub const HAOYUAN_PENDING: i32 = -101;
/// the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)
pub const HAOYUAN_JOURNAL_FAILED: i32 = -102;
/// the journal folder is in use (日志目录正被占用)
pub const HAOYUAN_JOURNAL_LOCKED: i32 = -103;
/// the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)
pub const HAOYUAN_JOURNAL_DAMAGED: i32 = -104;
/// the journal folder cannot be opened (无法打开日志目录)
pub const HAOYUAN_FOLDER: i32 = -105;
/// the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)
pub const HAOYUAN_JOURNAL_MISFIT: i32 = -106;
/// the registry keeps no journal (未启用日志)
pub const HAOYUAN_NO_JOURNAL: i32 = -107;
/// the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)
pub const HAOYUAN_SETUP_REFUSED: i32 = -108;
/// the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)
pub const HAOYUAN_PANICKED: i32 = -201;
/// an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)
pub const HAOYUAN_POISONED: i32 = -202;

// Why the rules say no, in order of precedence; a refusal is an answer and not an error.

/// this idempotency key was already used for a different command (该幂等键已用于另一条命令)
pub const HAOYUAN_IDEMPOTENCY_CONFLICT: i32 = 101;
/// another request is being decided right now; ask again (另一请求正在处理,请重试)
pub const HAOYUAN_CONCURRENT_REQUEST: i32 = 102;
/// this session does not exist (该排班不存在)
pub const HAOYUAN_UNKNOWN_SESSION: i32 = 201;
/// this session has no such slot (该排班没有此时段)
pub const HAOYUAN_UNKNOWN_SLOT: i32 = 202;
/// there is no such booking of this patient (该患者没有此预约)
pub const HAOYUAN_UNKNOWN_BOOKING: i32 = 203;
/// the hospital has stopped this session (该排班已停诊)
pub const HAOYUAN_STOPPED: i32 = 301;
/// no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)
pub const HAOYUAN_NOT_ADMITTED: i32 = 302;
/// booking has not opened yet (尚未到放号时间)
pub const HAOYUAN_NOT_OPEN: i32 = 303;
/// booking has closed (已停止预约)
pub const HAOYUAN_CLOSED: i32 = 304;
/// every seat of this slot is taken (该时段号源已满)
pub const HAOYUAN_SLOT_FULL: i32 = 305;
/// the seats that are left are reserved for other patients (剩余号源为其他患者预留)
pub const HAOYUAN_PROTECTED: i32 = 306;
/// the quota of this pool is used up (该号源池配额已用完)
pub const HAOYUAN_CAP_REACHED: i32 = 307;
/// other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补)
pub const HAOYUAN_WAITLISTED: i32 = 308;
/// the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约)
pub const HAOYUAN_RETURNED_BY_YOU: i32 = 309;
/// more seats are taken than would be left (已占用的号源多于调整后的数量)
pub const HAOYUAN_BELOW_LIVE: i32 = 310;
/// the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改)
pub const HAOYUAN_POOLS_DIFFER: i32 = 311;
/// this class needs a ticket (需要转诊或签约等凭证)
pub const HAOYUAN_TICKET_REQUIRED: i32 = 401;
/// this patient has no such ticket (该患者没有此凭证)
pub const HAOYUAN_TICKET_UNKNOWN: i32 = 402;
/// this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)
pub const HAOYUAN_TICKET_MISMATCH: i32 = 403;
/// this ticket has expired (凭证已过期)
pub const HAOYUAN_TICKET_EXPIRED: i32 = 404;
/// this ticket is already used by a booking (凭证已被使用)
pub const HAOYUAN_TICKET_USED: i32 = 405;
/// this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院)
pub const HAOYUAN_IDENTITY_MERGED: i32 = 500;
/// online booking is suspended for this patient (该患者线上预约已被限制)
pub const HAOYUAN_SUSPENDED: i32 = 501;
/// this patient has another booking too close in time (与该患者的其他预约时间冲突)
pub const HAOYUAN_OVERLAP: i32 = 502;
/// this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)
pub const HAOYUAN_DEPARTMENT_DAY_LIMIT: i32 = 503;
/// this patient already has the bookings allowed on this day (该患者当日预约已达上限)
pub const HAOYUAN_DAY_LIMIT: i32 = 504;
/// this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)
pub const HAOYUAN_PERIOD_LIMIT: i32 = 505;
/// this patient already holds a seat of this session (该患者在本排班已有锁定号源)
pub const HAOYUAN_SESSION_HOLD_LIMIT: i32 = 506;
/// this patient has too many unpaid holds (该患者待支付的锁号已达上限)
pub const HAOYUAN_HOLD_LIMIT: i32 = 507;
/// the hold has expired (锁号已过期)
pub const HAOYUAN_HOLD_EXPIRED: i32 = 601;
/// this booking was cancelled (该预约已取消)
pub const HAOYUAN_CANCELLED: i32 = 602;
/// it is too late to cancel (已超过可取消时间)
pub const HAOYUAN_TOO_LATE: i32 = 603;
/// there is a free seat; book it (该号源尚有余号,请直接预约)
pub const HAOYUAN_NOT_FULL: i32 = 701;
/// the waitlist is closed (候补已关闭)
pub const HAOYUAN_WAITLIST_CLOSED: i32 = 702;
/// the waitlist is full (候补人数已满)
pub const HAOYUAN_WAITLIST_FULL: i32 = 703;
/// this patient is already on as many waitlists as allowed (该患者的候补数量已达上限)
pub const HAOYUAN_WAITLIST_LIMIT: i32 = 704;
/// this patient is already on the waitlist of this session (该患者已在本排班候补中)
pub const HAOYUAN_ALREADY_WAITING: i32 = 705;
/// there is no such open waitlist entry of this patient (该患者没有此候补记录)
pub const HAOYUAN_UNKNOWN_ENTRY: i32 = 706;
/// there is no open offer (没有待确认的候补号源)
pub const HAOYUAN_NO_OFFER: i32 = 707;
/// only staff can do this (仅限医院工作人员操作)
pub const HAOYUAN_ROLE_REQUIRED: i32 = 711;
/// a reason is required (须填写原因)
pub const HAOYUAN_REASON_REQUIRED: i32 = 712;
/// the green channel needs a contact person (绿色通道须指定联系人)
pub const HAOYUAN_CONTACT_REQUIRED: i32 = 713;
/// no more extra seats are allowed (加号已达上限)
pub const HAOYUAN_EXTRA_LIMIT: i32 = 714;
/// there is no such stop (没有此停诊记录)
pub const HAOYUAN_UNKNOWN_STOP: i32 = 721;
/// this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊)
pub const HAOYUAN_NOT_SEPARABLE: i32 = 722;
/// there is no such visit (没有此就诊记录)
pub const HAOYUAN_UNKNOWN_VISIT: i32 = 731;
/// this cannot be done at this point of the visit (当前状态不可进行此操作)
pub const HAOYUAN_NOT_NOW: i32 = 732;
/// the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行)
pub const HAOYUAN_ARRIVED_TOO_LATE: i32 = 733;
/// the patient has checked in already (该患者已报到)
pub const HAOYUAN_ALREADY_THERE: i32 = 734;
/// nobody waits to be called (暂无候诊患者)
pub const HAOYUAN_NOBODY_WAITS: i32 = 735;
/// the room has a patient (该诊室有患者)
pub const HAOYUAN_ROOM_BUSY: i32 = 736;
/// the engine has reached a limit set at opening (系统容量已达上限)
pub const HAOYUAN_ENGINE_FULL: i32 = 901;
/// this slot has reached the end of its history (该时段的流水号已用尽)
pub const HAOYUAN_SEQUENCE_EXHAUSTED: i32 = 902;

// By what right a patient asks.

/// public (公众)
pub const HAOYUAN_CLASS_PUBLIC: u32 = 0;
/// referral secondary (二级转诊)
pub const HAOYUAN_CLASS_REFERRAL_SECONDARY: u32 = 1;
/// referral primary (基层转诊)
pub const HAOYUAN_CLASS_REFERRAL_PRIMARY: u32 = 2;
/// contract (签约居民)
pub const HAOYUAN_CLASS_CONTRACT: u32 = 3;
/// revisit (复诊)
pub const HAOYUAN_CLASS_REVISIT: u32 = 4;
/// on site (现场)
pub const HAOYUAN_CLASS_ON_SITE: u32 = 5;
/// green (绿色通道)
pub const HAOYUAN_CLASS_GREEN: u32 = 6;

// Through which channel.

/// app (手机应用)
pub const HAOYUAN_CHANNEL_APP: u32 = 0;
/// wechat (微信)
pub const HAOYUAN_CHANNEL_WECHAT: u32 = 1;
/// phone (电话)
pub const HAOYUAN_CHANNEL_PHONE: u32 = 2;
/// web (网页)
pub const HAOYUAN_CHANNEL_WEB: u32 = 3;
/// kiosk (自助机)
pub const HAOYUAN_CHANNEL_KIOSK: u32 = 4;
/// window (窗口)
pub const HAOYUAN_CHANNEL_WINDOW: u32 = 5;
/// station (医生站)
pub const HAOYUAN_CHANNEL_STATION: u32 = 6;
/// partner (合作平台)
pub const HAOYUAN_CHANNEL_PARTNER: u32 = 7;

// The grade of a session.

/// ordinary (普通号)
pub const HAOYUAN_GRADE_ORDINARY: u32 = 0;
/// expert (专家号)
pub const HAOYUAN_GRADE_EXPERT: u32 = 1;
/// premium (特需号)
pub const HAOYUAN_GRADE_PREMIUM: u32 = 2;
/// disease (专病号)
pub const HAOYUAN_GRADE_DISEASE: u32 = 3;

// Who gives a command, for the trace.

/// patient (患者)
pub const HAOYUAN_ROLE_PATIENT: u32 = 0;
/// clerk (窗口人员)
pub const HAOYUAN_ROLE_CLERK: u32 = 1;
/// doctor (医生)
pub const HAOYUAN_ROLE_DOCTOR: u32 = 2;
/// family doctor (家庭医生)
pub const HAOYUAN_ROLE_FAMILY_DOCTOR: u32 = 3;
/// referrer (转诊机构)
pub const HAOYUAN_ROLE_REFERRER: u32 = 4;
/// partner (合作平台)
pub const HAOYUAN_ROLE_PARTNER: u32 = 5;
/// operator (管理人员)
pub const HAOYUAN_ROLE_OPERATOR: u32 = 6;
/// system (系统)
pub const HAOYUAN_ROLE_SYSTEM: u32 = 7;

// When a decision is acknowledged.

/// there is no journal: a crash costs everything (仅内存)
pub const HAOYUAN_MEMORY: u32 = 0;
/// when queued: a crash costs at most the stated window (异步落盘)
pub const HAOYUAN_ASYNC: u32 = 1;
/// when on disk: a crash costs nothing that was acknowledged (同步落盘)
pub const HAOYUAN_SYNCED: u32 = 2;

// Which refusals the journal keeps.

/// each one (全部)
pub const HAOYUAN_REFUSALS_ALL: u32 = 0;
/// counts by minute, code, class and channel (按分钟计数)
pub const HAOYUAN_REFUSALS_PER_MINUTE: u32 = 1;
/// none but those with an idempotency key (不记录)
pub const HAOYUAN_REFUSALS_NONE: u32 = 2;
/// those that the options name (按原因记录)
pub const HAOYUAN_REFUSALS_BY_REASON: u32 = 3;

// The hash of the journal's chain.

/// BLAKE3
pub const HAOYUAN_BLAKE3: u32 = 0;
/// SM3, where the rules of the place ask for it (国密 SM3)
pub const HAOYUAN_SM3: u32 = 1;

// How a seat was given.

/// until `expires`, to be confirmed before (锁号)
pub const HAOYUAN_HELD: u32 = 1;
/// for good (已预约)
pub const HAOYUAN_BOOKED: u32 = 2;

// Whether to ask again after a refusal.

/// not without changing the request (无需重试)
pub const HAOYUAN_RETRY_NEVER: u32 = 0;
/// at once (立即重试)
pub const HAOYUAN_RETRY_NOW: u32 = 1;
/// from `retry_from` on (从指定时间起)
pub const HAOYUAN_RETRY_FROM: u32 = 2;
/// when somebody gives a seat back (有退号时)
pub const HAOYUAN_RETRY_WHEN_RETURNED: u32 = 3;

// What decided a refusal: the meaning of `binding_value`.

/// the code says it all
pub const HAOYUAN_BINDING_NONE: u32 = 0;
/// a pool, for `haoyuan_pool_name` (号源池)
pub const HAOYUAN_BINDING_POOL: u32 = 1;
/// another booking of the patient (该患者的其他预约)
pub const HAOYUAN_BINDING_BOOKING: u32 = 2;
/// a count was reached: the limit (数量上限)
pub const HAOYUAN_BINDING_LIMIT: u32 = 3;

// How a search is sorted.

/// by time (按时间)
pub const HAOYUAN_ORDER_EARLIEST: u32 = 0;
/// the least loaded first, then by time (错峰)
pub const HAOYUAN_ORDER_LEAST_LOADED: u32 = 1;

// The language of texts.

/// English (英文)
pub const HAOYUAN_ENGLISH: u32 = 0;
/// Chinese (zh-CN) (中文)
pub const HAOYUAN_CHINESE: u32 = 1;

// How important a line of the log is.

/// to know: opened, recovered, closed
pub const HAOYUAN_LOG_INFO: u32 = 1;
/// to look at: a torn tail was cut off
pub const HAOYUAN_LOG_WARNING: u32 = 2;
/// to act on: the journal failed, or the library made a mistake
pub const HAOYUAN_LOG_ERROR: u32 = 3;

// Bounds.

/// no choice, where a field says so (不限)
pub const HAOYUAN_ANY: u32 = 4294967295;
/// elements of a batch, list or wait
pub const HAOYUAN_BATCH_MAX: u32 = 65536;
/// bytes of a text: as much as a line of the command language
pub const HAOYUAN_TEXT_BYTES_MAX: u32 = 8388608;
/// registries open at once in one process
pub const HAOYUAN_HANDLES_MAX: u32 = 255;
