"""Written from the tables of the engine; do not edit."""

from typing import Final

# What the header was made for; see `haoyuan_abi_check`.
ABI_MAJOR: Final = 0  # programs of another major number do not fit
ABI_MINOR: Final = 2  # a library with a smaller minor number lacks something
ABI_VERSION: Final = 2  # both in one number

# What a function returns when it is not a refusal.
OK: Final = 0  # done (成功)
NULL_POINTER: Final = -1  # a pointer that is needed is null (必需的指针为空)
INVALID_HANDLE: Final = -2  # there is no open registry with this handle (句柄无效或已关闭)
STRUCT_SIZE: Final = -3  # the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库)
INVALID_LENGTH: Final = -4  # a length or count is out of range (长度或数量超出范围)
INVALID_UTF8: Final = -5  # a text is not valid UTF-8 (文本不是有效的 UTF-8)
INVALID_ARGUMENT: Final = -6  # a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)
BUFFER_TOO_SMALL: Final = -7  # the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)
ABI_MISMATCH: Final = -8  # the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)
REENTERED: Final = -9  # a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)
TOO_MANY_HANDLES: Final = -10  # too many registries are open in this process (本进程打开的句柄过多)
BUSY: Final = -11  # a snapshot is being taken; ask again (正在生成快照,请重试)
UNKNOWN_ACK: Final = -12  # this registry gave out no such acknowledgement (没有此确认编号)
PENDING: Final = -101  # not durable yet (尚未落盘)
JOURNAL_FAILED: Final = -102  # the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)
JOURNAL_LOCKED: Final = -103  # the journal folder is in use (日志目录正被占用)
JOURNAL_DAMAGED: Final = -104  # the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)
FOLDER: Final = -105  # the journal folder cannot be opened (无法打开日志目录)
JOURNAL_MISFIT: Final = -106  # the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)
NO_JOURNAL: Final = -107  # the registry keeps no journal (未启用日志)
SETUP_REFUSED: Final = -108  # the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)
PANICKED: Final = -201  # the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)
POISONED: Final = -202  # an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)

