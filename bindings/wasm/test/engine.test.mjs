// The package in Node: the same answers as `haoyuan run`, refusals as values, typed errors, disposal.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import { Engine, Feed, init, MalformedError, REFUSALS, refusalText, UnusableError } from "haoyuan";
import * as feedOnly from "haoyuan/feed";
import * as inline from "haoyuan/inline";
import { commands, hospital, OPENED } from "../examples/hospital.js";

const crates = resolve(dirname(fileURLToPath(import.meta.url)), "../../../crates");
const scripts = join(crates, "haoyuan-cli/examples/run");
const AT = "2026-03-03T07:01:00+08:00";
const WISH = { at: AT, patient: "5f0c6f0f6c1d4b7e9a3d2e1f00112233", session: "CARD-0310-AM", slot: 4, class: "public", channel: "app" };

test("before init() everything says what is missing", () => {
  assert.throws(() => new Engine(), (error) => error instanceof UnusableError && error.code === "NOT_LOADED");
});

test("init() is one promise for everybody", async () => {
  const [one, other] = [init(), init()];
  assert.equal(one, other);
  await one;
  await Promise.all([feedOnly.init(), inline.init()]);
});

for (const name of readdirSync(scripts).filter((name) => name.endsWith(".jsonl") && !name.endsWith(".expected.jsonl"))) {
  test(`the script ${name} answers as haoyuan run does, line by line`, () => {
    const engine = new Engine();
    const answers = engine.executeLines(readFileSync(join(scripts, name), "utf8"));
    // 32 bits of address space hold a smaller hospital, and the engine says so; everything else is the same to the letter.
    const expected = readFileSync(join(scripts, name.replace(".jsonl", ".expected.jsonl")), "utf8");
    assert.equal(answers, expected.replaceAll(/1 (to|至) 16000000 /g, "1 $1 2000000 "));
  });
}

test("a refusal is a value, a malformed command a typed error that has changed nothing", () => {
  const engine = hospital(Engine);
  const hash = engine.stateHash(AT);
  const early = engine.hold({ ...WISH, at: "2026-03-03T06:59:59.999+08:00" });
  assert.deepEqual([early.kind, early.code, early.retry.from], ["refused", "NOT_OPEN", OPENED]);
  assert.equal(REFUSALS[early.code].zh, early.message.zh);
  assert.equal(refusalText(early.code, "en"), early.message.en);
  for (const [change, field] of [[{ patient: "王" }, "patient"], [{ slot: -1 }, "slot"], [{ class: "king" }, "class"], [{ extra: 1 }, "extra"]]) {
    assert.throws(() => engine.hold({ ...WISH, ...change }), (error) => error instanceof MalformedError && error.field === field && /\p{Script=Han}/u.test(error.reasonZh) && error.message.includes(error.reason));
  }
  assert.throws(() => engine.hold({ ...WISH, at: Number.NaN }), TypeError);
  assert.equal(engine.stateHash(AT), hash);
  const granted = engine.hold(WISH);
  assert.deepEqual([granted.kind, granted.standing, granted.number], ["granted", "held", 13]);
  assert.notEqual(engine.stateHash(AT), hash);
});

test("every method answers with the keys of the schema, and of its own command", () => {
  const ajv = new Ajv({ strict: false }).addSchema(JSON.parse(readFileSync(join(crates, "haoyuan-platform/schema/answer.schema.json"), "utf8")), "answer");
  const engine = hospital(Engine);
  const ask = { at: AT, class: "public", channel: "app" };
  const days = { from: "2026-03-10", to: "2026-03-10" };
  const { at, patient } = WISH;
  const fits = (name, answer) => {
    const { kind, session_kind, ...rest } = answer;
    const valid = ajv.getSchema(`answer#/$defs/answer_${name}`);
    assert.ok(valid({ outcome: kind, ...rest, ...(session_kind ? { kind: session_kind } : {}) }), `${name}: ${ajv.errorsText(valid.errors)}`);
    return answer;
  };
  const csv = "班次编号,机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数\nDERM-0309-PM,SY1,DERM,ZHAO,2026-03-09,14:00,16:00,普通号,30,4\n";
  const roster = fits("roster", engine.roster({ at, csv }));
  assert.deepEqual([roster.command, roster.sessions, roster.seats], ["roster", 1, 16]);
  const session = fits("session", engine.session({ at, session: "DERM-0309-PM" }));
  assert.deepEqual([session.kind, session.session_kind, session.practitioner, session.day, session.seats, session.slots.length], ["done", "clinic", "ZHAO", "2026-03-09", 16, 4]);
  assert.equal(fits("refused", engine.session({ at, session: "NONE" })).code, "UNKNOWN_SESSION");
  const { found } = fits("search", engine.search({ ...ask, ...days, practitioner: "WANG", order: "earliest", most: 2 }));
  assert.deepEqual(found.map((one) => [one.session, one.slot]), [["CARD-0310-AM", 2], ["CARD-0310-AM", 3]]);
  const { slots } = fits("load", engine.load({ at, day: "2026-03-10", institution: "SY1", department: "CARD" }));
  // The first half-hours: two of Wang's three, whose third is kept for referrals, and all four of Li's.
  assert.deepEqual([slots[0].time.from, slots[0].live, slots[0].capacity], ["2026-03-10T08:00:00+08:00", 6, 7]);
  const booked = fits("granted", engine.book({ ...WISH, slot: 3 }));
  assert.deepEqual([booked.command, booked.standing, booked.expires], ["book", "booked", undefined]);
  const other = { at, patient: "6f0c6f0f6c1d4b7e9a3d2e1f00112244" };
  const { booking } = fits("granted", engine.hold({ ...WISH, ...other }));
  assert.deepEqual([1, 2].map(() => fits("confirm", engine.confirm({ ...other, booking })).changed), [true, false]);
  assert.deepEqual(fits("bookings", engine.bookings(other)).bookings.map((one) => [one.booking, one.standing]), [[booking, "booked"]]);
  assert.equal(fits("refused", engine.confirm({ at, patient, booking })).kind, "refused");
  fits("cancel", engine.cancel({ ...other, booking }));
  fits("availability", engine.availability({ ...ask, session: "CARD-0310-AM", slot: 4 }));
  fits("schedule", engine.schedule({ ...ask, ...days }));
  fits("audit", engine.audit({ at }));
  fits("tick", engine.tick({ at }));
  // The schema is awake: it knows no other key, and misses what is not there.
  assert.throws(() => fits("load", { ...engine.load({ at, day: "2026-03-10" }), more: 1 }), /additional/);
  assert.throws(() => fits("search", { kind: "done", command: "search" }), /found/);
});

