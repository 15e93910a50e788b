{ haoyuan (号源), the engine that hands out outpatient numbers, for Delphi and Free Pascal: its C ABI, field by field.
  A status above 0 is a refusal, an answer; below 0 an error, raised by Checked. }
unit Haoyuan;

{$IFDEF FPC}{$MODE DELPHI}{$PACKRECORDS C}{$ENDIF}

interface

uses
  SysUtils;

const
  {$IFDEF MSWINDOWS}
  HaoyuanLibrary = 'haoyuan.dll';
  {$ELSE}
  HaoyuanLibrary = 'haoyuan';
  {$ENDIF}

type
  THaoyuan = UInt64;
  THaoyuanKey = array [0 .. 15] of Byte;

  THaoyuanOptions = record
    StructSize, AbiVersion, Durability, Refusals, Hash, WindowMs, WindowRecords, MaxDelayUs: Cardinal;
    ForSeats, Blocks, Seats, Sessions, Shapes, Patients, Entries, Reserved: Cardinal;
    At: Int64;
    Folder: PAnsiChar;
    FolderLength: NativeUInt;
    Directory: PAnsiChar;
    DirectoryLength: NativeUInt;
    Policy: PAnsiChar;
    PolicyLength: NativeUInt;
    Roster: PAnsiChar;
    RosterLength: NativeUInt;
    Log, LogContext: Pointer;
  end;

  THaoyuanWish = record
    StructSize, Session, Slot, PatientClass, Channel, Role, Reason, Reserved: Cardinal;
    At: Int64;
    Actor, Contact: UInt64;
    Patient, Ticket, Key: THaoyuanKey;
  end;
  PHaoyuanWish = ^THaoyuanWish;

  THaoyuanGrant = record
    StructSize: Cardinal;
    Status: Integer;
    Booking, Ack: UInt64;
    From, Till, Expires: Int64;
    Session, Slot, Number, Pool, Institution, Standing, Spill, Sequence, Retry, Binding: Cardinal;
    RetryFrom: Int64;
    BindingValue: UInt64;
  end;
  PHaoyuanGrant = ^THaoyuanGrant;

  THaoyuanSettle = record
    StructSize, Role, Reason, Reserved: Cardinal;
    At: Int64;
    Booking, Actor, Contact: UInt64;
    Patient, Key: THaoyuanKey;
  end;

  THaoyuanSettled = record
    StructSize: Cardinal;
    Status: Integer;
    Booking, Ack: UInt64;
    Sequence, Changed, Retry, Binding: Cardinal;
    RetryFrom: Int64;
    BindingValue: UInt64;
  end;

  THaoyuanAsk = record
    StructSize, Session, Slot, PatientClass, Channel, Reserved: Cardinal;
    At: Int64;
  end;

  THaoyuanAvailability = record
    StructSize: Cardinal;
    Status: Integer;
    Free, Capacity, Live, Retry, Binding, Reserved: Cardinal;
    RetryFrom: Int64;
    BindingValue: UInt64;
  end;

  THaoyuanSearch = record
    StructSize, PatientClass, Channel, Grade, Order, Reserved: Cardinal;
    At, FirstDay, LastDay: Int64;
    Institution: PAnsiChar;
    InstitutionLength: NativeUInt;
    Department: PAnsiChar;
    DepartmentLength: NativeUInt;
    Practitioner: PAnsiChar;
    PractitionerLength: NativeUInt;
  end;

  THaoyuanFound = record
    StructSize, Session, Slot, Free, Live, Capacity: Cardinal;
    From, Till: Int64;
  end;
  PHaoyuanFound = ^THaoyuanFound;

  THaoyuanDay = record
    StructSize, Reserved: Cardinal;
    At, Day: Int64;
    Institution: PAnsiChar;
    InstitutionLength: NativeUInt;
    Department: PAnsiChar;
    DepartmentLength: NativeUInt;
  end;

  THaoyuanLoad = record
    StructSize, Capacity, Live, Reserved: Cardinal;
    From, Till: Int64;
  end;
  PHaoyuanLoad = ^THaoyuanLoad;

  { What a caller or the world did wrong. A refusal is never one. }
  EHaoyuan = class(Exception)
  public
    Status: Integer;
    constructor CreateStatus(AStatus: Integer);
  end;

function haoyuan_abi_check(Version: Cardinal): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_open(var Options: THaoyuanOptions; out Registry: THaoyuan): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_close(Registry: THaoyuan): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_status_text(Status: Integer; Language: Cardinal; Buffer: PAnsiChar; Capacity: NativeUInt;
  out Needed: NativeUInt): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_status_name(Status: Integer; Buffer: PAnsiChar; Capacity: NativeUInt; out Needed: NativeUInt): Integer;
  cdecl; external HaoyuanLibrary;
function haoyuan_last_error(Buffer: PAnsiChar; Capacity: NativeUInt; out Needed: NativeUInt): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_last_answer(Buffer: PAnsiChar; Capacity: NativeUInt; out Needed: NativeUInt): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_find_session(Registry: THaoyuan; Code: PAnsiChar; Length: NativeUInt; out Session: Cardinal): Integer;
  cdecl; external HaoyuanLibrary;
