package haoyuan;

/** Written from the tables of the engine; do not edit. */
public final class Constants {
    private Constants() {}

    // What the header was made for; see `haoyuan_abi_check`.
    /** programs of another major number do not fit. */
    public static final int ABI_MAJOR = 0;
    /** a library with a smaller minor number lacks something. */
    public static final int ABI_MINOR = 2;
    /** both in one number. */
    public static final int ABI_VERSION = 2;

    // What a function returns when it is not a refusal.
    /** done (成功). */
    public static final int OK = 0;
    /** a pointer that is needed is null (必需的指针为空). */
    public static final int NULL_POINTER = -1;
    /** there is no open registry with this handle (句柄无效或已关闭). */
    public static final int INVALID_HANDLE = -2;
    /** the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库). */
    public static final int STRUCT_SIZE = -3;
    /** a length or count is out of range (长度或数量超出范围). */
    public static final int INVALID_LENGTH = -4;
    /** a text is not valid UTF-8 (文本不是有效的 UTF-8). */
    public static final int INVALID_UTF8 = -5;
    /** a field is out of its range; the last error names it (字段取值超出范围,详见最近错误). */
    public static final int INVALID_ARGUMENT = -6;
    /** the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出). */
    public static final int BUFFER_TOO_SMALL = -7;
    /** the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库). */
    public static final int ABI_MISMATCH = -8;
    /** a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程). */
    public static final int REENTERED = -9;
    /** too many registries are open in this process (本进程打开的句柄过多). */
    public static final int TOO_MANY_HANDLES = -10;
    /** a snapshot is being taken; ask again (正在生成快照,请重试). */
    public static final int BUSY = -11;
    /** this registry gave out no such acknowledgement (没有此确认编号). */
    public static final int UNKNOWN_ACK = -12;
    /** not durable yet (尚未落盘). */
    public static final int PENDING = -101;
    /** the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启). */
    public static final int JOURNAL_FAILED = -102;
    /** the journal folder is in use (日志目录正被占用). */
    public static final int JOURNAL_LOCKED = -103;
    /** the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage). */
    public static final int JOURNAL_DAMAGED = -104;
    /** the journal folder cannot be opened (无法打开日志目录). */
    public static final int FOLDER = -105;
    /** the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误). */
    public static final int JOURNAL_MISFIT = -106;
    /** the registry keeps no journal (未启用日志). */
    public static final int NO_JOURNAL = -107;
    /** the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误). */
    public static final int SETUP_REFUSED = -108;
    /** the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄). */
    public static final int PANICKED = -201;
    /** an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭). */
    public static final int POISONED = -202;

