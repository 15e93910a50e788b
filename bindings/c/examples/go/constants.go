// Written from the tables of the engine; do not edit.

package main

const (
	// What the header was made for; see `haoyuan_abi_check`.
	AbiMajor uint32 = 0 // programs of another major number do not fit
	AbiMinor uint32 = 1 // a library with a smaller minor number lacks something
	AbiVersion uint32 = 1 // both in one number
	// What a function returns when it is not a refusal.
	Ok int32 = 0 // done (成功)
	NullPointer int32 = -1 // a pointer that is needed is null (必需的指针为空)
	InvalidHandle int32 = -2 // there is no open registry with this handle (句柄无效或已关闭)
	StructSize int32 = -3 // the size of a structure is not known to this library: set struct_size, or use a newer library (结构体大小不符:请设置 struct_size 或更新动态库)
	InvalidLength int32 = -4 // a length or count is out of range (长度或数量超出范围)
	InvalidUtf8 int32 = -5 // a text is not valid UTF-8 (文本不是有效的 UTF-8)
	InvalidArgument int32 = -6 // a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)
	BufferTooSmall int32 = -7 // the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)
	AbiMismatch int32 = -8 // the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)
	Reentered int32 = -9 // a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)
	TooManyHandles int32 = -10 // too many registries are open in this process (本进程打开的句柄过多)
	Busy int32 = -11 // a snapshot is being taken; ask again (正在生成快照,请重试)
	UnknownAck int32 = -12 // this registry gave out no such acknowledgement (没有此确认编号)
	Pending int32 = -101 // not durable yet (尚未落盘)
	JournalFailed int32 = -102 // the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)
	JournalLocked int32 = -103 // the journal folder is in use (日志目录正被占用)
	JournalDamaged int32 = -104 // the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)
	Folder int32 = -105 // the journal folder cannot be opened (无法打开日志目录)
	JournalMisfit int32 = -106 // the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)
	NoJournal int32 = -107 // the registry keeps no journal (未启用日志)
	SetupRefused int32 = -108 // the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)
	Panicked int32 = -201 // the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)
	Poisoned int32 = -202 // an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)
	// Why the rules say no, in order of precedence; a refusal is an answer and not an error.
	IdempotencyConflict int32 = 101 // this idempotency key was already used for a different command (该幂等键已用于另一条命令)
	ConcurrentRequest int32 = 102 // another request is being decided right now; ask again (另一请求正在处理,请重试)
	UnknownSession int32 = 201 // this session does not exist (该排班不存在)
	UnknownSlot int32 = 202 // this session has no such slot (该排班没有此时段)
	UnknownBooking int32 = 203 // there is no such booking of this patient (该患者没有此预约)
	Stopped int32 = 301 // the hospital has stopped this session (该排班已停诊)
	NotAdmitted int32 = 302 // no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)
	NotOpen int32 = 303 // booking has not opened yet (尚未到放号时间)
	Closed int32 = 304 // booking has closed (已停止预约)
	SlotFull int32 = 305 // every seat of this slot is taken (该时段号源已满)
	Protected int32 = 306 // the seats that are left are reserved for other patients (剩余号源为其他患者预留)
	CapReached int32 = 307 // the quota of this pool is used up (该号源池配额已用完)
	TicketRequired int32 = 401 // this class needs a ticket (需要转诊或签约等凭证)
	TicketUnknown int32 = 402 // this patient has no such ticket (该患者没有此凭证)
	TicketMismatch int32 = 403 // this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)
	TicketExpired int32 = 404 // this ticket has expired (凭证已过期)
	TicketUsed int32 = 405 // this ticket is already used by a booking (凭证已被使用)
	Suspended int32 = 501 // online booking is suspended for this patient (该患者线上预约已被限制)
	Overlap int32 = 502 // this patient has another booking too close in time (与该患者的其他预约时间冲突)
	DepartmentDayLimit int32 = 503 // this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)
	DayLimit int32 = 504 // this patient already has the bookings allowed on this day (该患者当日预约已达上限)
	PeriodLimit int32 = 505 // this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)
	SessionHoldLimit int32 = 506 // this patient already holds a seat of this session (该患者在本排班已有锁定号源)
	HoldLimit int32 = 507 // this patient has too many unpaid holds (该患者待支付的锁号已达上限)
	HoldExpired int32 = 601 // the hold has expired (锁号已过期)
	Cancelled int32 = 602 // this booking was cancelled (该预约已取消)
	TooLate int32 = 603 // it is too late to cancel (已超过可取消时间)
	EngineFull int32 = 901 // the engine has reached a limit set at opening (系统容量已达上限)
	SequenceExhausted int32 = 902 // this slot has reached the end of its history (该时段的流水号已用尽)
	// By what right a patient asks.
	ClassPublic uint32 = 0 // public (公众)
	ClassReferralSecondary uint32 = 1 // referral secondary (二级转诊)
	ClassReferralPrimary uint32 = 2 // referral primary (基层转诊)
	ClassContract uint32 = 3 // contract (签约居民)
	ClassRevisit uint32 = 4 // revisit (复诊)
	ClassOnSite uint32 = 5 // on site (现场)
	ClassGreen uint32 = 6 // green (绿色通道)
	// Through which channel.
	ChannelApp uint32 = 0 // app (手机应用)
	ChannelWechat uint32 = 1 // wechat (微信)
	ChannelPhone uint32 = 2 // phone (电话)
	ChannelWeb uint32 = 3 // web (网页)
	ChannelKiosk uint32 = 4 // kiosk (自助机)
	ChannelWindow uint32 = 5 // window (窗口)
	ChannelStation uint32 = 6 // station (医生站)
	ChannelPartner uint32 = 7 // partner (合作平台)
	// The grade of a session.
	GradeOrdinary uint32 = 0 // ordinary (普通号)
	GradeExpert uint32 = 1 // expert (专家号)
	GradePremium uint32 = 2 // premium (特需号)
	GradeDisease uint32 = 3 // disease (专病号)
	// Who gives a command, for the trace.
	RolePatient uint32 = 0 // patient (患者)
	RoleClerk uint32 = 1 // clerk (窗口人员)
	RoleDoctor uint32 = 2 // doctor (医生)
	RoleFamilyDoctor uint32 = 3 // family doctor (家庭医生)
	RoleReferrer uint32 = 4 // referrer (转诊机构)
	RolePartner uint32 = 5 // partner (合作平台)
	RoleOperator uint32 = 6 // operator (管理人员)
	RoleSystem uint32 = 7 // system (系统)
	// When a decision is acknowledged.
	Memory uint32 = 0 // there is no journal: a crash costs everything (仅内存)
	Async uint32 = 1 // when queued: a crash costs at most the stated window (异步落盘)
	Synced uint32 = 2 // when on disk: a crash costs nothing that was acknowledged (同步落盘)
	// Which refusals the journal keeps.
	RefusalsAll uint32 = 0 // each one (全部)
	RefusalsPerMinute uint32 = 1 // counts by minute, code, class and channel (按分钟计数)
	RefusalsNone uint32 = 2 // none but those with an idempotency key (不记录)
	// The hash of the journal's chain.
	Blake3 uint32 = 0 // BLAKE3
	Sm3 uint32 = 1 // SM3, where the rules of the place ask for it (国密 SM3)
	// How a seat was given.
	Held uint32 = 1 // until `expires`, to be confirmed before (锁号)
	Booked uint32 = 2 // for good (已预约)
	// Whether to ask again after a refusal.
	RetryNever uint32 = 0 // not without changing the request (无需重试)
	RetryNow uint32 = 1 // at once (立即重试)
	RetryFrom uint32 = 2 // from `retry_from` on (从指定时间起)
	RetryWhenReturned uint32 = 3 // when somebody gives a seat back (有退号时)
	// What decided a refusal: the meaning of `binding_value`.
	BindingNone uint32 = 0 // the code says it all
	BindingPool uint32 = 1 // a pool, for `haoyuan_pool_name` (号源池)
	BindingBooking uint32 = 2 // another booking of the patient (该患者的其他预约)
	BindingLimit uint32 = 3 // a count was reached: the limit (数量上限)
	// How a search is sorted.
	OrderEarliest uint32 = 0 // by time (按时间)
	OrderLeastLoaded uint32 = 1 // the least loaded first, then by time (错峰)
	// The language of texts.
	English uint32 = 0 // English (英文)
	Chinese uint32 = 1 // Chinese (zh-CN) (中文)
	// How important a line of the log is.
	LogInfo uint32 = 1 // to know: opened, recovered, closed
	LogWarning uint32 = 2 // to look at: a torn tail was cut off
	LogError uint32 = 3 // to act on: the journal failed, or the library made a mistake
	// Bounds.
	Any uint32 = 4294967295 // no choice, where a field says so (不限)
	BatchMax uint32 = 65536 // elements of a batch, list or wait
	TextBytesMax uint32 = 8388608 // bytes of a text: as much as a line of the command language
	HandlesMax uint32 = 255 // registries open at once in one process
)
