// Prints what weight and speed turn on, each figure beside its workload: module sizes, the cost of a decision in
// WebAssembly against the same commands natively in the same run, and the feed of a thousand sessions.
//
//   node scripts/figures.mjs
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Engine, Feed, init } from "../js/node.js";
import * as small from "../js/feed-node.js";

const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const root = resolve(here, "../..");
const EARLY = "2026-02-01T09:00:00+08:00";
const AT = "2026-03-03T07:00:00+08:00";
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const ms = (work) => {
  const began = performance.now();
  work();
  return performance.now() - began;
};

console.log(`machine: ${cpus().length} × ${cpus()[0].model.trim()}, load ${loadavg()[0].toFixed(1)}, Node ${process.version}`);
for (const name of ["feed.wasm", "haoyuan.wasm"]) {
  const bytes = readFileSync(join(here, "dist", name));
  console.log(`${name}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
}
await Promise.all([init(), small.init()]);

/** A hospital of sessions, five seats a slot, eight slots a session. */
function publishing(sessions) {
  const pad = (n) => String(n).padStart(2, "0");
  const practitioners = Math.ceil(sessions / 10);
  const list = [
    { command: "open", at: EARLY, for_seats: sessions * 40 + 1000, shapes: 4096 },
    {
      command: "directory", at: EARLY,
      entries: {
        institution: [{ code: "H1", name: "省第一医院", tier: "tertiary" }],
        department: Array.from({ length: 20 }, (_, i) => ({ institution: "H1", code: `D${i}`, name: `第${i}科` })),
        practitioner: Array.from({ length: practitioners }, (_, i) => ({ code: `P${i}`, name: `医生${i}`, sites: ["H1"] })),
      },
    },
    { command: "policy", at: EARLY, preset: "jilin-2018" },
  ];
  for (let i = 0; i < sessions; i += 1) {
    const [who, turn] = [Math.floor(i / 10), i % 10];
    const [day, from] = [9 + (turn >> 1), turn % 2 ? 13 : 8];
    list.push({
      command: "publish", at: EARLY,
      session: {
        code: `S${i}`, institution: "H1", department: `D${who % 20}`, practitioner: `P${who}`, grade: who % 2 ? "expert" : "ordinary",
        from: `2026-03-${pad(day)}T${pad(from)}:00:00+08:00`, to: `2026-03-${pad(day)}T${pad(from + 4)}:00:00+08:00`, slot_minutes: 30, seats: 5,
      },
    });
  }
  return list;
}
const lines = (commands) => commands.map((command) => `${JSON.stringify(command)}\n`).join("");

/** Requests by a small generator with a fixed seed: other patients, sessions and slots, a third of them confirmed at once. */
function requests(count, sessions) {
  let state = 0x9e3779b97f4a7c15n;
  const next = () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n);
  };
  return Array.from({ length: count }, (_, i) => ({
    command: ["hold", "book", "availability"][i % 3], at: "2026-03-05T08:00:00+08:00",
    ...(i % 3 === 2 ? {} : { patient: (next() + 1).toString(16).padStart(32, "0") }),
    session: `S${next() % sessions}`, slot: next() % 8, class: "public", channel: "app",
  }));
}

// ---- a decision, the whole way: one JSON line in, one out -------------------------------------------------------------
const SESSIONS = 1000;
const COUNT = 60_000;
const ROUNDS = 7;
const setup = lines(publishing(SESSIONS));
const asked = lines(requests(COUNT, SESSIONS));
const folder = mkdtempSync(join(tmpdir(), "haoyuan-figures-"));
const [file, both] = [join(folder, "setup.jsonl"), join(folder, "requests.jsonl")];
writeFileSync(file, setup);
writeFileSync(both, asked);
const cargo = ["--quiet", "--locked", "--release", "-p", "haoyuan-platform", "--example", "time_lines"];
const native = () => {
  const run = spawnSync("cargo", ["run", ...cargo, "--", file, both, "1"], { cwd: root, encoding: "utf8" });
  if (run.status === 0) return JSON.parse(run.stdout);
  console.error(run.stderr);
  process.exit(1);
};
native(); // compiled, and warm
// In turns, so that both have the same machine, whatever else runs on it.
const rounds = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const there = native();
  const engine = new Engine();
  engine.executeLines(setup);
  let answers;
  const here_ = (ms(() => (answers = engine.executeLines(asked))) / COUNT) * 1e6;
  engine.free();
  const granted = answers.split('"outcome":"granted"').length - 1;
  if (granted !== there.granted) throw new Error(`granted natively ${there.granted}, here ${granted}: not the same engine`);
  rounds.push({ native: there.ns, wasm: here_, ratio: here_ / there.ns, granted });
}
rmSync(folder, { recursive: true });
const of = (what, pick = median) => pick(rounds.map((round) => round[what]));
const range = `${of("ratio", (all) => Math.min(...all)).toFixed(2)} to ${of("ratio", (all) => Math.max(...all)).toFixed(2)}`;
console.log(
  `one command of ${COUNT} (${rounds[0].granted} granted in both), median of ${ROUNDS} rounds in turns: native ${of("native").toFixed(0)} ns, ` +
    `WebAssembly ${of("wasm").toFixed(0)} ns, ${of("ratio").toFixed(2)}× (${range})`,
);

// ---- the feed of a thousand sessions ----------------------------------------------------------------------------------
const engine = new Engine();
engine.executeLines(setup);
engine.executeLines(asked);
const feed = engine.executeLine(JSON.stringify({ command: "feed", at: "2026-03-05T08:00:00+08:00", from: "2026-03-09", to: "2026-03-13" }));
const text = JSON.stringify(JSON.parse(feed).feed);
const slots = new Feed(text).slotCount;
const zipped = gzipSync(text, { level: 9 }).length;
console.log(
  `feed of ${SESSIONS} sessions, ${slots} slots: ${Buffer.byteLength(text)} bytes, ${(Buffer.byteLength(text) / slots).toFixed(1)} a slot; ` +
    `${zipped} gzipped, ${(zipped / slots).toFixed(1)} a slot`,
);
for (const [name, Kind] of [["the engine's module", Feed], ["the feed's module", small.Feed]]) {
  const [parse, query, each] = [[], [], []];
  for (let round = 0; round < 31; round += 1) {
    let read;
    parse.push(ms(() => (read = new Kind(text))));
    query.push(ms(() => read.seats("referral_secondary", "app", AT)));
    each.push(ms(() => read.availability({ at: AT, session: "S500", slot: 3, class: "public", channel: "app" })));
    read.free();
  }
  const both = parse.map((p, i) => p + query[i]);
  const [p, q, e, together] = [parse, query, each, both].map(median);
  const least = Math.min(...both); // what it costs when nothing else wants the machine
  console.log(
    `${name}, median of 31: parse ${p.toFixed(2)} ms, all ${slots} slots for one class ${q.toFixed(2)} ms, together ${together.toFixed(2)} ` +
      `(at least ${least.toFixed(2)}); one slot ${(e * 1000).toFixed(0)} µs`,
  );
}
