{ A morning at a hospital, in Object Pascal: fpc -Mdelphi -Fl/opt/haoyuan/lib Morning.pas, then Morning scenario.jsonl }
program Morning;

{$IFDEF FPC}{$MODE DELPHI}{$ENDIF}
{$APPTYPE CONSOLE}

uses
  {$IFDEF UNIX}cthreads, {$ENDIF}
  SysUtils, Haoyuan, HaoyuanConstants;

const
  { 2026-03-03T07:00:00+08:00, when the public pool opens. }
  Opens: Int64 = 1772492400000;
  Minute = 60000;

var
  Out_: Text;
  Registry: THaoyuan;
  Session: Cardinal;

procedure Say(const Line: UTF8String);
begin
  WriteLn(Out_, Line);
end;

function Patient(Number: Byte): THaoyuanKey;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result[0] := $5F;
  Result[15] := Number;
end;

function Wish(Number: Byte; Slot, Channel: Cardinal; At: Int64): THaoyuanWish;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.StructSize := SizeOf(Result);
  Result.Session := Session;
  Result.Slot := Slot;
  Result.PatientClass := HAOYUAN_CLASS_PUBLIC;
  Result.Channel := Channel;
  Result.At := At;
  Result.Patient := Patient(Number);
end;

function Settle(Number: Byte; Booking: UInt64; At: Int64): THaoyuanSettle;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.StructSize := SizeOf(Result);
  Result.At := At;
  Result.Booking := Booking;
  Result.Patient := Patient(Number);
end;

function EmptyGrant: THaoyuanGrant;
begin
  FillChar(Result, SizeOf(Result), 0);
  Result.StructSize := SizeOf(Result);
end;

function Book(AWish: THaoyuanWish): THaoyuanGrant;
begin
  Result := EmptyGrant;
  Checked(haoyuan_book(Registry, AWish, Result));
end;

procedure ReadScript(const Name: string);
var
  Script: Text;
  Line, Answer: UTF8String;
  Buffer: AnsiString;
begin
  Assign(Script, Name);
  Reset(Script);
  while not Eof(Script) do
  begin
    ReadLn(Script, Buffer);
    Line := UTF8String(Buffer);
    Answer := Execute(Registry, Line);
    if Pos('"outcome":"error"', Answer) > 0 then
      raise Exception.Create(string(Answer));
  end;
  Close(Script);
end;

procedure Run;
var
  Options: THaoyuanOptions;
  Ask: THaoyuanAsk;
  Available: THaoyuanAvailability;
  First, Referred: THaoyuanWish;
  Held, Again, More, Placed: THaoyuanGrant;
  Asked: THaoyuanSettle;
  Settled: THaoyuanSettled;
  Wishes: array [0 .. 5] of THaoyuanWish;
  Grants: array [0 .. 5] of THaoyuanGrant;
  Search: THaoyuanSearch;
  Found: array [0 .. 2] of THaoyuanFound;
  Day: THaoyuanDay;
  Loads: array [0 .. 31] of THaoyuanLoad;
  Count: NativeUInt;
  Live, Seats: Cardinal;
  Hash: array [0 .. 31] of Byte;
  Line: UTF8String;
  Early, I: Integer;
