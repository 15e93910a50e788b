// Whatever comes in, what was made stays usable: lines and feeds damaged by a generator with a fixed seed, a module that fails
// to load, one that breaks, objects that nobody frees.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Engine, Feed, init } from "haoyuan";
import * as small from "haoyuan/feed";
import { hospital } from "../examples/hospital.js";
import { make, UnusableError } from "../js/module.js";

const here = dirname(fileURLToPath(import.meta.url));
const scripts = resolve(here, "../../../crates/haoyuan-cli/examples/run");
const AT = "2026-03-03T07:01:00+08:00";
await Promise.all([init(), small.init()]);

/** xorshift32: the same damage in every run. */
function dice(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const BITS = ['"', "{", "}", "[", "]", ",", ":", "null", "-1", "1e999", "18446744073709551616", "\\u0000", "号", "\ud800", '"\\ud800"', "0", "true", " "];

/** The text with one to four pieces cut out, doubled, swapped or replaced. */
function damaged(text, roll) {
  let out = text;
  for (let n = 1 + roll(4); n > 0; n -= 1) {
    const [from, length] = [roll(out.length + 1), roll(12)];
    const piece = out.slice(from, from + length);
    const instead = ["", piece + piece, BITS[roll(BITS.length)], BITS[roll(BITS.length)] + piece][roll(4)];
    out = out.slice(0, from) + instead + out.slice(from + length);
  }
  return out;
}

/** The command with one value taken out, or replaced by another command's or by one from nowhere: still JSON. */
function twisted(command, other, roll) {
  const out = structuredClone(command);
  const inner = out.session && typeof out.session === "object" && roll(2) ? out.session : out;
  const keys = Object.keys(inner);
  const key = keys[roll(keys.length)];
  const nowhere = [-1, 0, 65535, 2 ** 53, 1.5, null, "", "号", [], {}, [[]], "f".repeat(32), "2109-12-31T23:59:59+08:00", other[key]];
  if (roll(8) === 0) delete inner[key];
  else inner[key] = nowhere[roll(nowhere.length)];
  return JSON.stringify(out);
}

test("30,000 damaged commands are answered, and the books still balance", () => {
  const roll = dice(0x9e3779b9);
  // By script and then by line, so that none is drowned by a long one.
  const all = readdirSync(scripts)
    .filter((name) => name.endsWith(".jsonl") && !name.endsWith(".expected.jsonl") && name !== "malformed.jsonl")
    .map((name) => readFileSync(join(scripts, name), "utf8").split("\n").filter((line) => line && line.length < 4000));
  const one = () => {
    const lines = all[roll(all.length)];
    return lines[roll(lines.length)];
  };
  const outcomes = { granted: 0, refused: 0, done: 0, error: 0 };
  // Anew now and then: one command from the end of the year, and nothing can be booked any more.
  for (let round = 0; round < 30; round += 1) {
    const engine = hospital(Engine);
    for (let n = 0; n < 1_000; n += 1) {
      const [chosen, other] = [one(), one()];
      // Some come whole, so that there is something to damage.
      const line = n % 5 === 0 ? chosen : n % 2 ? damaged(chosen, roll) : twisted(JSON.parse(chosen), JSON.parse(other), roll);
      const answer = JSON.parse(engine.executeLine(line));
      assert.ok(answer.outcome in outcomes, line);
      outcomes[answer.outcome] += 1;
    }
    assert.equal(engine.audit({ at: AT }).sound, true);
    engine.free();
  }
  assert.ok(outcomes.error > 10_000 && outcomes.done + outcomes.refused > 1000 && outcomes.granted > 10, JSON.stringify(outcomes));
});

test("3,000 damaged feeds are refused or read, in both modules, and the next one is read", () => {
  const roll = dice(0x51ed270b);
  const text = JSON.stringify(hospital(Engine).feed({ at: AT, from: "2026-03-06", to: "2026-03-10" }));
  let read = 0;
  for (let n = 0; n < 3000; n += 1) {
    const Kind = n % 2 ? Feed : small.Feed;
    let feed;
    try {
      feed = new Kind(damaged(text, roll));
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof UnusableError), String(error));
      continue;
    }
    read += 1;
    feed.seats("public", "app", AT);
    feed.schedule({ at: AT, class: "public", channel: "app", from: "2026-03-06", to: "2026-03-10" });
    feed.free();
  }
  assert.ok(read > 10 && read < 2900, `${read} were read`);
  assert.equal(new Feed(text).slotCount, new small.Feed(text).slotCount);
});

test("a module that could not be loaded is loaded by the next init()", async () => {
  const glue = await import("../dist/feed.js?again");
  let tries = 0;
  const bytes = () => ((tries += 1) === 1 ? Promise.reject(new Error("the line is cut")) : readFileSync(resolve(here, "../dist/feed.wasm")));
  const { init, Feed } = make(glue, bytes);
  const first = init();
  assert.equal(first, init());
  await assert.rejects(first, /the line is cut/);
  await init();
  assert.equal(tries, 2);
  assert.throws(() => new Feed("{}"), /haoyuan-feed-1/);
});

test("a module that has trapped says so for every object, and never answers from broken memory", () => {
  let freed = 0;
  class RawFeed {
    seats() {
      throw new WebAssembly.RuntimeError("unreachable");
    }
    get slotCount() {
      return 7;
    }
    free() {
      freed += 1;
    }
  }
  const { initSync, Feed } = make({ RawFeed, initSync() {} }, () => undefined);
  initSync(new Uint8Array());
  const [one, other] = [new Feed("{}"), new Feed("{}")];
  assert.equal(other.slotCount, 7);
  const broken = (error) => error instanceof UnusableError && error.code === "BROKEN" && error.cause instanceof WebAssembly.RuntimeError;
  assert.throws(() => one.seats("public", "app", AT), broken);
  assert.throws(() => other.slotCount, broken);
  assert.throws(() => new Feed("{}"), broken);
  other.free();
  assert.equal(freed, 0);
});

test("`Symbol.dispose` frees at the end of a block, and what nobody refers to is freed by the collector", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  assert.equal(Engine.prototype[Symbol.dispose].length, 0);
  assert.equal(Feed.prototype[Symbol.dispose].length, 0);
  const bytes = () => process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  const open = () => new Engine().open({ at: AT, for_seats: 20_000 });
  const some = async (rounds) => {
    for (let n = 0; n < rounds; n += 1) {
      open();
      collect();
      // Finalizers run between turns of the loop.
      await new Promise((done) => setImmediate(done));
    }
  };
  await some(10);
  const before = bytes();
  await some(60);
  assert.ok(bytes() - before < 8 << 20, `${bytes() - before} bytes more after 60 engines that nobody freed`);
});
