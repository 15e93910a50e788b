/** An instant: a Date, milliseconds since 1970, or an RFC 3339 text such as `2026-03-10T07:00:00+08:00`. */
export type At = Date | number | string;
/** A day at +08:00: `2026-03-10`. */
export type Day = string;
/** A slot: its index from 0, or the RFC 3339 instant at which it starts. */
export type Slot = number | string;
/** By what right a patient asks. */
export type Class =
  | "public" | "referral_secondary" | "referral_primary" | "contract" | "revisit" | "on_site" | "green";
/** Through which channel. */
export type Channel = "app" | "wechat" | "phone" | "web" | "kiosk" | "window" | "station" | "partner";
/** The grade of a session (号别). */
export type Grade = "ordinary" | "expert" | "premium" | "disease";
/** The kind of a session. */
export type Kind = "clinic" | "online" | "exam";

import type { RefusalCode } from "./refusals.js";
export type { RefusalCode };
export { REFUSALS, refusalText } from "./refusals.js";

/** From (inclusive) – to (exclusive), RFC 3339 at +08:00. */
export interface Time {
  from: string;
  to: string;
}

/** Why not, and whether asking again can help. */
export interface Reason {
  /** The stable code. */
  code: RefusalCode;
  /** The code's number, as in C. */
  number: number;
  /** The constraint that decided. */
  binding:
    | { kind: "none" }
    | { kind: "pool"; pool: string }
    | { kind: "booking"; booking: string }
    | { kind: "limit"; limit: number };
  /** Whether the same request may succeed later without being changed. */
  transient: boolean;
  /** When to ask again; `from` stands beside `when: "from"`. */
  retry: { when: "never" | "now" | "from" | "when_returned"; from?: string };
  /** What to tell the patient. */
  message: { en: string; zh: string };
}

/** The rules say no: a normal answer that has changed nothing. */
export interface Refused extends Reason {
  kind: "refused";
  command: string;
}

/** What the decision would say about a slot. */
export interface Availability {
  kind: "done";
  command: "availability";
  /** Seats this class could be granted one after another, at that instant. */
  free: number;
  /** Seats of the block that decides. */
  capacity: number;
  /** Live (held or booked) seats of the block. */
  live: number;
  /** Why not, if `free` is 0. */
  refusal?: Reason;
}

export interface Named {
  code: string;
  name: string;
}

/** A slot of a schedule. */
export interface ScheduledSlot {
  /** Counted from 0. */
  slot: number;
  time: Time;
  /** Seats this class could be granted one after another. */
  free: number;
  live: number;
  capacity: number;
  /** Why not, if `free` is 0. */
  refusal?: Reason;
}

/** A session of a schedule. */
export interface ScheduledSession {
  session: string;
  institution: string;
  department: string;
  practitioner: string;
  grade: Grade;
  kind: Kind;
  day: Day;
  time: Time;
  slots: ScheduledSlot[];
}

/** Sessions and slots of some days for a class, full ones included. */
export interface Schedule {
  kind: "done";
  command: "schedule";
  /** The instant whose counts these are. */
  counted: string;
  institutions: Named[];
  departments: (Named & { institution: string })[];
  practitioners: Named[];
  sessions: ScheduledSession[];
}

export interface AskAvailability {
  at: At;
  session: string;
  slot: Slot;
  class: Class;
  channel: Channel;
}

export interface AskSchedule {
  at: At;
  class: Class;
  channel: Channel;
  /** The first day. */
  from: Day;
  /** The last day, inclusive; at most 366 days. */
  to: Day;
  institution?: string;
  department?: string;
  practitioner?: string;
}

/** What instantiates a module: where it is, what came from there, its bytes, or the compiled module. */
export type Source = URL | string | Request | Response | BufferSource | WebAssembly.Module;

/**
 * Loads the module, once: every call gets the same promise. Without a source it is taken from the package. After a failure
 * it may be called again.
 */
export function init(source?: Source | Promise<Source>): Promise<void>;
/** The same at once, from bytes or a compiled module. Browsers allow this for large modules in workers only. */
export function initSync(module: BufferSource | WebAssembly.Module): void;

/** A line that is no command, or that names what does not exist. It had no effect. */
export class MalformedError extends Error {
  /** The field that is wrong, dotted; absent if it is the line as a whole. */
  readonly field?: string;
  /** What is wrong and what to do, in English. */
  readonly reason: string;
  /** The same in Chinese. */
  readonly reasonZh: string;
  /** The column of the JSON text, from 1, where there is one. */
  readonly column?: number;
  /** The place within a file that was sent along. */
  readonly place?: { line: number; column: number; key?: string };
  /** Every bad row of a roster. */
  readonly rows: readonly { line: number; column?: string; reason: string; reason_zh: string }[];
}

/** The object or the module cannot be used. */
export class UnusableError extends Error {
  /** `NOT_LOADED`: await `init()`. `DISPOSED`: it was freed. `BROKEN`: the module has failed; load the page anew. */
  readonly code: "NOT_LOADED" | "DISPOSED" | "BROKEN";
}

/**
 * A public feed, as the command `feed` exports it. Answers for any class at any instant, by the same fold that decides, from
 * the counts of the feed's own instant; openings, closings and fences are exact at every instant.
 */
export class Feed {
  /** @param json the feed as text, or as an object. Throws an `Error` that says what does not fit. */
  constructor(json: string | object);
  readonly sessionCount: number;
  readonly slotCount: number;
  /** What the decision would say about one slot; refused if the feed has no such session or slot. */
  availability(ask: AskAvailability): Availability | Refused;
  /** Sessions and slots of some days for a class. */
  schedule(ask: AskSchedule): Schedule;
  /** For every slot, in the order of the feed, how many seats the class could be granted: the quickest answer for a page. */
  seats(className: Class, channel: Channel, at: At): Uint8Array;
  /** The commands `availability` and `schedule` of the command language. */
  execute(command: object): Availability | Schedule | Refused;
  /** Gives the memory back at once; otherwise it goes with the garbage collector. */
  free(): void;
  [Symbol.dispose](): void;
}