# Why the rules say no, in order of precedence; a refusal is an answer and not an error.
IDEMPOTENCY_CONFLICT: Final = 101  # this idempotency key was already used for a different command (该幂等键已用于另一条命令)
CONCURRENT_REQUEST: Final = 102  # another request is being decided right now; ask again (另一请求正在处理,请重试)
UNKNOWN_SESSION: Final = 201  # this session does not exist (该排班不存在)
UNKNOWN_SLOT: Final = 202  # this session has no such slot (该排班没有此时段)
UNKNOWN_BOOKING: Final = 203  # there is no such booking of this patient (该患者没有此预约)
STOPPED: Final = 301  # the hospital has stopped this session (该排班已停诊)
NOT_ADMITTED: Final = 302  # no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)
NOT_OPEN: Final = 303  # booking has not opened yet (尚未到放号时间)
CLOSED: Final = 304  # booking has closed (已停止预约)
SLOT_FULL: Final = 305  # every seat of this slot is taken (该时段号源已满)
PROTECTED: Final = 306  # the seats that are left are reserved for other patients (剩余号源为其他患者预留)
CAP_REACHED: Final = 307  # the quota of this pool is used up (该号源池配额已用完)
WAITLISTED: Final = 308  # other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补)
RETURNED_BY_YOU: Final = 309  # the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约)
BELOW_LIVE: Final = 310  # more seats are taken than would be left (已占用的号源多于调整后的数量)
POOLS_DIFFER: Final = 311  # the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改)
TICKET_REQUIRED: Final = 401  # this class needs a ticket (需要转诊或签约等凭证)
TICKET_UNKNOWN: Final = 402  # this patient has no such ticket (该患者没有此凭证)
TICKET_MISMATCH: Final = 403  # this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)
TICKET_EXPIRED: Final = 404  # this ticket has expired (凭证已过期)
TICKET_USED: Final = 405  # this ticket is already used by a booking (凭证已被使用)
IDENTITY_MERGED: Final = 500  # this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院)
SUSPENDED: Final = 501  # online booking is suspended for this patient (该患者线上预约已被限制)
OVERLAP: Final = 502  # this patient has another booking too close in time (与该患者的其他预约时间冲突)
DEPARTMENT_DAY_LIMIT: Final = 503  # this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)
DAY_LIMIT: Final = 504  # this patient already has the bookings allowed on this day (该患者当日预约已达上限)
PERIOD_LIMIT: Final = 505  # this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)
SESSION_HOLD_LIMIT: Final = 506  # this patient already holds a seat of this session (该患者在本排班已有锁定号源)
HOLD_LIMIT: Final = 507  # this patient has too many unpaid holds (该患者待支付的锁号已达上限)
HOLD_EXPIRED: Final = 601  # the hold has expired (锁号已过期)
CANCELLED: Final = 602  # this booking was cancelled (该预约已取消)
TOO_LATE: Final = 603  # it is too late to cancel (已超过可取消时间)
NOT_FULL: Final = 701  # there is a free seat; book it (该号源尚有余号,请直接预约)
WAITLIST_CLOSED: Final = 702  # the waitlist is closed (候补已关闭)
WAITLIST_FULL: Final = 703  # the waitlist is full (候补人数已满)
WAITLIST_LIMIT: Final = 704  # this patient is already on as many waitlists as allowed (该患者的候补数量已达上限)
ALREADY_WAITING: Final = 705  # this patient is already on the waitlist of this session (该患者已在本排班候补中)
UNKNOWN_ENTRY: Final = 706  # there is no such open waitlist entry of this patient (该患者没有此候补记录)
NO_OFFER: Final = 707  # there is no open offer (没有待确认的候补号源)
ROLE_REQUIRED: Final = 711  # only staff can do this (仅限医院工作人员操作)
REASON_REQUIRED: Final = 712  # a reason is required (须填写原因)
CONTACT_REQUIRED: Final = 713  # the green channel needs a contact person (绿色通道须指定联系人)
EXTRA_LIMIT: Final = 714  # no more extra seats are allowed (加号已达上限)
UNKNOWN_STOP: Final = 721  # there is no such stop (没有此停诊记录)
NOT_SEPARABLE: Final = 722  # this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊)
UNKNOWN_VISIT: Final = 731  # there is no such visit (没有此就诊记录)
NOT_NOW: Final = 732  # this cannot be done at this point of the visit (当前状态不可进行此操作)
ARRIVED_TOO_LATE: Final = 733  # the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行)
ALREADY_THERE: Final = 734  # the patient has checked in already (该患者已报到)
NOBODY_WAITS: Final = 735  # nobody waits to be called (暂无候诊患者)
ROOM_BUSY: Final = 736  # the room has a patient (该诊室有患者)
ENGINE_FULL: Final = 901  # the engine has reached a limit set at opening (系统容量已达上限)
SEQUENCE_EXHAUSTED: Final = 902  # this slot has reached the end of its history (该时段的流水号已用尽)

# By what right a patient asks.
CLASS_PUBLIC: Final = 0  # public (公众)
CLASS_REFERRAL_SECONDARY: Final = 1  # referral secondary (二级转诊)
CLASS_REFERRAL_PRIMARY: Final = 2  # referral primary (基层转诊)
CLASS_CONTRACT: Final = 3  # contract (签约居民)
CLASS_REVISIT: Final = 4  # revisit (复诊)
CLASS_ON_SITE: Final = 5  # on site (现场)
CLASS_GREEN: Final = 6  # green (绿色通道)

