// Written from the tables of the engine; do not edit.

package main

// What the header was made for; see `haoyuan_abi_check`.

// programs of another major number do not fit
const AbiMajor uint32 = 0

// a library with a smaller minor number lacks something
const AbiMinor uint32 = 2

// both in one number
const AbiVersion uint32 = 2

// What a function returns when it is not a refusal.

// done (成功)
const Ok int32 = 0

// a pointer that is needed is null (必需的指针为空)
const NullPointer int32 = -1

// there is no open registry with this handle (句柄无效或已关闭)
const InvalidHandle int32 = -2

// the size of a structure is not known to this library: set `struct_size`, or use a newer library (结构体大小不符:请设置 `struct_size` 或更新动态库)
const StructSize int32 = -3

// a length or count is out of range (长度或数量超出范围)
const InvalidLength int32 = -4

// a text is not valid UTF-8 (文本不是有效的 UTF-8)
const InvalidUtf8 int32 = -5

// a field is out of its range; the last error names it (字段取值超出范围,详见最近错误)
const InvalidArgument int32 = -6

// the buffer is too small; the length needed was written (缓冲区太小,所需长度已写出)
const BufferTooSmall int32 = -7

// the program and the library have different ABI versions; install the library that belongs to the header (程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库)
const AbiMismatch int32 = -8

// a callback may not use a registry; hand the work to a thread of your own (回调中不可使用句柄,请转交自己的线程)
const Reentered int32 = -9

// too many registries are open in this process (本进程打开的句柄过多)
const TooManyHandles int32 = -10

// a snapshot is being taken; ask again (正在生成快照,请重试)
const Busy int32 = -11

// this registry gave out no such acknowledgement (没有此确认编号)
const UnknownAck int32 = -12

// not durable yet (尚未落盘)
const Pending int32 = -101

// the journal has failed and takes no changes any more; repair the medium and restart (日志写入失败,不再接受变更;请修复存储后重启)
const JournalFailed int32 = -102

// the journal folder is in use (日志目录正被占用)
const JournalLocked int32 = -103

// the journal is damaged; see the last error, and `haoyuan recover --salvage` (日志已损坏,详见最近错误,可用 haoyuan recover --salvage)
const JournalDamaged int32 = -104

// the journal folder cannot be opened (无法打开日志目录)
const Folder int32 = -105

// the journal does not fit this library or these limits; see the last error (日志与本版本或容量设置不符,详见最近错误)
const JournalMisfit int32 = -106

// the registry keeps no journal (未启用日志)
const NoJournal int32 = -107

// the directory, policy or roster was refused; see the last error (目录、策略或排班被拒绝,详见最近错误)
const SetupRefused int32 = -108

// the library made a mistake; the log says where; close the registry (库内部错误,位置见日志;请关闭句柄)
const Panicked int32 = -201

// an earlier mistake of the library made this handle unusable; close it (句柄因先前的内部错误已不可用,请关闭)
const Poisoned int32 = -202

// Why the rules say no, in order of precedence; a refusal is an answer and not an error.

// this idempotency key was already used for a different command (该幂等键已用于另一条命令)
const IdempotencyConflict int32 = 101

// another request is being decided right now; ask again (另一请求正在处理,请重试)
const ConcurrentRequest int32 = 102

// this session does not exist (该排班不存在)
const UnknownSession int32 = 201

// this session has no such slot (该排班没有此时段)
const UnknownSlot int32 = 202

// there is no such booking of this patient (该患者没有此预约)
const UnknownBooking int32 = 203

// the hospital has stopped this session (该排班已停诊)
const Stopped int32 = 301

// no pool of this session admits this class through this channel (该号源不对此类患者或此渠道开放)
const NotAdmitted int32 = 302

// booking has not opened yet (尚未到放号时间)
const NotOpen int32 = 303

// booking has closed (已停止预约)
const Closed int32 = 304

// every seat of this slot is taken (该时段号源已满)
const SlotFull int32 = 305

// the seats that are left are reserved for other patients (剩余号源为其他患者预留)
const Protected int32 = 306

// the quota of this pool is used up (该号源池配额已用完)
const CapReached int32 = 307

// other patients are waiting for this slot; join the waitlist (该时段有患者候补,请加入候补)
const Waitlisted int32 = 308

