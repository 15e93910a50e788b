// The widget in a real Chromium against the real server: `haoyuan serve --demo`, two visitors, one seat.
//
// HAOYUAN names the program; by default the release build of this repository.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { launch, package_, pictures } from "../browser/chromium.mjs";

const root = resolve(package_, "../..");
const program = process.env.HAOYUAN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/haoyuan");

let browser, server, url, token;

before(async () => {
  assert.ok(existsSync(program), `there is no ${program}: cargo build --release -p haoyuan-cli, or set HAOYUAN`);
  server = spawn(program, ["serve", "--demo", "--address", "127.0.0.1:0", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    ({ url, token } = JSON.parse(line));
    break;
  }
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (server?.exitCode === null) {
    const ended = new Promise((done) => server.once("exit", done));
    server.kill("SIGTERM");
    assert.equal(await ended, 0, "the server ends quietly");
  }
});

/** One command in the administrator's name. */
async function command(body) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(new URL("v1/commands", url), { method: "POST", headers, body: JSON.stringify(body) });
  return response.json();
}

/** A visitor in a context of its own: another person for the server. */
async function visit() {
  const page = await (await browser.newContext({ viewport: { width: 900, height: 1000 } })).newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => assert.fail(String(error)));
  await page.goto(url);
  await page.waitForFunction(() => globalThis.ready);
  await page.getByRole("radio").first().waitFor();
  return page;
}

/** Chooses department, practitioner and day, and one time by what it says. */
async function choose(page, { department, practitioner, day }, words) {
  const check = (what, value) =>
    page.evaluate(
      ({ what, value }) => {
        const root = document.querySelector("haoyuan-booking").shadowRoot;
        const input = [...root.querySelectorAll(`input[name$="-${what}"]`)].find((radio) => radio.value === value);
        input.click();
      },
      { what, value },
    );
  for (const [what, value] of Object.entries({ department, practitioner, day })) {
    await page.waitForFunction(
      ({ what, value }) => [...document.querySelector("haoyuan-booking").shadowRoot.querySelectorAll(`input[name$="-${what}"]`)].some((r) => r.value === value),
      { what, value },
    );
    await check(what, value);
  }
  await page.getByRole("radio", { name: words }).first().check();
}

/**
 * A session with a slot that fits, in two days or later, and with others that are free; `most` such slots in it. Tomorrow's would do
 * until 23:00 only: then its waiting lists are cleared.
 */
async function find(fits, most = Infinity) {
  const day = (ahead) => new Date(Date.now() + 8 * 3_600_000 + ahead * 86_400_000).toISOString().slice(0, 10);
  const schedule = await command({ command: "schedule", class: "public", channel: "web", from: day(2), to: day(6) });
  for (const session of schedule.sessions) {
    const slots = session.slots.filter(fits);
    if (slots.length > 0 && slots.length <= most && session.slots.some((slot) => slot.free > 1)) return { session, slot: slots[0] };
  }
  throw new Error(`no session has a slot where ${fits}`);
}

const clock = (instant) => instant.slice(11, 16);
const place = ({ session }) => ({
  department: `${session.institution}/${session.department}`, practitioner: session.practitioner, day: session.day,
});
const time = ({ slot }) => new RegExp(`${clock(slot.time.from)} 至 ${clock(slot.time.to)}`);
const hold = (page) => page.getByRole("button", { name: /锁定号源/ });
const key = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("haoyuan-visitor")).patient);

test("a visitor books in the browser, and the server has the booking", async () => {
  const page = await visit();
  const found = await find((slot) => slot.free === 2);
  await choose(page, place(found), time(found));
  await hold(page).click();
  await page.getByText("已为您锁定号源").waitFor();
  await page.getByRole("button", { name: "确认预约" }).click();
  await page.getByRole("heading", { name: "预约成功" }).waitFor();
  const { bookings } = await command({ command: "bookings", patient: await key(page) });
  assert.deepEqual(bookings.map((b) => [b.session, b.slot, b.standing]), [[found.session.session, found.slot.slot, "booked"]]);
  await page.screenshot({ path: join(pictures, "server-booked.png"), fullPage: true });
  await page.context().close();
});

test("two visitors race for the last seat: one has it, the other is told and led on", async () => {
  const [first, other] = [await visit(), await visit()];
  const found = await find((slot) => slot.free === 1);
  for (const page of [first, other]) await choose(page, place(found), time(found));
  await Promise.all([first, other].map((page) => hold(page).click()));
  await Promise.all([first, other].map((page) => page.getByText(/已为您锁定号源|这个时间没有约上/).first().waitFor()));
  const held = await Promise.all([first, other].map((page) => page.getByRole("timer").count()));
  assert.equal(held[0] + held[1], 1, "exactly one of them holds it");
  const loser = held[0] ? other : first;
  await loser.screenshot({ path: join(pictures, "server-lost.png"), fullPage: true });
  // What is offered instead is free on this server, now.
  await loser.getByRole("button", { name: /余 \d+ 个号/ }).first().click();
  await loser.keyboard.press("Enter");
  await loser.getByRole("timer").waitFor();
  const audit = await command({ command: "audit" });
  assert.deepEqual([audit.sound, audit.counted.held], [true, 2]);
  await first.context().close();
  await other.context().close();
});

test("what one books, the page of another shows without being asked", async () => {
  const page = await visit();
  const found = await find((slot) => slot.free === 2, 1);
  await choose(page, place(found), time(found));
  const { session, slot } = found;
  const patient = "5f0c6f0f6c1d4b7e9a3d2e1f00112233";
  const answer = await command({ command: "hold", patient, session: session.session, slot: slot.slot, class: "public", channel: "web" });
  assert.equal(answer.outcome, "granted", JSON.stringify(answer));
  await page.getByRole("radio", { name: new RegExp(`${time(found).source}.*余 1 个号`) }).waitFor();
  await page.context().close();
});

test("who finds a time full waits for it", async () => {
  const page = await visit();
  const found = await find((slot) => slot.refusal?.code === "SLOT_FULL");
  await choose(page, place(found), time(found));
  await page.getByRole("button", { name: "加入候补" }).click();
  await page.getByText(/已加入候补/).first().waitFor();
  const { entries } = await command({ command: "waitlist", session: found.session.session });
  const patient = await key(page);
  assert.ok(entries.some((entry) => entry.patient === patient));
  await page.context().close();
});
