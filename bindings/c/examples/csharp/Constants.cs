namespace Haoyuan
{
    /// <summary>Written from the tables of the engine; do not edit.</summary>
    public static class Constants
    {
        // What the header was made for; see `haoyuan_abi_check`.
        /// <summary>programs of another major number do not fit</summary>
        public const uint ABI_MAJOR = 0;
        /// <summary>a library with a smaller minor number lacks something</summary>
        public const uint ABI_MINOR = 2;
        /// <summary>both in one number</summary>
        public const uint ABI_VERSION = 2;
        // What a function returns when it is not a refusal.
        /// <summary>done (成功)</summary>
        public const int OK = 0;
        /// <summary>a pointer that is needed is null (必需的指针为空)</summary>
        public const int NULL_POINTER = -1;
        /// <summary>there is no open registry with this handle (句柄无效或已关闭)</summary>
        public const int INVALID_HANDLE = -2;
        /// <summary>the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库)</summary>
        public const int STRUCT_SIZE = -3;
        /// <summary>a length or count is out of range (长度或数量超出范围)</summary>
        public const int INVALID_LENGTH = -4;
        /// <summary>a text is not valid UTF-8 (文本不是有效的 UTF-8)</summary>
        public const int INVALID_UTF8 = -5;
        /// <summary>a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)</summary>
        public const int INVALID_ARGUMENT = -6;
        /// <summary>the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)</summary>
        public const int BUFFER_TOO_SMALL = -7;
        /// <summary>the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)</summary>
        public const int ABI_MISMATCH = -8;
        /// <summary>a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)</summary>
        public const int REENTERED = -9;
        /// <summary>too many registries are open in this process (本进程打开的句柄过多)</summary>
        public const int TOO_MANY_HANDLES = -10;
        /// <summary>a snapshot is being taken; ask again (正在生成快照,请重试)</summary>
        public const int BUSY = -11;
        /// <summary>this registry gave out no such acknowledgement (没有此确认编号)</summary>
        public const int UNKNOWN_ACK = -12;
        /// <summary>not durable yet (尚未落盘)</summary>
        public const int PENDING = -101;
        /// <summary>the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)</summary>
        public const int JOURNAL_FAILED = -102;
        /// <summary>the journal folder is in use (日志目录正被占用)</summary>
        public const int JOURNAL_LOCKED = -103;
        /// <summary>the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)</summary>
        public const int JOURNAL_DAMAGED = -104;
        /// <summary>the journal folder cannot be opened (无法打开日志目录)</summary>
        public const int FOLDER = -105;
        /// <summary>the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)</summary>
        public const int JOURNAL_MISFIT = -106;
        /// <summary>the registry keeps no journal (未启用日志)</summary>
        public const int NO_JOURNAL = -107;
        /// <summary>the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)</summary>
        public const int SETUP_REFUSED = -108;
        /// <summary>the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)</summary>
        public const int PANICKED = -201;
        /// <summary>an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)</summary>
        public const int POISONED = -202;
        // Why the rules say no, in order of precedence; a refusal is an answer and not an error.
        /// <summary>this idempotency key was already used for a different command (该幂等键已用于另一条命令)</summary>
        public const int IDEMPOTENCY_CONFLICT = 101;
        /// <summary>another request is being decided right now; ask again (另一请求正在处理,请重试)</summary>
        public const int CONCURRENT_REQUEST = 102;
        /// <summary>this session does not exist (该排班不存在)</summary>
        public const int UNKNOWN_SESSION = 201;
        /// <summary>this session has no such slot (该排班没有此时段)</summary>
        public const int UNKNOWN_SLOT = 202;
        /// <summary>there is no such booking of this patient (该患者没有此预约)</summary>
        public const int UNKNOWN_BOOKING = 203;
        /// <summary>the hospital has stopped this session (该排班已停诊)</summary>
        public const int STOPPED = 301;
        /// <summary>no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)</summary>
        public const int NOT_ADMITTED = 302;
        /// <summary>booking has not opened yet (尚未到放号时间)</summary>
        public const int NOT_OPEN = 303;
        /// <summary>booking has closed (已停止预约)</summary>
        public const int CLOSED = 304;
        /// <summary>every seat of this slot is taken (该时段号源已满)</summary>
        public const int SLOT_FULL = 305;
        /// <summary>the seats that are left are reserved for other patients (剩余号源为其他患者预留)</summary>
        public const int PROTECTED = 306;
        /// <summary>the quota of this pool is used up (该号源池配额已用完)</summary>
        public const int CAP_REACHED = 307;
        /// <summary>other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补)</summary>
        public const int WAITLISTED = 308;
        /// <summary>the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约)</summary>
        public const int RETURNED_BY_YOU = 309;
        /// <summary>more seats are taken than would be left (已占用的号源多于调整后的数量)</summary>
        public const int BELOW_LIVE = 310;
        /// <summary>the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改)</summary>
        public const int POOLS_DIFFER = 311;
        /// <summary>this class needs a ticket (需要转诊或签约等凭证)</summary>
        public const int TICKET_REQUIRED = 401;
        /// <summary>this patient has no such ticket (该患者没有此凭证)</summary>
        public const int TICKET_UNKNOWN = 402;
        /// <summary>this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)</summary>
        public const int TICKET_MISMATCH = 403;
        /// <summary>this ticket has expired (凭证已过期)</summary>
        public const int TICKET_EXPIRED = 404;
        /// <summary>this ticket is already used by a booking (凭证已被使用)</summary>
        public const int TICKET_USED = 405;
        /// <summary>this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院)</summary>
        public const int IDENTITY_MERGED = 500;
        /// <summary>online booking is suspended for this patient (该患者线上预约已被限制)</summary>
        public const int SUSPENDED = 501;
        /// <summary>this patient has another booking too close in time (与该患者的其他预约时间冲突)</summary>
        public const int OVERLAP = 502;
        /// <summary>this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)</summary>
        public const int DEPARTMENT_DAY_LIMIT = 503;
        /// <summary>this patient already has the bookings allowed on this day (该患者当日预约已达上限)</summary>
        public const int DAY_LIMIT = 504;
        /// <summary>this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)</summary>
        public const int PERIOD_LIMIT = 505;
        /// <summary>this patient already holds a seat of this session (该患者在本排班已有锁定号源)</summary>
        public const int SESSION_HOLD_LIMIT = 506;
        /// <summary>this patient has too many unpaid holds (该患者待支付的锁号已达上限)</summary>
        public const int HOLD_LIMIT = 507;
        /// <summary>the hold has expired (锁号已过期)</summary>
        public const int HOLD_EXPIRED = 601;
        /// <summary>this booking was cancelled (该预约已取消)</summary>
        public const int CANCELLED = 602;
        /// <summary>it is too late to cancel (已超过可取消时间)</summary>
        public const int TOO_LATE = 603;
        /// <summary>there is a free seat; book it (该号源尚有余号,请直接预约)</summary>
        public const int NOT_FULL = 701;
        /// <summary>the waitlist is closed (候补已关闭)</summary>
        public const int WAITLIST_CLOSED = 702;
        /// <summary>the waitlist is full (候补人数已满)</summary>
        public const int WAITLIST_FULL = 703;
        /// <summary>this patient is already on as many waitlists as allowed (该患者的候补数量已达上限)</summary>
        public const int WAITLIST_LIMIT = 704;
        /// <summary>this patient is already on the waitlist of this session (该患者已在本排班候补中)</summary>
        public const int ALREADY_WAITING = 705;
        /// <summary>there is no such open waitlist entry of this patient (该患者没有此候补记录)</summary>
        public const int UNKNOWN_ENTRY = 706;
        /// <summary>there is no open offer (没有待确认的候补号源)</summary>
        public const int NO_OFFER = 707;
        /// <summary>only staff can do this (仅限医院工作人员操作)</summary>
        public const int ROLE_REQUIRED = 711;
        /// <summary>a reason is required (须填写原因)</summary>
        public const int REASON_REQUIRED = 712;
        /// <summary>the green channel needs a contact person (绿色通道须指定联系人)</summary>
        public const int CONTACT_REQUIRED = 713;
        /// <summary>no more extra seats are allowed (加号已达上限)</summary>
        public const int EXTRA_LIMIT = 714;
        /// <summary>there is no such stop (没有此停诊记录)</summary>
        public const int UNKNOWN_STOP = 721;
        /// <summary>this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊)</summary>
        public const int NOT_SEPARABLE = 722;
        /// <summary>there is no such visit (没有此就诊记录)</summary>
        public const int UNKNOWN_VISIT = 731;
        /// <summary>this cannot be done at this point of the visit (当前状态不可进行此操作)</summary>
        public const int NOT_NOW = 732;
        /// <summary>the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行)</summary>
        public const int ARRIVED_TOO_LATE = 733;
        /// <summary>the patient has checked in already (该患者已报到)</summary>
        public const int ALREADY_THERE = 734;
        /// <summary>nobody waits to be called (暂无候诊患者)</summary>
        public const int NOBODY_WAITS = 735;
        /// <summary>the room has a patient (该诊室有患者)</summary>
        public const int ROOM_BUSY = 736;
        /// <summary>the engine has reached a limit set at opening (系统容量已达上限)</summary>
        public const int ENGINE_FULL = 901;
        /// <summary>this slot has reached the end of its history (该时段的流水号已用尽)</summary>
        public const int SEQUENCE_EXHAUSTED = 902;
        // By what right a patient asks.
        /// <summary>public (公众)</summary>
        public const uint CLASS_PUBLIC = 0;
        /// <summary>referral secondary (二级转诊)</summary>
        public const uint CLASS_REFERRAL_SECONDARY = 1;
        /// <summary>referral primary (基层转诊)</summary>
        public const uint CLASS_REFERRAL_PRIMARY = 2;
        /// <summary>contract (签约居民)</summary>
        public const uint CLASS_CONTRACT = 3;
        /// <summary>revisit (复诊)</summary>
        public const uint CLASS_REVISIT = 4;
        /// <summary>on site (现场)</summary>
        public const uint CLASS_ON_SITE = 5;
        /// <summary>green (绿色通道)</summary>
        public const uint CLASS_GREEN = 6;
        // Through which channel.
        /// <summary>app (手机应用)</summary>
        public const uint CHANNEL_APP = 0;
        /// <summary>wechat (微信)</summary>
        public const uint CHANNEL_WECHAT = 1;
        /// <summary>phone (电话)</summary>
        public const uint CHANNEL_PHONE = 2;
        /// <summary>web (网页)</summary>
        public const uint CHANNEL_WEB = 3;
        /// <summary>kiosk (自助机)</summary>
        public const uint CHANNEL_KIOSK = 4;
        /// <summary>window (窗口)</summary>
        public const uint CHANNEL_WINDOW = 5;
        /// <summary>station (医生站)</summary>
        public const uint CHANNEL_STATION = 6;
        /// <summary>partner (合作平台)</summary>
        public const uint CHANNEL_PARTNER = 7;
        // The grade of a session.
        /// <summary>ordinary (普通号)</summary>
        public const uint GRADE_ORDINARY = 0;
        /// <summary>expert (专家号)</summary>
        public const uint GRADE_EXPERT = 1;
        /// <summary>premium (特需号)</summary>
        public const uint GRADE_PREMIUM = 2;
        /// <summary>disease (专病号)</summary>
        public const uint GRADE_DISEASE = 3;
        // Who gives a command, for the trace.
        /// <summary>patient (患者)</summary>
        public const uint ROLE_PATIENT = 0;
        /// <summary>clerk (窗口人员)</summary>
        public const uint ROLE_CLERK = 1;
        /// <summary>doctor (医生)</summary>
        public const uint ROLE_DOCTOR = 2;
        /// <summary>family doctor (家庭医生)</summary>
        public const uint ROLE_FAMILY_DOCTOR = 3;
        /// <summary>referrer (转诊机构)</summary>
        public const uint ROLE_REFERRER = 4;
        /// <summary>partner (合作平台)</summary>
        public const uint ROLE_PARTNER = 5;
        /// <summary>operator (管理人员)</summary>
        public const uint ROLE_OPERATOR = 6;
        /// <summary>system (系统)</summary>
        public const uint ROLE_SYSTEM = 7;
        // When a decision is acknowledged.
        /// <summary>there is no journal: a crash costs everything (仅内存)</summary>
        public const uint MEMORY = 0;
        /// <summary>when queued: a crash costs at most the stated window (异步落盘)</summary>
        public const uint ASYNC = 1;
        /// <summary>when on disk: a crash costs nothing that was acknowledged (同步落盘)</summary>
        public const uint SYNCED = 2;
        // Which refusals the journal keeps.
        /// <summary>each one (全部)</summary>
        public const uint REFUSALS_ALL = 0;
        /// <summary>counts by minute, code, class and channel (按分钟计数)</summary>
        public const uint REFUSALS_PER_MINUTE = 1;
        /// <summary>none but those with an idempotency key (不记录)</summary>
        public const uint REFUSALS_NONE = 2;
        /// <summary>those that the options name (按原因记录)</summary>
        public const uint REFUSALS_BY_REASON = 3;
        // The hash of the journal's chain.
        /// <summary>BLAKE3</summary>
        public const uint BLAKE3 = 0;
        /// <summary>SM3, where the rules of the place ask for it (国密 SM3)</summary>
        public const uint SM3 = 1;
        // How a seat was given.
        /// <summary>until `expires`, to be confirmed before (锁号)</summary>
        public const uint HELD = 1;
        /// <summary>for good (已预约)</summary>
        public const uint BOOKED = 2;
        // Whether to ask again after a refusal.
        /// <summary>not without changing the request (无需重试)</summary>
        public const uint RETRY_NEVER = 0;
        /// <summary>at once (立即重试)</summary>
        public const uint RETRY_NOW = 1;
        /// <summary>from `retry_from` on (从指定时间起)</summary>
        public const uint RETRY_FROM = 2;
        /// <summary>when somebody gives a seat back (有退号时)</summary>
        public const uint RETRY_WHEN_RETURNED = 3;
        // What decided a refusal: the meaning of `binding_value`.
        /// <summary>the code says it all</summary>
        public const uint BINDING_NONE = 0;
        /// <summary>a pool, for `haoyuan_pool_name` (号源池)</summary>
        public const uint BINDING_POOL = 1;
        /// <summary>another booking of the patient (该患者的其他预约)</summary>
        public const uint BINDING_BOOKING = 2;
        /// <summary>a count was reached: the limit (数量上限)</summary>
        public const uint BINDING_LIMIT = 3;
        // How a search is sorted.
        /// <summary>by time (按时间)</summary>
        public const uint ORDER_EARLIEST = 0;
        /// <summary>the least loaded first, then by time (错峰)</summary>
        public const uint ORDER_LEAST_LOADED = 1;
        // The language of texts.
        /// <summary>English (英文)</summary>
        public const uint ENGLISH = 0;
        /// <summary>Chinese (zh-CN) (中文)</summary>
        public const uint CHINESE = 1;
        // How important a line of the log is.
        /// <summary>to know: opened, recovered, closed</summary>
        public const uint LOG_INFO = 1;
        /// <summary>to look at: a torn tail was cut off</summary>
        public const uint LOG_WARNING = 2;
        /// <summary>to act on: the journal failed, or the library made a mistake</summary>
        public const uint LOG_ERROR = 3;
        // Bounds.
        /// <summary>no choice, where a field says so (不限)</summary>
        public const uint ANY = 4294967295;
        /// <summary>elements of a batch, list or wait</summary>
        public const uint BATCH_MAX = 65536;
        /// <summary>bytes of a text: as much as a line of the command language</summary>
        public const uint TEXT_BYTES_MAX = 8388608;
        /// <summary>registries open at once in one process</summary>
        public const uint HANDLES_MAX = 255;
    }
}