    // Why the rules say no, in order of precedence; a refusal is an answer and not an error.
    /** this idempotency key was already used for a different command (该幂等键已用于另一条命令). */
    public static final int IDEMPOTENCY_CONFLICT = 101;
    /** another request is being decided right now; ask again (另一请求正在处理,请重试). */
    public static final int CONCURRENT_REQUEST = 102;
    /** this session does not exist (该排班不存在). */
    public static final int UNKNOWN_SESSION = 201;
    /** this session has no such slot (该排班没有此时段). */
    public static final int UNKNOWN_SLOT = 202;
    /** there is no such booking of this patient (该患者没有此预约). */
    public static final int UNKNOWN_BOOKING = 203;
    /** the hospital has stopped this session (该排班已停诊). */
    public static final int STOPPED = 301;
    /** no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放). */
    public static final int NOT_ADMITTED = 302;
    /** booking has not opened yet (尚未到放号时间). */
    public static final int NOT_OPEN = 303;
    /** booking has closed (已停止预约). */
    public static final int CLOSED = 304;
    /** every seat of this slot is taken (该时段号源已满). */
    public static final int SLOT_FULL = 305;
    /** the seats that are left are reserved for other patients (剩余号源为其他患者预留). */
    public static final int PROTECTED = 306;
    /** the quota of this pool is used up (该号源池配额已用完). */
    public static final int CAP_REACHED = 307;
    /** other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补). */
    public static final int WAITLISTED = 308;
    /** the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约). */
    public static final int RETURNED_BY_YOU = 309;
    /** more seats are taken than would be left (已占用的号源多于调整后的数量). */
    public static final int BELOW_LIVE = 310;
    /** the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改). */
    public static final int POOLS_DIFFER = 311;
    /** this class needs a ticket (需要转诊或签约等凭证). */
    public static final int TICKET_REQUIRED = 401;
    /** this patient has no such ticket (该患者没有此凭证). */
    public static final int TICKET_UNKNOWN = 402;
    /** this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符). */
    public static final int TICKET_MISMATCH = 403;
    /** this ticket has expired (凭证已过期). */
    public static final int TICKET_EXPIRED = 404;
    /** this ticket is already used by a booking (凭证已被使用). */
    public static final int TICKET_USED = 405;
    /** this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院). */
    public static final int IDENTITY_MERGED = 500;
    /** online booking is suspended for this patient (该患者线上预约已被限制). */
    public static final int SUSPENDED = 501;
    /** this patient has another booking too close in time (与该患者的其他预约时间冲突). */
    public static final int OVERLAP = 502;
    /** this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限). */
    public static final int DEPARTMENT_DAY_LIMIT = 503;
    /** this patient already has the bookings allowed on this day (该患者当日预约已达上限). */
    public static final int DAY_LIMIT = 504;
    /** this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限). */
    public static final int PERIOD_LIMIT = 505;
    /** this patient already holds a seat of this session (该患者在本排班已有锁定号源). */
    public static final int SESSION_HOLD_LIMIT = 506;
    /** this patient has too many unpaid holds (该患者待支付的锁号已达上限). */
    public static final int HOLD_LIMIT = 507;
    /** the hold has expired (锁号已过期). */
    public static final int HOLD_EXPIRED = 601;
    /** this booking was cancelled (该预约已取消). */
    public static final int CANCELLED = 602;
    /** it is too late to cancel (已超过可取消时间). */
    public static final int TOO_LATE = 603;
    /** there is a free seat; book it (该号源尚有余号,请直接预约). */
    public static final int NOT_FULL = 701;
    /** the waitlist is closed (候补已关闭). */
    public static final int WAITLIST_CLOSED = 702;
    /** the waitlist is full (候补人数已满). */
    public static final int WAITLIST_FULL = 703;
    /** this patient is already on as many waitlists as allowed (该患者的候补数量已达上限). */
    public static final int WAITLIST_LIMIT = 704;
    /** this patient is already on the waitlist of this session (该患者已在本排班候补中). */
    public static final int ALREADY_WAITING = 705;
    /** there is no such open waitlist entry of this patient (该患者没有此候补记录). */
    public static final int UNKNOWN_ENTRY = 706;
    /** there is no open offer (没有待确认的候补号源). */
    public static final int NO_OFFER = 707;
    /** only staff can do this (仅限医院工作人员操作). */
    public static final int ROLE_REQUIRED = 711;
    /** a reason is required (须填写原因). */
    public static final int REASON_REQUIRED = 712;
    /** the green channel needs a contact person (绿色通道须指定联系人). */
    public static final int CONTACT_REQUIRED = 713;
    /** no more extra seats are allowed (加号已达上限). */
    public static final int EXTRA_LIMIT = 714;
    /** there is no such stop (没有此停诊记录). */
    public static final int UNKNOWN_STOP = 721;
    /** this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊). */
    public static final int NOT_SEPARABLE = 722;
    /** there is no such visit (没有此就诊记录). */
    public static final int UNKNOWN_VISIT = 731;
    /** this cannot be done at this point of the visit (当前状态不可进行此操作). */
    public static final int NOT_NOW = 732;
    /** the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行). */
    public static final int ARRIVED_TOO_LATE = 733;
    /** the patient has checked in already (该患者已报到). */
    public static final int ALREADY_THERE = 734;
    /** nobody waits to be called (暂无候诊患者). */
    public static final int NOBODY_WAITS = 735;
    /** the room has a patient (该诊室有患者). */
    public static final int ROOM_BUSY = 736;
    /** the engine has reached a limit set at opening (系统容量已达上限). */
    public static final int ENGINE_FULL = 901;
    /** this slot has reached the end of its history (该时段的流水号已用尽). */
    public static final int SEQUENCE_EXHAUSTED = 902;

    // By what right a patient asks.
    /** public (公众). */
    public static final int CLASS_PUBLIC = 0;
    /** referral secondary (二级转诊). */
    public static final int CLASS_REFERRAL_SECONDARY = 1;
    /** referral primary (基层转诊). */
    public static final int CLASS_REFERRAL_PRIMARY = 2;
    /** contract (签约居民). */
    public static final int CLASS_CONTRACT = 3;
    /** revisit (复诊). */
    public static final int CLASS_REVISIT = 4;
    /** on site (现场). */
    public static final int CLASS_ON_SITE = 5;
    /** green (绿色通道). */
    public static final int CLASS_GREEN = 6;