test("hostile lines are answered and leave the object usable", () => {
  const engine = hospital(Engine);
  const hash = engine.stateHash(AT);
  const lines = [
    "", "{", "[]", "null", '"hold"', "{}", '{"command":"hold"}', '{"command":"__proto__"}', "\u0000", "x".repeat(1 << 20),
    "[".repeat(100_000), `{"command":"hold","at":"${"9".repeat(5000)}"}`, '{"command":"open","at":"2026-02-01T09:00:00+08:00","for_seats":4294967295}',
    JSON.stringify({ command: "policy", at: AT, toml: "a = ".repeat(10_000) }), JSON.stringify({ command: "roster", at: AT, csv: "\ud800,\n" }),
  ];
  for (const line of lines) assert.equal(JSON.parse(engine.executeLine(line)).outcome, "error", line.slice(0, 60));
  assert.equal(engine.stateHash(AT), hash);
});

test("a feed says what its engine says, for every class and in both modules", () => {
  const engine = hospital(Engine);
  const exported = engine.feed({ at: AT, from: "2026-03-06", to: "2026-03-10" });
  const feeds = [new Feed(exported), new feedOnly.Feed(JSON.stringify(exported)), new inline.Feed(exported)];
  for (const feed of feeds) {
    assert.equal(feed.sessionCount, 6);
    for (const klass of ["public", "referral_secondary", "contract", "revisit", "on_site", "green"]) {
      for (const at of [AT, "2026-03-09T08:00:00+08:00", "2026-03-10T09:00:00+08:00"]) {
        const ask = { at, class: klass, channel: "window", from: "2026-03-06", to: "2026-03-10" };
        const shown = feed.schedule(ask);
        assert.deepEqual({ ...shown, counted: 0 }, { ...engine.schedule(ask), counted: 0 });
        const free = shown.sessions.flatMap((session) => session.slots.map((slot) => slot.free));
        assert.deepEqual([...feed.seats(klass, "window", at)], free);
      }
    }
    assert.equal(feed.availability({ ...WISH, patient: undefined, session: "NONE" }).code, "UNKNOWN_SESSION");
    assert.throws(() => feed.execute({ ...WISH, command: "hold" }), (error) => error.field === "command");
    assert.throws(() => feed.seats("king", "app", AT), /no such class/);
  }
  assert.throws(() => new Feed("{}"), /haoyuan-feed-1/);
});

test("an object that was disposed of says so, and may be disposed of again", () => {
  const engine = new Engine();
  engine[Symbol.dispose]();
  engine.free();
  assert.throws(() => engine.tick({ at: AT }), (error) => error instanceof UnusableError && error.code === "DISPOSED");
});

test("a feed gives its memory back", () => {
  const engine = hospital(Engine);
  const feed = new Feed(engine.feed({ at: AT, from: "2026-03-06", to: "2026-03-10" }));
  feed.free();
  assert.throws(() => feed.slotCount, (error) => error.code === "DISPOSED");
});

test("memory goes back when objects are freed", () => {
  const heap = () => process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  const make = () => {
    const engine = new Engine();
    engine.open({ at: AT, for_seats: 20_000 });
    engine.free();
  };
  for (let i = 0; i < 5; i += 1) make();
  const before = heap();
  for (let i = 0; i < 50; i += 1) make();
  assert.ok(heap() - before < 1 << 20, `${heap() - before} bytes more after 50 engines`);
});

test("one script, one state hash, whoever runs it", () => {
  const one = hospital(Engine);
  const other = new inline.Engine();
  other.executeLines(commands().map((command) => JSON.stringify(command)).join("\n"));
  assert.equal(one.stateHash(AT), other.stateHash(AT));
});
