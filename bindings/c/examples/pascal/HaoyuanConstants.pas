{ Written from the tables of the engine; do not edit. }
unit HaoyuanConstants;

{$IFDEF FPC}{$MODE DELPHI}{$ENDIF}

interface

const
  { What the header was made for; see `haoyuan_abi_check`. }
  HAOYUAN_ABI_MAJOR = 0; { programs of another major number do not fit }
  HAOYUAN_ABI_MINOR = 2; { a library with a smaller minor number lacks something }
  HAOYUAN_ABI_VERSION = 2; { both in one number }
  { What a function returns when it is not a refusal. }
  HAOYUAN_OK = 0; { done (成功) }
  HAOYUAN_NULL_POINTER = -1; { a pointer that is needed is null (必需的指针为空) }
  HAOYUAN_INVALID_HANDLE = -2; { there is no open registry with this handle (句柄无效或已关闭) }
  HAOYUAN_STRUCT_SIZE = -3; { the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库) }
  HAOYUAN_INVALID_LENGTH = -4; { a length or count is out of range (长度或数量超出范围) }
  HAOYUAN_INVALID_UTF8 = -5; { a text is not valid UTF-8 (文本不是有效的 UTF-8) }
  HAOYUAN_INVALID_ARGUMENT = -6; { a field is out of its range; the last error names it (字段取值超出范围,详见最近错误) }
  HAOYUAN_BUFFER_TOO_SMALL = -7; { the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出) }
  HAOYUAN_ABI_MISMATCH = -8; { the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库) }
  HAOYUAN_REENTERED = -9; { a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程) }
  HAOYUAN_TOO_MANY_HANDLES = -10; { too many registries are open in this process (本进程打开的句柄过多) }
  HAOYUAN_BUSY = -11; { a snapshot is being taken; ask again (正在生成快照,请重试) }
  HAOYUAN_UNKNOWN_ACK = -12; { this registry gave out no such acknowledgement (没有此确认编号) }
  HAOYUAN_PENDING = -101; { not durable yet (尚未落盘) }
  HAOYUAN_JOURNAL_FAILED = -102; { the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启) }
  HAOYUAN_JOURNAL_LOCKED = -103; { the journal folder is in use (日志目录正被占用) }
  HAOYUAN_JOURNAL_DAMAGED = -104; { the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage) }
  HAOYUAN_FOLDER = -105; { the journal folder cannot be opened (无法打开日志目录) }
  HAOYUAN_JOURNAL_MISFIT = -106; { the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误) }
  HAOYUAN_NO_JOURNAL = -107; { the registry keeps no journal (未启用日志) }
  HAOYUAN_SETUP_REFUSED = -108; { the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误) }
  HAOYUAN_PANICKED = -201; { the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄) }
  HAOYUAN_POISONED = -202; { an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭) }
  { Why the rules say no, in order of precedence; a refusal is an answer and not an error. }
  HAOYUAN_IDEMPOTENCY_CONFLICT = 101; { this idempotency key was already used for a different command (该幂等键已用于另一条命令) }
  HAOYUAN_CONCURRENT_REQUEST = 102; { another request is being decided right now; ask again (另一请求正在处理,请重试) }
  HAOYUAN_UNKNOWN_SESSION = 201; { this session does not exist (该排班不存在) }
  HAOYUAN_UNKNOWN_SLOT = 202; { this session has no such slot (该排班没有此时段) }
  HAOYUAN_UNKNOWN_BOOKING = 203; { there is no such booking of this patient (该患者没有此预约) }
  HAOYUAN_STOPPED = 301; { the hospital has stopped this session (该排班已停诊) }
  HAOYUAN_NOT_ADMITTED = 302; { no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放) }
  HAOYUAN_NOT_OPEN = 303; { booking has not opened yet (尚未到放号时间) }
  HAOYUAN_CLOSED = 304; { booking has closed (已停止预约) }
  HAOYUAN_SLOT_FULL = 305; { every seat of this slot is taken (该时段号源已满) }
  HAOYUAN_PROTECTED = 306; { the seats that are left are reserved for other patients (剩余号源为其他患者预留) }
  HAOYUAN_CAP_REACHED = 307; { the quota of this pool is used up (该号源池配额已用完) }
  HAOYUAN_WAITLISTED = 308; { other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补) }
  HAOYUAN_RETURNED_BY_YOU = 309; { the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约) }
  HAOYUAN_BELOW_LIVE = 310; { more seats are taken than would be left (已占用的号源多于调整后的数量) }
  HAOYUAN_POOLS_DIFFER = 311; { the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改) }
  HAOYUAN_TICKET_REQUIRED = 401; { this class needs a ticket (需要转诊或签约等凭证) }
  HAOYUAN_TICKET_UNKNOWN = 402; { this patient has no such ticket (该患者没有此凭证) }
  HAOYUAN_TICKET_MISMATCH = 403; { this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符) }
  HAOYUAN_TICKET_EXPIRED = 404; { this ticket has expired (凭证已过期) }
  HAOYUAN_TICKET_USED = 405; { this ticket is already used by a booking (凭证已被使用) }
  HAOYUAN_IDENTITY_MERGED = 500; { this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院) }
  HAOYUAN_SUSPENDED = 501; { online booking is suspended for this patient (该患者线上预约已被限制) }
  HAOYUAN_OVERLAP = 502; { this patient has another booking too close in time (与该患者的其他预约时间冲突) }
  HAOYUAN_DEPARTMENT_DAY_LIMIT = 503; { this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限) }
  HAOYUAN_DAY_LIMIT = 504; { this patient already has the bookings allowed on this day (该患者当日预约已达上限) }
  HAOYUAN_PERIOD_LIMIT = 505; { this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限) }
  HAOYUAN_SESSION_HOLD_LIMIT = 506; { this patient already holds a seat of this session (该患者在本排班已有锁定号源) }
  HAOYUAN_HOLD_LIMIT = 507; { this patient has too many unpaid holds (该患者待支付的锁号已达上限) }
  HAOYUAN_HOLD_EXPIRED = 601; { the hold has expired (锁号已过期) }
  HAOYUAN_CANCELLED = 602; { this booking was cancelled (该预约已取消) }
  HAOYUAN_TOO_LATE = 603; { it is too late to cancel (已超过可取消时间) }
  HAOYUAN_NOT_FULL = 701; { there is a free seat; book it (该号源尚有余号,请直接预约) }
  HAOYUAN_WAITLIST_CLOSED = 702; { the waitlist is closed (候补已关闭) }
  HAOYUAN_WAITLIST_FULL = 703; { the waitlist is full (候补人数已满) }
  HAOYUAN_WAITLIST_LIMIT = 704; { this patient is already on as many waitlists as allowed (该患者的候补数量已达上限) }
  HAOYUAN_ALREADY_WAITING = 705; { this patient is already on the waitlist of this session (该患者已在本排班候补中) }
  HAOYUAN_UNKNOWN_ENTRY = 706; { there is no such open waitlist entry of this patient (该患者没有此候补记录) }
  HAOYUAN_NO_OFFER = 707; { there is no open offer (没有待确认的候补号源) }
  HAOYUAN_ROLE_REQUIRED = 711; { only staff can do this (仅限医院工作人员操作) }
  HAOYUAN_REASON_REQUIRED = 712; { a reason is required (须填写原因) }
  HAOYUAN_CONTACT_REQUIRED = 713; { the green channel needs a contact person (绿色通道须指定联系人) }
  HAOYUAN_EXTRA_LIMIT = 714; { no more extra seats are allowed (加号已达上限) }
  HAOYUAN_UNKNOWN_STOP = 721; { there is no such stop (没有此停诊记录) }
  HAOYUAN_NOT_SEPARABLE = 722; { this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊) }
  HAOYUAN_UNKNOWN_VISIT = 731; { there is no such visit (没有此就诊记录) }
  HAOYUAN_NOT_NOW = 732; { this cannot be done at this point of the visit (当前状态不可进行此操作) }
  HAOYUAN_ARRIVED_TOO_LATE = 733; { the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行) }
  HAOYUAN_ALREADY_THERE = 734; { the patient has checked in already (该患者已报到) }
  HAOYUAN_NOBODY_WAITS = 735; { nobody waits to be called (暂无候诊患者) }
  HAOYUAN_ROOM_BUSY = 736; { the room has a patient (该诊室有患者) }
  HAOYUAN_ENGINE_FULL = 901; { the engine has reached a limit set at opening (系统容量已达上限) }
  HAOYUAN_SEQUENCE_EXHAUSTED = 902; { this slot has reached the end of its history (该时段的流水号已用尽) }
  { By what right a patient asks. }
  HAOYUAN_CLASS_PUBLIC = 0; { public (公众) }
  HAOYUAN_CLASS_REFERRAL_SECONDARY = 1; { referral secondary (二级转诊) }
  HAOYUAN_CLASS_REFERRAL_PRIMARY = 2; { referral primary (基层转诊) }
  HAOYUAN_CLASS_CONTRACT = 3; { contract (签约居民) }
  HAOYUAN_CLASS_REVISIT = 4; { revisit (复诊) }
  HAOYUAN_CLASS_ON_SITE = 5; { on site (现场) }
  HAOYUAN_CLASS_GREEN = 6; { green (绿色通道) }
  { Through which channel. }
  HAOYUAN_CHANNEL_APP = 0; { app (手机应用) }
  HAOYUAN_CHANNEL_WECHAT = 1; { wechat (微信) }
  HAOYUAN_CHANNEL_PHONE = 2; { phone (电话) }
  HAOYUAN_CHANNEL_WEB = 3; { web (网页) }
  HAOYUAN_CHANNEL_KIOSK = 4; { kiosk (自助机) }
  HAOYUAN_CHANNEL_WINDOW = 5; { window (窗口) }
  HAOYUAN_CHANNEL_STATION = 6; { station (医生站) }
  HAOYUAN_CHANNEL_PARTNER = 7; { partner (合作平台) }
  { The grade of a session. }
  HAOYUAN_GRADE_ORDINARY = 0; { ordinary (普通号) }
  HAOYUAN_GRADE_EXPERT = 1; { expert (专家号) }
  HAOYUAN_GRADE_PREMIUM = 2; { premium (特需号) }
  HAOYUAN_GRADE_DISEASE = 3; { disease (专病号) }
  { Who gives a command, for the trace. }
  HAOYUAN_ROLE_PATIENT = 0; { patient (患者) }
  HAOYUAN_ROLE_CLERK = 1; { clerk (窗口人员) }
  HAOYUAN_ROLE_DOCTOR = 2; { doctor (医生) }
  HAOYUAN_ROLE_FAMILY_DOCTOR = 3; { family doctor (家庭医生) }
  HAOYUAN_ROLE_REFERRER = 4; { referrer (转诊机构) }
  HAOYUAN_ROLE_PARTNER = 5; { partner (合作平台) }
  HAOYUAN_ROLE_OPERATOR = 6; { operator (管理人员) }
  HAOYUAN_ROLE_SYSTEM = 7; { system (系统) }
  { When a decision is acknowledged. }
  HAOYUAN_MEMORY = 0; { there is no journal: a crash costs everything (仅内存) }
  HAOYUAN_ASYNC = 1; { when queued: a crash costs at most the stated window (异步落盘) }
  HAOYUAN_SYNCED = 2; { when on disk: a crash costs nothing that was acknowledged (同步落盘) }
  { Which refusals the journal keeps. }
  HAOYUAN_REFUSALS_ALL = 0; { each one (全部) }
  HAOYUAN_REFUSALS_PER_MINUTE = 1; { counts by minute, code, class and channel (按分钟计数) }
  HAOYUAN_REFUSALS_NONE = 2; { none but those with an idempotency key (不记录) }
  HAOYUAN_REFUSALS_BY_REASON = 3; { those that the options name (按原因记录) }
  { The hash of the journal's chain. }
  HAOYUAN_BLAKE3 = 0; { BLAKE3 }
  HAOYUAN_SM3 = 1; { SM3, where the rules of the place ask for it (国密 SM3) }
  { How a seat was given. }
  HAOYUAN_HELD = 1; { until `expires`, to be confirmed before (锁号) }
  HAOYUAN_BOOKED = 2; { for good (已预约) }
  { Whether to ask again after a refusal. }
  HAOYUAN_RETRY_NEVER = 0; { not without changing the request (无需重试) }
  HAOYUAN_RETRY_NOW = 1; { at once (立即重试) }
  HAOYUAN_RETRY_FROM = 2; { from `retry_from` on (从指定时间起) }
  HAOYUAN_RETRY_WHEN_RETURNED = 3; { when somebody gives a seat back (有退号时) }
  { What decided a refusal: the meaning of `binding_value`. }
  HAOYUAN_BINDING_NONE = 0; { the code says it all }
  HAOYUAN_BINDING_POOL = 1; { a pool, for `haoyuan_pool_name` (号源池) }
  HAOYUAN_BINDING_BOOKING = 2; { another booking of the patient (该患者的其他预约) }
  HAOYUAN_BINDING_LIMIT = 3; { a count was reached: the limit (数量上限) }
  { How a search is sorted. }
  HAOYUAN_ORDER_EARLIEST = 0; { by time (按时间) }
  HAOYUAN_ORDER_LEAST_LOADED = 1; { the least loaded first, then by time (错峰) }
  { The language of texts. }
  HAOYUAN_ENGLISH = 0; { English (英文) }
  HAOYUAN_CHINESE = 1; { Chinese (zh-CN) (中文) }
  { How important a line of the log is. }
  HAOYUAN_LOG_INFO = 1; { to know: opened, recovered, closed }
  HAOYUAN_LOG_WARNING = 2; { to look at: a torn tail was cut off }
  HAOYUAN_LOG_ERROR = 3; { to act on: the journal failed, or the library made a mistake }
  { Bounds. }
  HAOYUAN_ANY = $FFFFFFFF; { no choice, where a field says so (不限) }
  HAOYUAN_BATCH_MAX = 65536; { elements of a batch, list or wait }
  HAOYUAN_TEXT_BYTES_MAX = 8388608; { bytes of a text: as much as a line of the command language }
  HAOYUAN_HANDLES_MAX = 255; { registries open at once in one process }

implementation

end.
