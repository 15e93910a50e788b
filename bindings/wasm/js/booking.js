// <haoyuan-booking>: a booking widget that decides nothing. It shows what a host's engine says and sends what the patient
// chooses, in the command language; the host is an object with `execute(command)`, or a URL.
//
// INVARIANT (one owner of focus): a part of the page is drawn anew only where it changed, and whoever had the focus in it has
// it afterwards.
import { catalogue, parts } from "./catalogue.js";
import css from "./booking.css.js";

const ZONE = 8 * 3_600_000; // the hospital's time: +08:00, whatever the visitor's clock is set to
const DAY = 86_400_000;
const TEXT = { least: 18, most: 30, first: 20, step: 2 };
const AGAIN = 30_000; // how old a page may grow before it asks again, while somebody looks at it

const Base = globalThis.HTMLElement ?? class {};

let serial = 0;

/** An element with properties, attributes and children; false and undefined children are left out. */
function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "checked") element.checked = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== false && child !== undefined && child !== null));
  return element;
}

/** A random idempotency key: asking again after a broken line must not book twice. */
function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] |= 1;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A command that got no answer: whether it was carried out is not known, and it may be given again. */
class Unanswered extends Error {
  constructor(problem) {
    super(problem.reason);
    this.problem = problem;
  }
}

/** Statuses under which a server says nothing about the command: who asks, how often, how the server is. */
const isPassing = (status) => status === 401 || status === 408 || status === 429 || status >= 500;

export class HaoyuanBooking extends Base {
  static observedAttributes = ["lang", "elder", "text-size", "src", "institution", "patient-class", "channel", "days"];