    // Through which channel.
    /** app (手机应用). */
    public static final int CHANNEL_APP = 0;
    /** wechat (微信). */
    public static final int CHANNEL_WECHAT = 1;
    /** phone (电话). */
    public static final int CHANNEL_PHONE = 2;
    /** web (网页). */
    public static final int CHANNEL_WEB = 3;
    /** kiosk (自助机). */
    public static final int CHANNEL_KIOSK = 4;
    /** window (窗口). */
    public static final int CHANNEL_WINDOW = 5;
    /** station (医生站). */
    public static final int CHANNEL_STATION = 6;
    /** partner (合作平台). */
    public static final int CHANNEL_PARTNER = 7;

    // The grade of a session.
    /** ordinary (普通号). */
    public static final int GRADE_ORDINARY = 0;
    /** expert (专家号). */
    public static final int GRADE_EXPERT = 1;
    /** premium (特需号). */
    public static final int GRADE_PREMIUM = 2;
    /** disease (专病号). */
    public static final int GRADE_DISEASE = 3;

    // Who gives a command, for the trace.
    /** patient (患者). */
    public static final int ROLE_PATIENT = 0;
    /** clerk (窗口人员). */
    public static final int ROLE_CLERK = 1;
    /** doctor (医生). */
    public static final int ROLE_DOCTOR = 2;
    /** family doctor (家庭医生). */
    public static final int ROLE_FAMILY_DOCTOR = 3;
    /** referrer (转诊机构). */
    public static final int ROLE_REFERRER = 4;
    /** partner (合作平台). */
    public static final int ROLE_PARTNER = 5;
    /** operator (管理人员). */
    public static final int ROLE_OPERATOR = 6;
    /** system (系统). */
    public static final int ROLE_SYSTEM = 7;

    // When a decision is acknowledged.
    /** there is no journal: a crash costs everything (仅内存). */
    public static final int MEMORY = 0;
    /** when queued: a crash costs at most the stated window (异步落盘). */
    public static final int ASYNC = 1;
    /** when on disk: a crash costs nothing that was acknowledged (同步落盘). */
    public static final int SYNCED = 2;

    // Which refusals the journal keeps.
    /** each one (全部). */
    public static final int REFUSALS_ALL = 0;
    /** counts by minute, code, class and channel (按分钟计数). */
    public static final int REFUSALS_PER_MINUTE = 1;
    /** none but those with an idempotency key (不记录). */
    public static final int REFUSALS_NONE = 2;
    /** those that the options name (按原因记录). */
    public static final int REFUSALS_BY_REASON = 3;

    // The hash of the journal's chain.
    /** BLAKE3. */
    public static final int BLAKE3 = 0;
    /** SM3, where the rules of the place ask for it (国密 SM3). */
    public static final int SM3 = 1;

    // How a seat was given.
    /** until `expires`, to be confirmed before (锁号). */
    public static final int HELD = 1;
    /** for good (已预约). */
    public static final int BOOKED = 2;

    // Whether to ask again after a refusal.
    /** not without changing the request (无需重试). */
    public static final int RETRY_NEVER = 0;
    /** at once (立即重试). */
    public static final int RETRY_NOW = 1;
    /** from `retry_from` on (从指定时间起). */
    public static final int RETRY_FROM = 2;
    /** when somebody gives a seat back (有退号时). */
    public static final int RETRY_WHEN_RETURNED = 3;

    // What decided a refusal: the meaning of `binding_value`.
    /** the code says it all. */
    public static final int BINDING_NONE = 0;
    /** a pool, for `haoyuan_pool_name` (号源池). */
    public static final int BINDING_POOL = 1;
    /** another booking of the patient (该患者的其他预约). */
    public static final int BINDING_BOOKING = 2;
    /** a count was reached: the limit (数量上限). */
    public static final int BINDING_LIMIT = 3;

    // How a search is sorted.
    /** by time (按时间). */
    public static final int ORDER_EARLIEST = 0;
    /** the least loaded first, then by time (错峰). */
    public static final int ORDER_LEAST_LOADED = 1;

    // The language of texts.
    /** English (英文). */
    public static final int ENGLISH = 0;
    /** Chinese (zh-CN) (中文). */
    public static final int CHINESE = 1;

    // How important a line of the log is.
    /** to know: opened, recovered, closed. */
    public static final int LOG_INFO = 1;
    /** to look at: a torn tail was cut off. */
    public static final int LOG_WARNING = 2;
    /** to act on: the journal failed, or the library made a mistake. */
    public static final int LOG_ERROR = 3;

    // Bounds.
    /** no choice, where a field says so (不限). */
    public static final int ANY = -1;
    /** elements of a batch, list or wait. */
    public static final int BATCH_MAX = 65536;
    /** bytes of a text: as much as a line of the command language. */
    public static final int TEXT_BYTES_MAX = 8388608;
    /** registries open at once in one process. */
    public static final int HANDLES_MAX = 255;
}