# Through which channel.
CHANNEL_APP: Final = 0  # app (手机应用)
CHANNEL_WECHAT: Final = 1  # wechat (微信)
CHANNEL_PHONE: Final = 2  # phone (电话)
CHANNEL_WEB: Final = 3  # web (网页)
CHANNEL_KIOSK: Final = 4  # kiosk (自助机)
CHANNEL_WINDOW: Final = 5  # window (窗口)
CHANNEL_STATION: Final = 6  # station (医生站)
CHANNEL_PARTNER: Final = 7  # partner (合作平台)

# The grade of a session.
GRADE_ORDINARY: Final = 0  # ordinary (普通号)
GRADE_EXPERT: Final = 1  # expert (专家号)
GRADE_PREMIUM: Final = 2  # premium (特需号)
GRADE_DISEASE: Final = 3  # disease (专病号)

# Who gives a command, for the trace.
ROLE_PATIENT: Final = 0  # patient (患者)
ROLE_CLERK: Final = 1  # clerk (窗口人员)
ROLE_DOCTOR: Final = 2  # doctor (医生)
ROLE_FAMILY_DOCTOR: Final = 3  # family doctor (家庭医生)
ROLE_REFERRER: Final = 4  # referrer (转诊机构)
ROLE_PARTNER: Final = 5  # partner (合作平台)
ROLE_OPERATOR: Final = 6  # operator (管理人员)
ROLE_SYSTEM: Final = 7  # system (系统)

# When a decision is acknowledged.
MEMORY: Final = 0  # there is no journal: a crash costs everything (仅内存)
ASYNC: Final = 1  # when queued: a crash costs at most the stated window (异步落盘)
SYNCED: Final = 2  # when on disk: a crash costs nothing that was acknowledged (同步落盘)

# Which refusals the journal keeps.
REFUSALS_ALL: Final = 0  # each one (全部)
REFUSALS_PER_MINUTE: Final = 1  # counts by minute, code, class and channel (按分钟计数)
REFUSALS_NONE: Final = 2  # none but those with an idempotency key (不记录)
REFUSALS_BY_REASON: Final = 3  # those that the options name (按原因记录)

# The hash of the journal's chain.
BLAKE3: Final = 0  # BLAKE3
SM3: Final = 1  # SM3, where the rules of the place ask for it (国密 SM3)

# How a seat was given.
HELD: Final = 1  # until `expires`, to be confirmed before (锁号)
BOOKED: Final = 2  # for good (已预约)

# Whether to ask again after a refusal.
RETRY_NEVER: Final = 0  # not without changing the request (无需重试)
RETRY_NOW: Final = 1  # at once (立即重试)
RETRY_FROM: Final = 2  # from `retry_from` on (从指定时间起)
RETRY_WHEN_RETURNED: Final = 3  # when somebody gives a seat back (有退号时)

# What decided a refusal: the meaning of `binding_value`.
BINDING_NONE: Final = 0  # the code says it all
BINDING_POOL: Final = 1  # a pool, for `haoyuan_pool_name` (号源池)
BINDING_BOOKING: Final = 2  # another booking of the patient (该患者的其他预约)
BINDING_LIMIT: Final = 3  # a count was reached: the limit (数量上限)

# How a search is sorted.
ORDER_EARLIEST: Final = 0  # by time (按时间)
ORDER_LEAST_LOADED: Final = 1  # the least loaded first, then by time (错峰)

# The language of texts.
ENGLISH: Final = 0  # English (英文)
CHINESE: Final = 1  # Chinese (zh-CN) (中文)

# How important a line of the log is.
LOG_INFO: Final = 1  # to know: opened, recovered, closed
LOG_WARNING: Final = 2  # to look at: a torn tail was cut off
LOG_ERROR: Final = 3  # to act on: the journal failed, or the library made a mistake

# Bounds.
ANY: Final = 4294967295  # no choice, where a field says so (不限)
BATCH_MAX: Final = 65536  # elements of a batch, list or wait
TEXT_BYTES_MAX: Final = 8388608  # bytes of a text: as much as a line of the command language
HANDLES_MAX: Final = 255  # registries open at once in one process
