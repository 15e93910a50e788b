import type { Channel, Class } from "./feed.js";

/**
 * Where commands go: `schedule`, `hold`, `confirm`, `cancel`; `waitlist_join` and `bookings` if there are waiting lists. An
 * `Engine` of this package is one; so is any object that sends them on.
 */
export interface Host {
  /** Carries out a command of the command language and gives its answer: with `outcome` as JSON has it, or with `kind`. */
  execute(command: { command: string; at: string; [key: string]: unknown }): unknown | Promise<unknown>;
  /** The host's clock, milliseconds since 1970; the page's own if absent. */
  now?(): number;
}

/** Somebody for whom one may book. */
export interface Patient {
  /** 32 hexadecimal digits of a keyed hash. */
  key: string;
  /** What the page calls this person; it is shown and never sent. */
  label: string;
  class?: Class;
  /** The proof of the class, where it needs one. */
  ticket?: string;
}

/**
 * `<haoyuan-booking>`. Attributes: `src` (a URL to post commands to, if no `host` is set), `lang` (`zh-CN`, `en`), `elder`
 * (长辈版), `text-size` (18 to 30 px, in elder mode), `patient-class`, `channel`, `institution`, `days` (1 to 60).
 *
 * Events, all bubbling, the answer in `detail`: `haoyuan-held`, `haoyuan-booked`, `haoyuan-cancelled`, `haoyuan-refused`,
 * `haoyuan-waitlisted`, `haoyuan-error`. Where there was no answer, `haoyuan-error` carries `kind: "unreachable"`, with the
 * `status`, `code` and `reason` of the server if it gave any; nothing on the page is lost, and pressing again is the same command.
 */
export class HaoyuanBooking extends HTMLElement {
  host: Host | undefined;
  /** May be set again at any time: a seat stays with whom it was granted to, a choice with who has the same key. */
  patients: Patient[];
  /** The bearer token for `src`; set it anew after a status of 401. */
  set token(token: string | undefined);
  /** The texts in force; single ones may be replaced. */
  texts: Record<string, unknown>;
  /** Asks for the schedule anew; what was chosen is kept. */
  refresh(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "haoyuan-booking": HaoyuanBooking;
  }
  interface HTMLElementEventMap {
    "haoyuan-held": CustomEvent;
    "haoyuan-booked": CustomEvent;
    "haoyuan-cancelled": CustomEvent;
    "haoyuan-refused": CustomEvent;
    "haoyuan-waitlisted": CustomEvent;
    "haoyuan-error": CustomEvent;
  }
}
