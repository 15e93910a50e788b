import type { At, Availability, AskAvailability, AskSchedule, Channel, Class, Day, Grade, Kind, Refused, Schedule, Slot, Time } from "./feed.js";
export * from "./feed.js";

/** A seat was given. */
export interface Granted {
  kind: "granted";
  command: "hold" | "book";
  /** The hold or booking, to confirm or cancel it: 16 hexadecimal digits. */
  booking: string;
  institution: string;
  session: string;
  /** Counted from 0. */
  slot: number;
  /** The number (号序) in the session, from 1. */
  number: number;
  /** The suggested time of arrival, and the end of the slot. */
  time: Time;
  standing: "held" | "booked";
  /** When the hold ends: at this instant it is dead. */
  expires?: string;
  /** The block that decided, and the place of the grant in its gap-free history. */
  block: number;
  sequence: number;
  /** The pool that admitted it. */
  pool: string;
  /** Whether the seat is one of the public and not of a reserve. */
  spill: boolean;
}

/** What became of a hold or booking. */
export interface Settled {
  kind: "done";
  command: "confirm" | "cancel";
  booking: string;
  block: number;
  sequence: number;
  /** `false` if it was confirmed before. */
  changed: boolean;
}

/** Any other command was carried out; the keys are those of the answer's JSON Schema. */
export interface Done {
  kind: "done";
  command: string;
  [key: string]: unknown;
}

export interface Wish {
  at: At;
  /** 32 hexadecimal digits of a keyed hash; never a name or an identity number. */
  patient: string;
  session: string;
  slot: Slot;
  class: Class;
  channel: Channel;
  /** The proof of the right, where the class needs one. */
  ticket?: string;
  /** 1 to 32 hexadecimal digits, to repeat the command safely. */
  key?: string;
}

export interface Settle {
  at: At;
  patient: string;
  booking: string;
  key?: string;
}

export interface Found {
  kind: "done";
  command: "search";
  found: {
    institution: string; session: string; slot: number; time: Time; free: number; live: number; capacity: number;
  }[];
}

export interface Load {
  kind: "done";
  command: "load";
  slots: { time: Time; capacity: number; live: number }[];
}

export interface Bookings {
  kind: "done";
  command: "bookings";
  bookings: {
    booking: string; institution: string; session: string; slot: number; number: number; time: Time;
    standing: "held" | "booked"; expires?: string; class: Class; channel: Channel;
  }[];
}

/**
 * A hospital in memory: the same engine as everywhere else. It reads no clock: every command is told its instant. Answers of
 * the rules are values; a command that is none throws a {@link MalformedError} and has changed nothing.
 */
export class Engine {
  constructor();
  /** Chooses sizes; first or never. `for_seats` reserves about 130 bytes a seat. */
  open(body: { at: At; for_seats?: number; [size: string]: unknown }): Done;
  directory(body: { at: At; toml?: string; entries?: object }): Done;
  policy(body: { at: At; institution?: string; preset?: string; toml?: string }): Done;
  publish(body: {
    at: At;
    session: {
      code: string; institution: string; department: string; practitioner: string; grade: Grade; kind?: Kind;
      from: string; to: string; slot_minutes: number; seats: number;
    };
  }): Done;
  roster(body: { at: At; csv: string }): Done;
  ticket(body: {
    at: At; patient: string; ticket: string; class: Class; institution: string; department?: string; issuer?: string;
    expires: string;
  }): Done | Refused;
  availability(body: AskAvailability): Availability | Refused;
  /** Holds a seat until it is paid for. */
  hold(body: Wish): Granted | Refused;
  /** Books a seat in one step. */
  book(body: Wish): Granted | Refused;
  confirm(body: Settle): Settled | Refused;
  cancel(body: Settle): Settled | Refused;
  tick(body: { at: At }): Done;
  search(body: AskSchedule & { grade?: Grade; order?: "earliest" | "least_loaded"; most?: number }): Found;
  /** How the visits of a day spread over its slots. */
  load(body: { at: At; day: Day; institution?: string; department?: string }): Load;
  schedule(body: AskSchedule): Schedule;
  bookings(body: { at: At; patient: string }): Bookings | Refused;
  /** A session and the pools of its slots; its own kind is `session_kind` here. */
  session(body: { at: At; session: string }): (Done & { session_kind: Kind }) | Refused;
  audit(body: { at: At }): Done;
  /** The public feed of some days: hand it to `Feed`, here or in another page. */
  feed(body: { at: At; from: Day; to: Day; institution?: string; department?: string }): object;
  /** 64 hexadecimal digits, equal to those of every other home of the engine after the same commands. */
  stateHash(at: At): string;
  /** Any command of the command language, also those that have no method here. */
  execute(command: { command: string; at?: At; [key: string]: unknown }): Granted | Refused | Done;
  /** One line of JSON in, one line out, exactly as `haoyuan run` answers. Never throws for what the line says. */
  executeLine(line: string): string;
  /** Many lines in, their answers out, each with its `line`. */
  executeLines(lines: string): string;
  /** Gives the memory back at once; otherwise it goes with the garbage collector. */
  free(): void;
  [Symbol.dispose](): void;
}