begin
  Checked(haoyuan_abi_check(HAOYUAN_ABI_VERSION));
  FillChar(Options, SizeOf(Options), 0);
  Options.StructSize := SizeOf(Options);
  Options.AbiVersion := HAOYUAN_ABI_VERSION;
  Options.Durability := HAOYUAN_MEMORY;
  Checked(haoyuan_open(Options, Registry));
  ReadScript(ParamStr(1));
  Checked(haoyuan_find_session(Registry, 'CARD-0310-AM', 12, Session));

  FillChar(Ask, SizeOf(Ask), 0);
  Ask.StructSize := SizeOf(Ask);
  Ask.Session := Session;
  Ask.Channel := HAOYUAN_CHANNEL_APP;
  Ask.At := Opens - 1;
  FillChar(Available, SizeOf(Available), 0);
  Available.StructSize := SizeOf(Available);
  Early := Checked(haoyuan_availability(Registry, Ask, Available));
  Say('a millisecond early: ' + UTF8String(IntToStr(Early)) + ' ' + TextOf(Early, HAOYUAN_ENGLISH) + ' / ' +
    TextOf(Early, HAOYUAN_CHINESE));

  First := Wish(1, 0, HAOYUAN_CHANNEL_APP, Opens);
  First.Key[15] := $A1;
  Held := EmptyGrant;
  Checked(haoyuan_hold(Registry, First, Held));
  Again := EmptyGrant;
  Checked(haoyuan_hold(Registry, First, Again));
  if Again.Booking = Held.Booking then
    Line := 'yes'
  else
    Line := 'no';
  Say(UTF8String(Format('held: number %d, booking %s, the same again: ',
    [Held.Number, LowerCase(IntToHex(Int64(Held.Booking), 16))])) + Line);
  FillChar(Settled, SizeOf(Settled), 0);
  Settled.StructSize := SizeOf(Settled);
  Asked := Settle(1, Held.Booking, Opens + Minute);
  Checked(haoyuan_confirm(Registry, Asked, Settled));
  Say(UTF8String(Format('confirmed: changed %d', [Settled.Changed])));
  More := Book(Wish(1, 5, HAOYUAN_CHANNEL_APP, Opens + 2 * Minute));
  Say(UTF8String(Format('once more: %d %s, limit %d', [More.Status, string(NameOf(More.Status)), Int64(More.BindingValue)])));

  for I := 0 to 5 do
  begin
    Wishes[I] := Wish(2 + I, 1, HAOYUAN_CHANNEL_WECHAT, Opens + 3 * Minute);
    Grants[I] := EmptyGrant;
  end;
  Checked(haoyuan_book_batch(Registry, @Wishes[0], @Grants[0], 6));
  Line := 'six at once:';
  for I := 0 to 5 do
    Line := Line + ' ' + UTF8String(IntToStr(Grants[I].Status));
  Say(Line + ', bound by ' + PoolName(Registry, Session, 1, Cardinal(Grants[5].BindingValue)));

  Referred := Wish($14, 1, HAOYUAN_CHANNEL_STATION, Opens + 4 * Minute);
  Referred.PatientClass := HAOYUAN_CLASS_REFERRAL_SECONDARY;
  Referred.Ticket[14] := $E0;
  Referred.Ticket[15] := $01;
  Placed := Book(Referred);
  Say(UTF8String(Format('referred: number %d from %s', [Placed.Number, string(PoolName(Registry, Session, 1, Placed.Pool))])));
  Asked := Settle(2, Grants[0].Booking, Opens + 5 * Minute);
  Checked(haoyuan_cancel(Registry, Asked, Settled));
  Say(UTF8String(Format('cancelled: changed %d', [Settled.Changed])));

  FillChar(Search, SizeOf(Search), 0);
  Search.StructSize := SizeOf(Search);
  Search.Channel := HAOYUAN_CHANNEL_WEB;
  Search.Grade := HAOYUAN_ANY;
  Search.Order := HAOYUAN_ORDER_LEAST_LOADED;
  Search.At := Opens + 6 * Minute;
  Search.FirstDay := Opens + 7 * 24 * 60 * Minute;
  Search.LastDay := Search.FirstDay;
  FillChar(Found, SizeOf(Found), 0);
  for I := 0 to 2 do
    Found[I].StructSize := SizeOf(THaoyuanFound);
  Checked(haoyuan_search(Registry, Search, @Found[0], 3, Count));
  Line := 'quiet slots:';
  for I := 0 to Integer(Count) - 1 do
    Line := Line + ' ' + UTF8String(IntToStr(Found[I].Slot));
  Say(Line);
  FillChar(Day, SizeOf(Day), 0);
  Day.StructSize := SizeOf(Day);
  Day.At := Search.At;
  Day.Day := Search.FirstDay;
  FillChar(Loads, SizeOf(Loads), 0);
  for I := 0 to 31 do
    Loads[I].StructSize := SizeOf(THaoyuanLoad);
  Checked(haoyuan_load(Registry, Day, @Loads[0], 32, Count));
  Live := 0;
  Seats := 0;
  for I := 0 to Integer(Count) - 1 do
  begin
    Live := Live + Loads[I].Live;
    Seats := Seats + Loads[I].Capacity;
  end;
  Say(UTF8String(Format('load: %d of %d seats in %d slots', [Live, Seats, Integer(Count)])));

  if Pos('"sound":true', Execute(Registry, '{"command":"audit","at":"2026-03-03T07:06:00+08:00"}')) > 0 then
    Say('audit: sound')
  else
    Say('audit: broken');
  Checked(haoyuan_state_hash(Registry, @Hash[0]));
  Line := 'state_hash ';
  for I := 0 to 31 do
    Line := Line + UTF8String(LowerCase(IntToHex(Hash[I], 2)));
  Say(Line);
  Checked(haoyuan_close(Registry));
end;

begin
  Assign(Out_, '');
  Rewrite(Out_);
  if ParamCount <> 1 then
  begin
    WriteLn(ErrOutput, 'usage: Morning SCRIPT');
    Halt(2);
  end;
  try
    Run;
  except
    on E: Exception do
    begin
      WriteLn(ErrOutput, E.Message);
      Halt(1);
    end;
  end;
  Close(Out_);
end.