// the only free seat is the one that this patient returned (仅余该患者本人退回的号源,不可再次预约)
const ReturnedByYou int32 = 309

// more seats are taken than would be left (已占用的号源多于调整后的数量)
const BelowLive int32 = 310

// the pools of a slot keep their names, places and opening times (号源池的名称、层级和开放时间不可更改)
const PoolsDiffer int32 = 311

// this class needs a ticket (需要转诊或签约等凭证)
const TicketRequired int32 = 401

// this patient has no such ticket (该患者没有此凭证)
const TicketUnknown int32 = 402

// this ticket is for another class, hospital or department (凭证与所约类别、医院或科室不符)
const TicketMismatch int32 = 403

// this ticket has expired (凭证已过期)
const TicketExpired int32 = 404

// this ticket is already used by a booking (凭证已被使用)
const TicketUsed int32 = 405

// this patient's identities were merged in breach of the rules; ask the hospital (该患者身份合并后存在违规预约,请联系医院)
const IdentityMerged int32 = 500

// online booking is suspended for this patient (该患者线上预约已被限制)
const Suspended int32 = 501

// this patient has another booking too close in time (与该患者的其他预约时间冲突)
const Overlap int32 = 502

// this patient already has the bookings allowed in this department on this day (该患者当日在本科室的预约已达上限)
const DepartmentDayLimit int32 = 503

// this patient already has the bookings allowed on this day (该患者当日预约已达上限)
const DayLimit int32 = 504

// this patient already has the bookings allowed in this period (该患者在此期间的预约已达上限)
const PeriodLimit int32 = 505

// this patient already holds a seat of this session (该患者在本排班已有锁定号源)
const SessionHoldLimit int32 = 506

// this patient has too many unpaid holds (该患者待支付的锁号已达上限)
const HoldLimit int32 = 507

// the hold has expired (锁号已过期)
const HoldExpired int32 = 601

// this booking was cancelled (该预约已取消)
const Cancelled int32 = 602

// it is too late to cancel (已超过可取消时间)
const TooLate int32 = 603

// there is a free seat; book it (该号源尚有余号,请直接预约)
const NotFull int32 = 701

// the waitlist is closed (候补已关闭)
const WaitlistClosed int32 = 702

// the waitlist is full (候补人数已满)
const WaitlistFull int32 = 703

// this patient is already on as many waitlists as allowed (该患者的候补数量已达上限)
const WaitlistLimit int32 = 704

// this patient is already on the waitlist of this session (该患者已在本排班候补中)
const AlreadyWaiting int32 = 705

// there is no such open waitlist entry of this patient (该患者没有此候补记录)
const UnknownEntry int32 = 706

// there is no open offer (没有待确认的候补号源)
const NoOffer int32 = 707

// only staff can do this (仅限医院工作人员操作)
const RoleRequired int32 = 711

// a reason is required (须填写原因)
const ReasonRequired int32 = 712

// the green channel needs a contact person (绿色通道须指定联系人)
const ContactRequired int32 = 713

// no more extra seats are allowed (加号已达上限)
const ExtraLimit int32 = 714

// there is no such stop (没有此停诊记录)
const UnknownStop int32 = 721

// this session is one whole; stop it, a seat or a booking of it (该排班不可按时段停诊,请按排班、号源或预约停诊)
const NotSeparable int32 = 722

// there is no such visit (没有此就诊记录)
const UnknownVisit int32 = 731

// this cannot be done at this point of the visit (当前状态不可进行此操作)
const NotNow int32 = 732

// the patient is too late and the number is void; staff may let it pass (迟到超时,号已作废;可由工作人员放行)
const ArrivedTooLate int32 = 733

// the patient has checked in already (该患者已报到)
const AlreadyThere int32 = 734

// nobody waits to be called (暂无候诊患者)
const NobodyWaits int32 = 735

// the room has a patient (该诊室有患者)
const RoomBusy int32 = 736

// the engine has reached a limit set at opening (系统容量已达上限)
const EngineFull int32 = 901

// this slot has reached the end of its history (该时段的流水号已用尽)
const SequenceExhausted int32 = 902

// By what right a patient asks.

// public (公众)
const ClassPublic uint32 = 0

// referral secondary (二级转诊)
const ClassReferralSecondary uint32 = 1