function haoyuan_pool_name(Registry: THaoyuan; Session, Slot, Pool: Cardinal; Buffer: PAnsiChar; Capacity: NativeUInt;
  out Needed: NativeUInt): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_availability(Registry: THaoyuan; var Ask: THaoyuanAsk; var Availability: THaoyuanAvailability): Integer;
  cdecl; external HaoyuanLibrary;
function haoyuan_hold(Registry: THaoyuan; var Wish: THaoyuanWish; var Grant: THaoyuanGrant): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_book(Registry: THaoyuan; var Wish: THaoyuanWish; var Grant: THaoyuanGrant): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_confirm(Registry: THaoyuan; var Settle: THaoyuanSettle; var Settled: THaoyuanSettled): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_cancel(Registry: THaoyuan; var Settle: THaoyuanSettle; var Settled: THaoyuanSettled): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_book_batch(Registry: THaoyuan; Wishes: PHaoyuanWish; Grants: PHaoyuanGrant; Count: NativeUInt): Integer;
  cdecl; external HaoyuanLibrary;
function haoyuan_wait(Registry: THaoyuan; Acks: PUInt64; Count: NativeUInt; TimeoutMs: Int64): Integer; cdecl;
  external HaoyuanLibrary;
function haoyuan_search(Registry: THaoyuan; var Search: THaoyuanSearch; Found: PHaoyuanFound; Capacity: NativeUInt;
  out Count: NativeUInt): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_load(Registry: THaoyuan; var Day: THaoyuanDay; Loads: PHaoyuanLoad; Capacity: NativeUInt;
  out Count: NativeUInt): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_execute(Registry: THaoyuan; Json: PAnsiChar; Length: NativeUInt; Buffer: PAnsiChar; Capacity: NativeUInt;
  out Needed: NativeUInt): Integer; cdecl; external HaoyuanLibrary;
function haoyuan_state_hash(Registry: THaoyuan; Hash: PByte): Integer; cdecl; external HaoyuanLibrary;

{ The status if it is an answer; an error is raised. }
function Checked(Status: Integer): Integer;
function NameOf(Status: Integer): UTF8String;
function TextOf(Status: Integer; Language: Cardinal): UTF8String;
function LastError: UTF8String;
function PoolName(Registry: THaoyuan; Session, Slot, Pool: Cardinal): UTF8String;
{ One command of the JSON language in, its answer out. }
function Execute(Registry: THaoyuan; const Line: UTF8String): UTF8String;

implementation

uses
  HaoyuanConstants;

const
  Room = 512;

constructor EHaoyuan.CreateStatus(AStatus: Integer);
begin
  inherited Create(string(NameOf(AStatus) + ': ' + TextOf(AStatus, HAOYUAN_ENGLISH) + '; ' + LastError));
  Status := AStatus;
end;

function Checked(Status: Integer): Integer;
begin
  if Status < 0 then
    raise EHaoyuan.CreateStatus(Status);
  Result := Status;
end;

{ What was written into the buffer of Room bytes; details that are longer are left out. }
function Taken(Status: Integer; const Buffer: UTF8String; Needed: NativeUInt): UTF8String;
begin
  if Status = HAOYUAN_OK then
    Result := Copy(Buffer, 1, Needed)
  else
    Result := '';
end;

function NameOf(Status: Integer): UTF8String;
var
  Needed: NativeUInt;
begin
  SetLength(Result, Room);
  Result := Taken(haoyuan_status_name(Status, PAnsiChar(Result), Room, Needed), Result, Needed);
end;

function TextOf(Status: Integer; Language: Cardinal): UTF8String;
var
  Needed: NativeUInt;
begin
  SetLength(Result, Room);
  Result := Taken(haoyuan_status_text(Status, Language, PAnsiChar(Result), Room, Needed), Result, Needed);
end;

function LastError: UTF8String;
var
  Needed: NativeUInt;
begin
  SetLength(Result, Room);
  Result := Taken(haoyuan_last_error(PAnsiChar(Result), Room, Needed), Result, Needed);
end;

function PoolName(Registry: THaoyuan; Session, Slot, Pool: Cardinal): UTF8String;
var
  Needed: NativeUInt;
begin
  SetLength(Result, Room);
  Result := Taken(haoyuan_pool_name(Registry, Session, Slot, Pool, PAnsiChar(Result), Room, Needed), Result, Needed);
end;

function Execute(Registry: THaoyuan; const Line: UTF8String): UTF8String;
var
  Needed: NativeUInt;
  Status: Integer;
begin
  SetLength(Result, 4096);
  Status := haoyuan_execute(Registry, PAnsiChar(Line), Length(Line), PAnsiChar(Result), Length(Result), Needed);
  if Status = HAOYUAN_BUFFER_TOO_SMALL then
  begin
    { It was carried out; only its answer did not fit. }
    SetLength(Result, Needed);
    Status := haoyuan_last_answer(PAnsiChar(Result), Needed, Needed);
  end;
  Checked(Status);
  SetLength(Result, Needed);
end;

end.