  #root;
  #id = `hy${(serial += 1)}`;
  #host;
  #patients = [];
  #token;
  #schedule;
  #asked = 0;
  #failed = false;
  #choice = { person: 0, department: undefined, practitioner: undefined, day: undefined, slot: undefined };
  #step = 0;
  #grant;
  #holder;
  #asking;
  #refusal;
  #message;
  #warned = false;
  #sure = false;
  #waitlist;
  #busy = false;
  #deadline;
  #timer;
  #told;
  #drawn = new Map();
  #style;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open", delegatesFocus: true });
    this.#style = new CSSStyleSheet();
    this.#style.replaceSync(css);
    this.#root.adoptedStyleSheets = [this.#style];
  }

  // ---- what the page sets -------------------------------------------------------------------------------------------

  /** Where commands go: `{ execute(command), now?() }`. */
  get host() {
    return this.#host;
  }
  set host(host) {
    this.#host = host;
    this.#waitlist = undefined;
    this.refresh();
  }

  /** For whom one may book: `{ key, label, class?, ticket? }`. Labels stay in the page; only keys are sent. */
  get patients() {
    return this.#patients;
  }
  set patients(patients) {
    const chosen = this.#patients[this.#choice.person]?.key;
    this.#patients = [...patients];
    this.#choice.person = Math.max(0, this.#patients.findIndex(({ key }) => key === chosen));
    this.refresh();
  }

  /** The bearer token for `src`. After one that was not taken, the schedule is asked for anew. */
  set token(token) {
    this.#token = token;
    if (this.#failed === "signIn") this.refresh();
  }

  /** The texts; the page may replace single ones. */
  get texts() {
    return { ...catalogue(this.#lang()), ...this.#own };
  }
  set texts(own) {
    this.#own = own;
    this.#draw(true);
  }
  #own = {};

  connectedCallback() {
    this.#frame();
    this.#draw();
    if (!this.#schedule) this.refresh();
    this.#tick();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || this.#root.childElementCount === 0) return;
    if (name === "text-size" || name === "elder") this.#sizes();
    if (name === "lang" || name === "elder" || name === "text-size") this.#draw(true);
    else this.refresh();
  }

  // ---- talking to the host ------------------------------------------------------------------------------------------

  #now() {
    return this.#host?.now?.() ?? Date.now();
  }

  /** Gives the answer to a command; throws where there is none. */
  async #execute(command) {
    const at = new Date(this.#now()).toISOString();
    const asked = { ...command, at };
    let answer, status;
    if (this.#host) {
      try {
        answer = await this.#host.execute(asked);
      } catch (error) {
        if (error?.name !== "MalformedError") throw error;
        answer = { kind: "error", field: error.field, reason: error.reason, reason_zh: error.reasonZh };
      }
    } else {
      const headers = { "content-type": "application/json" };
      if (this.#token) headers.authorization = `Bearer ${this.#token}`;
      const url = new URL("commands", new URL(this.getAttribute("src") ?? "./", document.baseURI));
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(asked) });
      status = response.status;
      const isJson = response.headers.get("content-type")?.includes("json");
      if (!isJson) throw new Unanswered({ kind: "unreachable", status, reason: `status ${status}` });
      answer = await response.json();
    }
    const { outcome, ...rest } = answer;
    const kind = outcome ?? answer.kind;
    // A host may hand on a server's problem as it is: then the status stands in it. A refusal is an answer under any status.
    status ??= answer.status;
    if (!["granted", "refused", "done"].includes(kind) && (kind !== "error" || isPassing(status))) {
      throw new Unanswered({ reason: status ? `status ${status}` : "this is no answer", ...rest, kind: "unreachable", status });
    }
    return { ...rest, kind };
  }

  /** Whoever a seat was granted to, as long as it is on the page; else who is chosen. */
  #person() {
    return this.#holder ?? this.#patients[this.#choice.person] ?? this.#patients[0];
  }

  #right() {
    const person = this.#person();
    return {
      class: person?.class ?? this.getAttribute("patient-class") ?? "public",
      channel: this.getAttribute("channel") ?? "web",
    };
  }

  /** Asks for the schedule anew; the choice is kept as far as it still exists. */
  async refresh() {
    if (!this.isConnected || (!this.#host && !this.hasAttribute("src"))) return;
    const asked = (this.#asked = performance.now());
    const today = Math.floor((this.#now() + ZONE) / DAY);
    const days = Math.min(Math.max(Number.parseInt(this.getAttribute("days") ?? "8", 10) || 8, 1), 60);
    const date = (day) => new Date(day * DAY).toISOString().slice(0, 10);
    const institution = this.getAttribute("institution") ?? undefined;
    const ask = { command: "schedule", ...this.#right(), from: date(today), to: date(today + days - 1), institution };
    try {
      const schedule = await this.#execute(ask);
      if (asked !== this.#asked) return;
      this.#failed = schedule.kind === "done" ? false : "failed";
      if (!this.#failed) this.#schedule = schedule;
      else this.#report("haoyuan-error", schedule);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#unanswered(error);
    }
    this.#draw();
  }

  /** Keeps which text says why there was no answer, and tells the page. */
  #unanswered(error) {
    const problem = error?.problem ?? { kind: "unreachable", reason: String(error?.message ?? error) };
    this.#failed = problem.status === 401 ? "signIn" : "failed";
    this.#report("haoyuan-error", problem);
  }

  #report(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Tells the page of an answer that is not what was asked for. */
  #declined(answer) {
    this.#report(answer.kind === "refused" ? "haoyuan-refused" : "haoyuan-error", answer);
  }

  // ---- what there is to choose from ---------------------------------------------------------------------------------

  #department(session) {
    return `${session.institution}/${session.department}`;
  }

  #sessions() {
    const { department, practitioner, day } = this.#choice;
    return (this.#schedule?.sessions ?? []).filter(
      (session) =>
        (!department || this.#department(session) === department) &&
        (!practitioner || session.practitioner === practitioner) &&
        (!day || session.day === day),
    );
  }

  #name(list, code, institution) {
    const found = this.#schedule?.[list].find((n) => n.code === code && (!institution || n.institution === institution));
    return found?.name || code;
  }

  #slotOf(id) {
    for (const session of this.#schedule?.sessions ?? []) {
      for (const slot of session.slots) if (`${session.session}#${slot.slot}` === id) return { session, slot, id };
    }
    return undefined;
  }

  /** Keeps of the choice what still exists, and makes choices that leave nothing to choose. */
  #settle() {
    const all = this.#schedule?.sessions ?? [];
    const only = (values, value) => {
      const known = [...new Set(values)];
      if (known.includes(value)) return value;
      return known.length === 1 ? known[0] : undefined;
    };
    const choice = this.#choice;
    choice.department = only(all.map((s) => this.#department(s)), choice.department);
    const inDepartment = all.filter((s) => this.#department(s) === choice.department);
    choice.practitioner = choice.department && only(inDepartment.map((s) => s.practitioner), choice.practitioner);
    const ofPractitioner = inDepartment.filter((s) => s.practitioner === choice.practitioner);
    choice.day = choice.practitioner && only(ofPractitioner.map((s) => s.day), choice.day);
    if (choice.slot && this.#step === 0) {
      const chosen = this.#slotOf(choice.slot);
      const fits = chosen && this.#sessions().includes(chosen.session) && choice.day;
      if (!fits) choice.slot = undefined;
    }
  }

  /** Words for a slot that cannot be had. */
  #why(reason) {
    const t = this.texts;
    const pool = reason.binding?.pool;
    const whom = t.pools[pool] ?? t.otherPatients;
    const from = reason.retry?.from && t.moment(parts(reason.retry.from));
    switch (reason.code) {
      case "SLOT_FULL": return t.full;
      case "STOPPED": return t.stopped;
      case "CLOSED": return t.closed;
      case "NOT_OPEN": return from ? t.opens(from) : t.none;
      case "NOT_ADMITTED": return t.notForYou;
      case "CAP_REACHED": return t.cap;
      case "PROTECTED":
        // What the public's own pool keeps back from an early class is simply not open to it yet.
        return from ? t.protectedUntil(whom, from) : t.protectedFor(whom);
      default: return this.#lang() === "en" ? reason.message.en : reason.message.zh;
    }
  }

  /** Words for an answer that is not what was asked for. */
  #words(answer) {
    if (answer.kind === "refused") return this.#why(answer);
    return this.#lang() === "zh" ? (answer.reason_zh ?? answer.reason) : answer.reason;
  }

  #lang() {
    return catalogue(this.getAttribute("lang") ?? "zh-CN").lang === "en" ? "en" : "zh";
  }

  /** A few slots that are much emptier than others of the same day: a hint, and no wall of hints. */
  #quiet(slots, most = 3) {
    const load = (slot) => (slot.capacity ? slot.live / slot.capacity : 1);
    const peak = Math.max(...slots.map(load));
    const quiet = slots.filter((slot) => slot.free > 0 && peak - load(slot) >= 0.34);
    return new Set(quiet.sort((a, b) => load(a) - load(b)).slice(0, most));
  }

  /** Free slots nearest to one that was lost: the same practitioner first, then the same department. */
  #options(near, most = 3) {
    const at = (time) => Date.parse(time.from);
    const rank = ({ session, slot }) => [
      session.practitioner === near.session.practitioner ? 0 : 1,
      Math.abs(at(slot.time) - at(near.slot.time)),
    ];
    const found = [];
    for (const session of this.#schedule?.sessions ?? []) {
      if (this.#department(session) !== this.#department(near.session)) continue;
      for (const slot of session.slots) {
        const id = `${session.session}#${slot.slot}`;
        if (slot.free > 0 && id !== near.id) found.push({ session, slot, id });
      }
    }
    return found.sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]).slice(0, most);
  }

  // ---- what the patient does ----------------------------------------------------------------------------------------

  #choose(what, value) {
    const later = ["person", "department", "practitioner", "day", "slot"];
    this.#choice[what] = value;
    if (what === "person") this.#choice.slot = undefined;
    else for (const next of later.slice(later.indexOf(what) + 1)) this.#choice[next] = undefined;
    this.#refusal = undefined;
    this.#message = undefined;
    this.#warned = false;
    if (what === "person") this.refresh();
    this.#draw();
    const chosen = what === "slot" && this.#slotOf(value);
    if (chosen && chosen.slot.free === 0) this.#offersWaitlist();
  }

  async #offersWaitlist() {
    if (this.#waitlist !== undefined) return;
    this.#waitlist = false;
    try {
      // A host that does not know the command says so by its field; one that does misses the rest and changes nothing.
      const answer = await this.#execute({ command: "waitlist_join" });
      this.#waitlist = !(answer.kind === "error" && answer.field === "command");
    } catch {
      this.#waitlist = undefined;
    }
    this.#draw();
  }

  /** One thing at a time; what the line breaks is told, and the choice is kept. */
  async #do(work) {
    if (this.#busy) return;
    this.#busy = true;
    this.#message = undefined;
    this.#warned = false;
    try {
      await work();
      this.#failed = false;
    } catch (error) {
      this.#unanswered(error);
      this.#say(this.texts[this.#failed], true);
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  #wish(chosen) {
    const person = this.#person();
    return {
      patient: person?.key,
      session: chosen.session.session,
      slot: chosen.slot.slot,
      ...this.#right(),
      ...(person?.ticket ? { ticket: person.ticket } : {}),
    };
  }

  /** Whether it was asked to hold this, and never answered: the seat may be this patient's, and then counts as taken. */
  #isAsking(chosen) {
    return this.#asking?.wish === JSON.stringify(this.#wish(chosen));
  }

  /** Asks for a hold, under the same key for the same wish until it is answered: a repeated line gets the first answer. */
  async #ask(chosen) {
    if (!this.#isAsking(chosen)) this.#asking = { wish: JSON.stringify(this.#wish(chosen)), key: key() };
    const person = this.#person();
    const answer = await this.#execute({ command: "hold", ...this.#wish(chosen), key: this.#asking.key });
    this.#asking = undefined;
    if (answer.kind === "granted") this.#granted(answer, person);
    else await this.#lost(answer, chosen);
  }

  #hold() {
    const chosen = this.#slotOf(this.#choice.slot);
    if (!chosen || (chosen.slot.free === 0 && !this.#isAsking(chosen))) {
      this.#say(this.texts.chooseFirst, true);
      return undefined;
    }
    return this.#do(() => this.#ask(chosen));
  }

  #granted(answer, person) {
    this.#grant = answer;
    this.#holder = person;
    this.#refusal = undefined;
    this.#step = 1;
    this.#deadline = Date.parse(answer.expires);
    this.#told = new Set();
    this.#report("haoyuan-held", answer);
    this.#tick();
    this.#draw();
    this.#focus("title");
  }

  async #lost(answer, chosen) {
    this.#step = 0;
    this.#grant = undefined;
    this.#holder = undefined;
    this.#deadline = undefined;
    this.#declined(answer);
    await this.refresh();
    this.#refusal = { answer, near: chosen };
    this.#draw();
    this.#focus("lost");
    if (answer.code === "SLOT_FULL") await this.#offersWaitlist();
  }

  #confirm() {
    return this.#do(async () => {
      const { booking } = this.#grant;
      const answer = await this.#execute({ command: "confirm", patient: this.#person()?.key, booking });
      if (answer.kind === "done") {
        this.#step = 2;
        this.#deadline = undefined;
        this.#report("haoyuan-booked", { ...this.#grant, standing: "booked" });
        this.#draw();
        this.#focus("title");
      } else if (answer.kind === "refused") {
        await this.#lost(answer, this.#slotOf(this.#choice.slot));
      } else {
        // Nothing was decided, so the seat is held as before.
        this.#declined(answer);
        this.#warn(this.#words(answer));
      }
    });
  }

  #renew() {
    return this.#do(async () => {
      const chosen = this.#slotOf(this.#choice.slot);
      if (this.#deadline > this.#now()) {
        const back = await this.#execute({ command: "cancel", patient: this.#person()?.key, booking: this.#grant.booking });
        if (back.kind === "error") {
          this.#declined(back);
          return this.#warn(this.#words(back));
        }
      }
      try {
        await this.#ask(chosen);
      } catch (error) {
        // The old hold was given back, and what became of the new one is not known: it is asked for again.
        this.#deadline = this.#now();
        this.#countDown();
        throw error;
      }
      if (this.#step === 1) this.#say(this.texts.renewed);
      return undefined;
    });
  }

  #cancel() {
    return this.#do(async () => {
      const { booking } = this.#grant;
      const before = this.#step;
      const expired = before === 1 && this.#deadline <= this.#now();
      const answer = expired
        ? { kind: "done" }
        : await this.#execute({ command: "cancel", patient: this.#person()?.key, booking });
      if (answer.kind !== "done") {
        this.#declined(answer);
        this.#sure = false;
        this.#warn(this.#words(answer));
        return;
      }
      this.#report("haoyuan-cancelled", { ...this.#grant });
      this.#restart();
      await this.refresh();
      if (before === 2) this.#message = this.texts.cancelled;
      this.#draw();
      this.#focus("title");
      this.#say(this.texts.cancelled);
    });
  }

  #join(chosen) {
    return this.#do(async () => {
      const { session, slot, ...whom } = this.#wish(chosen);
      const person = this.#person();
      const answer = await this.#execute({ command: "waitlist_join", ...whom, wanted: [{ session, slot }] });
      if (answer.kind === "error" && answer.field === "command") this.#waitlist = false;
      else if (answer.kind === "done" || answer.kind === "granted") {
        this.#report("haoyuan-waitlisted", answer);
        if (answer.offer) return this.#offered(answer.offer, person);
        this.#message = this.texts.waitlistJoined;
        this.#say(this.#message);
      } else {
        this.#declined(answer);
        this.#warn(this.#words(answer));
      }
      return undefined;
    });
  }

  /** A seat came free before the patient had even waited: it is held, and shown as any other hold. */
  async #offered(offer, person) {
    const answer = await this.#execute({ command: "bookings", patient: person?.key });
    const held = answer.bookings?.find(({ booking }) => booking === offer.booking);
    if (!held) throw new Error("the offer is not among the holds");
    await this.refresh();
    this.#choice.slot = `${offer.session}#${offer.slot}`;
    this.#granted(held, person);
  }

  /** What did not come off is shown and said at once. */
  #warn(text) {
    this.#message = text;
    this.#warned = true;
    this.#say(text, true);
  }

  #restart() {
    this.#step = 0;
    this.#grant = undefined;
    this.#holder = undefined;
    this.#deadline = undefined;
    this.#refusal = undefined;
    this.#sure = false;
    this.#choice.slot = undefined;
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  #tick() {
    clearInterval(this.#timer);
    if (!this.isConnected) return;
    this.#timer = setInterval(() => {
      if (this.#deadline !== undefined) this.#countDown();
      else if (this.#step === 0 && !this.#busy && !document.hidden && performance.now() - this.#asked > AGAIN) this.refresh();
    }, 1000);
  }

  #countDown() {
    const left = Math.max(0, Math.ceil((this.#deadline - this.#now()) / 1000));
    const t = this.texts;
    const moments = [[0, "expired", true], [60, "oneMinute", false], [300, "fiveMinutes", false]];
    for (const [seconds, text, urgent] of moments) {
      if (left > seconds) continue;
      if (!this.#told.has(text)) {
        // A hold that is short from the start is not announced as if time had passed.
        for (const [, earlier] of moments.slice(moments.findIndex((m) => m[1] === text))) this.#told.add(earlier);
        this.#say(t[text], urgent);
        this.#draw();
      }
      break;
    }
    const timer = this.#root.querySelector(".timer");
    if (timer) {
      timer.textContent = t.remaining(Math.floor(left / 60), String(left % 60).padStart(2, "0"));
      timer.classList.toggle("late", left <= 60);
    }
  }

  /** Tells those who listen; the same words twice are two announcements. */
  #say(text, urgent = false) {
    const region = this.#root.querySelector(urgent ? "[role=alert]" : "[role=status]");
    if (!region) return;
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }

  #focus(place) {
    this.#root.querySelector(`[data-focus="${place}"]`)?.focus();
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  #sizes() {
    const asked = Number.parseInt(this.getAttribute("text-size") ?? "", 10) || TEXT.first;
    const size = Math.min(Math.max(asked, TEXT.least), TEXT.most);
    this.style.setProperty("--_elder-size", `${size}px`);
    return size;
  }

  #frame() {
    if (this.#root.childElementCount > 0) return;
    this.#sizes();
    const part = (name) => h("div", { "data-part": name });
    this.#root.append(
      h(
        "div",
        { class: "box", part: "box" },
        part("head"), part("message"), part("lost"), part("person"), part("department"), part("practitioner"), part("day"),
        part("time"), part("foot"), part("held"), part("booked"),
        h("div", { class: "heard", role: "status", "aria-live": "polite" }),
        h("div", { class: "heard", role: "alert", "aria-live": "assertive" }),
      ),
    );
  }

  /** Draws a part if what it is made from has changed; the focus stays where it was. */
  #part(name, made, build) {
    const print = JSON.stringify(made);
    if (this.#drawn.get(name) === print) return;
    this.#drawn.set(name, print);
    const place = this.#root.querySelector(`[data-part="${name}"]`);
    const active = this.#root.activeElement;
    const again = active && place.contains(active) ? active.id : undefined;
    place.replaceChildren(...[made ? build() : []].flat().filter(Boolean));
    if (again) this.#root.getElementById(again)?.focus();
  }

  #draw(anew = false) {
    // Attributes of an element that is just being made are told before it is connected.
    if (!this.isConnected || this.#root.childElementCount === 0) return;
    if (anew) this.#drawn.clear();
    this.#settle();
    const t = this.texts;
    const lang = t.lang;
    const step = this.#step;
    const choosing = step === 0;
    const box = this.#root.querySelector(".box");
    box.lang = lang;
    const elder = this.hasAttribute("elder");
    const title = step === 2 ? t.booked : step === 1 ? t.held : t.title;

    this.#part("head", [lang, step, elder], () => [
      h("p", { class: "step" }, `${t.step(step + 1)}${t.comma}${t.steps[step]}`),
      h(
        "div",
        { class: "head", part: "head" },
        h("h2", { tabindex: "-1", "data-focus": "title", part: "title" }, title),
        h(
          "div",
          { class: "tools" },
          elder && h("button", { id: `${this.#id}-minus`, type: "button", onclick: () => this.#scale(-1) }, t.smaller),
          elder && h("button", { id: `${this.#id}-plus`, type: "button", onclick: () => this.#scale(1) }, t.larger),
          h("button", { id: `${this.#id}-elder`, type: "button", onclick: () => this.toggleAttribute("elder") }, elder ? t.elderOff : t.elderOn),
          h("button", { id: `${this.#id}-lang`, type: "button", lang: t.otherLang, onclick: () => this.setAttribute("lang", t.otherLang) }, t.otherLanguage),
        ),
      ),
      choosing && h("p", { class: "note" }, t.clock),
    ]);

    const message = this.#failed ? t[this.#failed] : (this.#message ?? false);
    const bad = !!this.#failed || this.#warned;
    this.#part("message", message && [lang, message, this.#failed, bad], () =>
      h(
        "div",
        { class: bad ? "card reason" : "card good", part: "message" },
        h("p", {}, message),
        this.#failed && h("p", { class: "actions" }, h("button", { id: `${this.#id}-retry`, type: "button", onclick: () => this.refresh() }, t.retry)),
      ),
    );

    this.#drawLost(t, lang, choosing);
    const schedule = this.#schedule;
    const none = choosing && !schedule?.sessions.length;
    this.#drawChoices(t, lang, choosing && !none);
    this.#part("foot", choosing && [lang, none, !!schedule, this.#choice, this.#waitlist, this.#chosenPrint()], () =>
      none ? h("p", { class: "note" }, schedule ? t.nothing : this.#failed ? "" : t.loading) : this.#foot(t),
    );
    const late = this.#told?.has("oneMinute") || this.#told?.has("expired");
    this.#part("held", step === 1 && [lang, this.#grant, this.#told?.has("fiveMinutes"), late, this.#told?.has("expired")], () => this.#heldView(t));
    this.#part("booked", step === 2 && [lang, this.#grant, this.#sure], () => this.#bookedView(t));
  }

  #scale(direction) {
    const size = Math.min(Math.max(this.#sizes() + direction * TEXT.step, TEXT.least), TEXT.most);
    this.setAttribute("text-size", String(size));
  }

  #chosenPrint() {
    const chosen = this.#slotOf(this.#choice.slot);
    return chosen && [chosen.slot.free, chosen.slot.refusal, this.#isAsking(chosen)];
  }

  /** A group of native radio buttons. `choices`: value, name, state, hint and words for those who hear it. */
  #radios(what, legend, choices, columns = "") {
    const one = ({ value, name, said, state, quiet, no }) => {
      const id = `${this.#id}-${what}-${value}`.replaceAll(/[^\w#/-]/g, (c) => `_${c.codePointAt(0)}`);
      return h(
        "div",
        { class: `choice${no ? " no" : ""}`, part: no ? "choice unavailable" : "choice" },
        h("input", { type: "radio", id, name: `${this.#id}-${what}`, value, checked: this.#choice[what] === value, onchange: () => this.#choose(what, value) }),
        h(
          "label",
          { for: id },
          said
            ? [h("span", { class: "heard" }, said + this.texts.comma), h("strong", { "aria-hidden": "true" }, name)]
            : h("strong", {}, name),
          state && h("span", { class: "state" }, state, quiet ? h("span", { class: "heard" }, this.texts.comma) : false),
          quiet && h("span", { class: "quiet" }, quiet),
        ),
      );
    };
    return h(
      "fieldset",
      { part: "group" },
      h("legend", {}, legend),
      h("div", { class: `choices ${columns}` }, choices.map(one)),
    );
  }

  #drawChoices(t, lang, shown) {
    const { department, practitioner, day } = this.#choice;
    const all = this.#schedule?.sessions ?? [];
    const free = (sessions) => sessions.reduce((sum, s) => sum + s.slots.reduce((n, slot) => n + slot.free, 0), 0);
    const state = (sessions) => {
      const n = free(sessions);
      if (n > 0) return { state: t.left(n) };
      const reasons = sessions.flatMap((s) => s.slots.map((slot) => slot.refusal && this.#why(slot.refusal)));
      const same = reasons.every((reason) => reason === reasons[0]);
      return { state: (same && reasons[0]) || t.none, no: true };
    };
    const unique = (values) => [...new Set(values)];

    const people = this.#patients.length > 1 && this.#patients.map((p, i) => ({ value: i, name: p.label }));
    this.#part("person", shown && people && [lang, this.#choice.person, people], () => this.#radios("person", t.person, people));

    const many = unique(all.map((s) => s.institution)).length > 1;
    const departments = unique(all.map((s) => this.#department(s))).map((value) => {
      const sessions = all.filter((s) => this.#department(s) === value);
      const { institution, department: code } = sessions[0];
      const name = this.#name("departments", code, institution);
      return { value, name: many ? `${this.#name("institutions", institution)} ${name}` : name, ...state(sessions) };
    });
    this.#part("department", shown && [lang, department, departments], () => this.#radios("department", t.department, departments));

    const inDepartment = all.filter((s) => this.#department(s) === department);
    const practitioners = unique(inDepartment.map((s) => s.practitioner)).map((value) => {
      const sessions = inDepartment.filter((s) => s.practitioner === value);
      const grades = unique(sessions.map((s) => t.grade[s.grade])).join(" / ");
      const told = state(sessions);
      return { value, name: this.#name("practitioners", value), ...told, state: `${grades}${t.comma}${told.state}` };
    });
    this.#part("practitioner", shown && !!department && [lang, practitioner, practitioners], () => this.#radios("practitioner", t.practitioner, practitioners));

    const ofPractitioner = inDepartment.filter((s) => s.practitioner === practitioner);
    const days = unique(ofPractitioner.map((s) => s.day)).sort().map((value) => {
      const told = state(ofPractitioner.filter((s) => s.day === value));
      const p = parts(value);
      return { value, name: `${t.date(p)} ${t.weekday(p)}`, said: t.longDate(p), ...told };
    });
    this.#part("day", shown && !!practitioner && [lang, day, days], () => this.#radios("day", t.day, days, "days"));

    const slots = ofPractitioner.filter((s) => s.day === day).flatMap((session) => session.slots.map((slot) => ({ session, slot })));
    slots.sort((a, b) => Date.parse(a.slot.time.from) - Date.parse(b.slot.time.from));
    this.#part("time", shown && !!day && [lang, this.#choice.slot, slots], () => this.#times(t, day, slots));
  }

  #times(t, day, slots) {
    const quiet = this.#quiet(slots.map(({ slot }) => slot));
    const choice = ({ session, slot }) => {
      const [from, to] = [parts(slot.time.from), parts(slot.time.to)];
      const who = this.#name("practitioners", session.practitioner);
      // Date, weekday, time and practitioner in one breath, because a single radio is all that some people hear. A slot after
      // midnight says its own date.
      const said = [t.longDate(from), t.spokenRange(from.clock, to.clock), who].join(t.comma);
      const other = slot.time.from.slice(0, 10) !== day ? `${t.date(from)} ` : "";
      return {
        value: `${session.session}#${slot.slot}`,
        name: other + t.range(from.clock, to.clock),
        said,
        state: slot.free > 0 ? t.left(slot.free) : this.#why(slot.refusal),
        quiet: quiet.has(slot) && t.quiet,
        no: slot.free === 0,
      };
    };
    const part = ({ slot }) => {
      const clock = parts(slot.time.from).clock;
      if (slot.time.from.slice(0, 10) !== day || clock >= "18:00") return "night";
      return clock < "12:00" ? "morning" : "afternoon";
    };
    const groups = ["morning", "afternoon", "night"].map((name) => [name, slots.filter((slot) => part(slot) === name)]);
    return h(
      "fieldset",
      { part: "group" },
      h("legend", {}, t.time),
      groups.filter(([, found]) => found.length > 0).map(([name, found]) => this.#radios("slot", t[name], found.map(choice), "times")),
    );
  }

  #describe(t, chosen) {
    const [from, to] = [parts(chosen.slot.time.from), parts(chosen.slot.time.to)];
    const who = this.#name("practitioners", chosen.session.practitioner);
    return `${t.longDate(from)}${t.comma}${t.range(from.clock, to.clock)}${t.comma}${who}`;
  }

  #foot(t) {
    const chosen = this.#slotOf(this.#choice.slot);
    const can = chosen && (chosen.slot.free > 0 || this.#isAsking(chosen));
    const refusal = chosen && !can && chosen.slot.refusal;
    return h(
      "div",
      { class: "foot", part: "foot" },
      refusal &&
        h(
          "div",
          { class: "card reason", part: "reason" },
          h("h3", {}, t.why),
          h("p", {}, `${this.#describe(t, chosen)}${t.comma}${this.#why(refusal)}`),
          refusal.code === "SLOT_FULL" && this.#waitlist &&
            h("p", { class: "actions" }, h("button", { id: `${this.#id}-wait`, type: "button", onclick: () => this.#join(chosen) }, t.waitlist)),
          this.#optionList(t, chosen),
        ),
      can && h("p", {}, t.chosen, h("strong", {}, this.#describe(t, chosen))),
      h(
        "div",
        { class: "actions" },
        h(
          "button",
          {
            id: `${this.#id}-next`, type: "button", class: "main", part: "next", "aria-disabled": can ? undefined : "true",
            "aria-describedby": can ? undefined : `${this.#id}-hint`, onclick: () => this.#hold(),
          },
          t.next,
        ),
        !can && h("span", { id: `${this.#id}-hint`, class: "note" }, t.chooseFirst),
        h("button", { id: `${this.#id}-refresh`, type: "button", onclick: () => this.refresh() }, t.refresh),
      ),
    );
  }

  #optionList(t, near) {
    const options = this.#options(near);
    if (options.length === 0) return h("p", {}, t.noOptions);
    const one = (option) =>
      h(
        "li",
        {},
        h("button", { type: "button", onclick: () => this.#take(option) }, `${this.#describe(t, option)}${t.comma}${t.left(option.slot.free)}`),
      );
    return [h("p", {}, t.options), h("ul", {}, options.map(one))];
  }

  #take({ session, id }) {
    Object.assign(this.#choice, {
      department: this.#department(session), practitioner: session.practitioner, day: session.day, slot: id,
    });
    this.#refusal = undefined;
    this.#draw();
    this.#root.getElementById(`${this.#id}-next`)?.focus();
  }

  #drawLost(t, lang, shown) {
    const refusal = this.#refusal;
    this.#part("lost", shown && refusal && [lang, refusal.answer, refusal.near?.id, this.#asked], () => {
      return h(
        "div",
        { class: "card reason", part: "lost" },
        h("h3", { tabindex: "-1", "data-focus": "lost" }, t.lost),
        refusal.near && h("p", {}, this.#describe(t, refusal.near)),
        h("p", {}, h("strong", {}, this.#words(refusal.answer))),
        refusal.near && this.#optionList(t, refusal.near),
      );
    });
  }

  #details(t) {
    const grant = this.#grant;
    const chosen = this.#slotOf(this.#choice.slot);
    const [from, to] = [parts(grant.time.from), parts(grant.time.to)];
    const person = this.#person()?.label;
    const row = (name, value) => value && [h("dt", {}, name), h("dd", {}, value)];
    return h(
      "dl",
      {},
      row(t.person, person),
      row(t.where, this.#name("institutions", grant.institution)),
      chosen && row(t.department, this.#name("departments", chosen.session.department, grant.institution)),
      chosen && row(t.practitioner, this.#name("practitioners", chosen.session.practitioner)),
      row(t.time, `${t.longDate(from)} ${t.range(from.clock, to.clock)}`),
      row(t.number, t.numberValue(grant.number)),
      this.#step === 2 && row(t.bookingNumber, grant.booking),
    );
  }

  #heldView(t) {
    const expired = this.#told.has("expired");
    const soon = this.#told.has("fiveMinutes");
    const left = Math.max(0, Math.ceil((this.#deadline - this.#now()) / 1000));
    const button = (id, text, work, main) =>
      h("button", { id: `${this.#id}-${id}`, type: "button", class: main ? "main" : undefined, onclick: work }, text);
    return [
      h(
        "div",
        { class: `card ${expired ? "reason" : ""}`, part: "held" },
        expired
          ? h("p", {}, h("strong", {}, t.expired))
          : h("p", { class: `timer${left <= 60 ? " late" : ""}`, role: "timer", "aria-live": "off" }, t.remaining(Math.floor(left / 60), String(left % 60).padStart(2, "0"))),
        this.#details(t),
      ),
      h(
        "div",
        { class: "actions" },
        !expired && button("confirm", t.confirm, () => this.#confirm(), true),
        (expired || soon) && button("renew", expired ? t.again : t.renew, () => this.#renew(), expired),
        button("giveup", t.giveUp, () => this.#cancel()),
      ),
      soon && !expired && h("p", { class: "note" }, t.renewHelp),
    ];
  }

  #bookedView(t) {
    const button = (id, text, work, main) =>
      h("button", { id: `${this.#id}-${id}`, type: "button", class: main ? "main" : undefined, onclick: work }, text);
    const ask = (sure) => {
      this.#sure = sure;
      this.#draw();
      this.#root.getElementById(`${this.#id}-${sure ? "keep" : "cancel"}`)?.focus();
    };
    const restart = () => {
      this.#restart();
      this.refresh();
      this.#draw();
      this.#focus("title");
    };
    return [
      h("div", { class: "card good", part: "booked" }, h("p", {}, h("strong", {}, t.arrive)), this.#details(t)),
      this.#sure
        ? h(
            "div",
            { class: "actions", role: "group", "aria-label": t.cancelSure },
            h("p", {}, t.cancelSure),
            button("keep", t.cancelNo, () => ask(false), true),
            button("sure", t.cancelYes, () => this.#cancel()),
          )
        : h(
            "div",
            { class: "actions" },
            button("another", t.another, restart, true),
            button("print", t.print, () => print()),
            button("cancel", t.cancel, () => ask(true)),
          ),
    ];
  }
}

if (globalThis.customElements && !customElements.get("haoyuan-booking")) {
  customElements.define("haoyuan-booking", HaoyuanBooking);
}