// referral primary (基层转诊)
const ClassReferralPrimary uint32 = 2

// contract (签约居民)
const ClassContract uint32 = 3

// revisit (复诊)
const ClassRevisit uint32 = 4

// on site (现场)
const ClassOnSite uint32 = 5

// green (绿色通道)
const ClassGreen uint32 = 6

// Through which channel.

// app (手机应用)
const ChannelApp uint32 = 0

// wechat (微信)
const ChannelWechat uint32 = 1

// phone (电话)
const ChannelPhone uint32 = 2

// web (网页)
const ChannelWeb uint32 = 3

// kiosk (自助机)
const ChannelKiosk uint32 = 4

// window (窗口)
const ChannelWindow uint32 = 5

// station (医生站)
const ChannelStation uint32 = 6

// partner (合作平台)
const ChannelPartner uint32 = 7

// The grade of a session.

// ordinary (普通号)
const GradeOrdinary uint32 = 0

// expert (专家号)
const GradeExpert uint32 = 1

// premium (特需号)
const GradePremium uint32 = 2

// disease (专病号)
const GradeDisease uint32 = 3

// Who gives a command, for the trace.

// patient (患者)
const RolePatient uint32 = 0

// clerk (窗口人员)
const RoleClerk uint32 = 1

// doctor (医生)
const RoleDoctor uint32 = 2

// family doctor (家庭医生)
const RoleFamilyDoctor uint32 = 3

// referrer (转诊机构)
const RoleReferrer uint32 = 4

// partner (合作平台)
const RolePartner uint32 = 5

// operator (管理人员)
const RoleOperator uint32 = 6

// system (系统)
const RoleSystem uint32 = 7

// When a decision is acknowledged.

// there is no journal: a crash costs everything (仅内存)
const Memory uint32 = 0

// when queued: a crash costs at most the stated window (异步落盘)
const Async uint32 = 1

// when on disk: a crash costs nothing that was acknowledged (同步落盘)
const Synced uint32 = 2

// Which refusals the journal keeps.

// each one (全部)
const RefusalsAll uint32 = 0

// counts by minute, code, class and channel (按分钟计数)
const RefusalsPerMinute uint32 = 1

// none but those with an idempotency key (不记录)
const RefusalsNone uint32 = 2

// those that the options name (按原因记录)
const RefusalsByReason uint32 = 3

// The hash of the journal's chain.

// BLAKE3
const Blake3 uint32 = 0

// SM3, where the rules of the place ask for it (国密 SM3)
const Sm3 uint32 = 1

// How a seat was given.

// until `expires`, to be confirmed before (锁号)
const Held uint32 = 1

// for good (已预约)
const Booked uint32 = 2

// Whether to ask again after a refusal.

// not without changing the request (无需重试)
const RetryNever uint32 = 0

// at once (立即重试)
const RetryNow uint32 = 1

// from `retry_from` on (从指定时间起)
const RetryFrom uint32 = 2

// when somebody gives a seat back (有退号时)
const RetryWhenReturned uint32 = 3

// What decided a refusal: the meaning of `binding_value`.

// the code says it all
const BindingNone uint32 = 0

// a pool, for `haoyuan_pool_name` (号源池)
const BindingPool uint32 = 1

// another booking of the patient (该患者的其他预约)
const BindingBooking uint32 = 2

// a count was reached: the limit (数量上限)
const BindingLimit uint32 = 3

// How a search is sorted.

// by time (按时间)
const OrderEarliest uint32 = 0

// the least loaded first, then by time (错峰)
const OrderLeastLoaded uint32 = 1

// The language of texts.

// English (英文)
const English uint32 = 0

// Chinese (zh-CN) (中文)
const Chinese uint32 = 1

// How important a line of the log is.

// to know: opened, recovered, closed
const LogInfo uint32 = 1

// to look at: a torn tail was cut off
const LogWarning uint32 = 2

// to act on: the journal failed, or the library made a mistake
const LogError uint32 = 3

// Bounds.

// no choice, where a field says so (不限)
const Any uint32 = 4294967295

// elements of a batch, list or wait
const BatchMax uint32 = 65536

// bytes of a text: as much as a line of the command language
const TextBytesMax uint32 = 8388608

// registries open at once in one process
const HandlesMax uint32 = 255
