// The widget in a real Chromium, as people use it: by keyboard, by screen reader, large, narrow, elsewhere, in a race.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Engine, init } from "haoyuan";
import { hospital, PATIENTS } from "../../examples/hospital.js";
import { serve } from "../serve.mjs";
import { launch, package_, pictures } from "./chromium.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const NOW = Date.parse("2026-03-03T07:01:00+08:00");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** A page with nothing but the widget; its host is the server's engine, its clock stands where the test puts it. */
const PAGE = `<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>预约</title></head><body><main><h1>省第一医院</h1><haoyuan-booking></haoyuan-booking></main>
<script type="module" src="/js/booking.js"></script></body></html>`;

let browser, server, engine, now, failing, log, bearers;

before(async () => {
  await init();
  browser = await launch();
  server = await serve(package_, {
    api: (command, headers) => {
      log.push(command);
      bearers.push(headers.authorization);
      if (failing) throw new Error("the line is cut");
      return JSON.parse(engine.executeLine(JSON.stringify(command)));
    },
  });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** `token`: the page talks to the server by the widget's own protocol, with this token, instead of through an object. */
async function open({ attributes = {}, patients = PATIENTS.slice(0, 1), context = {}, fresh = true, seats, token } = {}) {
  if (fresh) {
    engine = hospital(Engine, { seats });
    [now, failing, log, bearers] = [NOW, false, [], []];
  }
  const page = await (await browser.newContext({ viewport: { width: 900, height: 1000 }, ...context })).newPage();
  page.setDefaultTimeout(8000);
  page.on("pageerror", (error) => assert.fail(String(error)));
  page.on("dialog", (dialog) => assert.fail(`a pop-up: ${dialog.message()}`));
  page.on("popup", () => assert.fail("a window of its own"));
  await page.route("**/blank", (route) => route.fulfill({ contentType: "text/html", body: PAGE }));
  await page.goto(`${server.origin}/blank`);
  await page.evaluate(
    ({ attributes, patients, now, token }) => {
      globalThis.clock = { now };
      const booking = document.querySelector("haoyuan-booking");
      for (const [name, value] of Object.entries(attributes)) booking.setAttribute(name, value);
      globalThis.events = [];
      for (const name of ["held", "booked", "cancelled", "refused", "waitlisted", "error"]) {
        booking.addEventListener(`haoyuan-${name}`, (event) => globalThis.events.push([name, event.detail]));
      }
      booking.patients = patients;
      if (token) {
        // There is no host that has a clock: the page's own stands where the test puts it.
        Date.now = () => globalThis.clock.now;
        booking.token = token;
        booking.setAttribute("src", "/api/");
        return;
      }
      booking.host = {
        now: () => globalThis.clock.now,
        execute: async (command) => {
          const response = await fetch("/api/commands", { method: "POST", body: JSON.stringify(command) });
          if (!response.ok) throw new Error("unreachable");
          return response.json();
        },
      };
    },
    { attributes, patients, now, token },
  );
  await page.getByRole("radio").first().waitFor();
  return page;
}

const said = (page, role) => page.evaluate((role) => document.querySelector("haoyuan-booking").shadowRoot.querySelector(`[role=${role}]`).textContent, role);
const focused = (page) => page.evaluate(() => document.querySelector("haoyuan-booking").shadowRoot.activeElement?.textContent ?? "");
const events = (page) => page.evaluate(() => globalThis.events.map(([name]) => name));

/** Chooses Dr Wang's Tuesday. */
async function tuesday(page, english = false) {
  await page.getByRole("radio", { name: "心内科" }).check();
  await page.getByRole("radio", { name: /^王医生/ }).check();
  await page.getByRole("radio", { name: english ? /^Tuesday 10 March 2026,\s*\d+ places/ : /^2026年3月10日 星期二，\s*余/ }).check();
}
/** Chooses Dr Li's Tuesday, whose first half-hour is full. */
async function full(page, english = false) {
  await page.getByRole("radio", { name: "心内科" }).check();
  await page.getByRole("radio", { name: /^李医生/ }).check();
  await page.getByRole("radio", { name: english ? /^Tuesday 10 March 2026/ : /^2026年3月10日 星期二/ }).first().check();
  await page.getByRole("radio", { name: english ? /08:00 to 08:30, 李医生,\s*Full/ : /08:00 至 08:30，李医生，\s*已约满/ }).check();
}
const slot = (page, from, english = false) =>
  page.getByRole("radio", { name: new RegExp(english ? `${from} to` : `${from} 至`) });

/**
 * From now on the server carries `word` out and answers with a problem instead, as `haoyuan serve` writes them; `undo` ends it.
 * Only for a page that has a token.
 */
async function problem(page, word, status, code) {
  const body = JSON.stringify({
    type: `urn:haoyuan:problem:${code}`, title: "no", status, detail: "no", outcome: "error", code, reason: "not now", reason_zh: "现在不行",
  });
  const answer = async (route) => {
    if (route.request().postDataJSON().command !== word) return route.continue();
    await route.fetch();
    return route.fulfill({ status, contentType: "application/problem+json", body });
  };
  await page.route("**/api/commands", answer);
  return () => page.unroute("**/api/commands", answer);
}

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
  // A contrast that axe cannot tell is one that nobody has checked.
  const unsure = found.incomplete.filter((v) => v.id === "color-contrast");
  return [...found.violations, ...unsure].map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
}

/** The smallest text, and the least width and height of anything that can be pressed, in CSS pixels. */
const measure = (page) =>
  page.evaluate(() => {
    const root = document.querySelector("haoyuan-booking").shadowRoot;
    const shown = [...root.querySelectorAll("*")].filter((e) => e.checkVisibility?.() && !e.closest(".heard"));
    const texts = shown.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
    const targets = [...root.querySelectorAll("button, input")].map((e) => e.getBoundingClientRect());
    return {
      text: Math.min(...texts.map((e) => Number.parseFloat(getComputedStyle(e).fontSize))),
      width: Math.min(...targets.map((r) => r.width)),
      height: Math.min(...targets.map((r) => r.height)),
    };
  });

/** Leads a page through all that the widget can show, and calls `look` with the name of each view. */
async function views(page, english, look) {
  const press = (zh, en) => page.getByRole("button", { name: english ? en : zh }).click();
  const heading = (zh, en) => page.getByRole("heading", { name: english ? en : zh }).waitFor();
  const pass = async (minutes) => {
    now += minutes * 60_000;
    await page.evaluate((now) => { globalThis.clock.now = now; }, now);
  };
  await full(page, english);
  await page.getByRole("button", { name: english ? "Join the waiting list" : "加入候补" }).waitFor();
  await look("full");
  await press("加入候补", "Join the waiting list");
  await page.getByText(english ? /You are on the waiting list/ : /已加入候补/).first().waitFor();
  await look("waiting");
  await tuesday(page, english);
  await slot(page, "08:00", english).check();
  await look("reserved");
  await slot(page, "10:00", english).check();
  await look("chosen");
  failing = true;
  await press(/锁定号源/, /hold this place/);
  await page.getByRole("button", { name: english ? "Try again" : "重试" }).waitFor();
  await look("unreachable");
  failing = false;
  await press(/锁定号源/, /hold this place/);
  await page.getByRole("timer").waitFor();
  await look("held");
  await pass(14.5);
  await page.getByRole("button", { name: english ? "Start the time anew" : "重新计时" }).waitFor();
  await look("late");
  await pass(1);
  await page.getByRole("button", { name: english ? "Hold it again" : "再次锁定" }).waitFor();
  await look("expired");
  await press("再次锁定", "Hold it again");
  await press("确认预约", "Confirm booking");
  await heading("预约成功", "Your visit is booked");
  await look("booked");
  await press("取消预约", "Cancel booking");
  await look("sure");
  await press("保留预约", "Keep it");
  await press("再约一个", "Book another visit");
  await slot(page, "14:00", english).check();
  // Others take what this page still shows as free.
  for (const patient of ["a", "b"].map((c) => c.repeat(32))) {
    engine.book({ at: now, patient, session: "CARD-0310-PM", slot: 0, class: "public", channel: "app" });
  }
  await press(/锁定号源/, /hold this place/);
  await heading("这个时间没有约上", "This time could not be booked");
  await look("lost");
}

describe("a booking from start to end", () => {
  test("by keyboard alone, with the focus where the eye is", async () => {
    const page = await open();
    const key = (...keys) => keys.reduce((before, k) => before.then(() => page.keyboard.press(k)), Promise.resolve());
    const until = async (words) => {
      for (let i = 0; i < 40; i += 1) {
        const name = await page.evaluate(() => {
          const active = document.querySelector("haoyuan-booking").shadowRoot.activeElement;
          return active ? (active.labels?.[0]?.textContent ?? active.textContent) : "";
        });
        if (words.test(name)) return;
        await key("Tab");
      }
      assert.fail(`the keyboard never reaches ${words}`);
    };
    await key("Tab");
    await until(/心内科/);
    await key("Space");
    await until(/李医生|王医生/);
    await key("Space", "ArrowDown"); // Li is first, Wang second
    await until(/3月9日/);
    await key("Space", "ArrowDown");
    await until(/08:00/);
    for (let i = 0; i < 4; i += 1) await key("ArrowDown");
    await until(/锁定号源/);
    await key("Enter");
    await page.getByText("已为您锁定号源").waitFor();
    assert.match(await focused(page), /已为您锁定号源/);
    await until(/确认预约/);
    await key("Enter");
    await page.getByRole("heading", { name: "预约成功" }).waitFor();
    assert.match(await focused(page), /预约成功/);
    assert.deepEqual(await events(page), ["held", "booked"]);
    await page.screenshot({ path: join(pictures, "booked.png") });
    const live = engine.bookings({ at: now, patient: PATIENTS[0].key }).bookings;
    assert.equal(live.length, 1);
    assert.equal(live[0].standing, "booked");
    // And back again, without a pop-up.
    await until(/取消预约/);
    await key("Enter");
    assert.match(await focused(page), /保留预约/);
    await key("Tab", "Enter");
    await page.getByRole("heading", { name: "预约挂号" }).waitFor();
    assert.match(await said(page, "status"), /预约已取消/);
    assert.equal(engine.bookings({ at: now, patient: PATIENTS[0].key }).bookings.length, 0);
    await page.context().close();
  });

  test("for somebody else: only the key of the person chosen is sent", async () => {
    const page = await open({ patients: PATIENTS });
    await page.getByRole("radio", { name: "母亲" }).check();
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText("已为您锁定号源").waitFor();
    assert.equal(log.find((command) => command.command === "hold").patient, PATIENTS[1].key);
    assert.ok(!JSON.stringify(log).includes("母亲"));
    await page.context().close();
  });

  test("nothing is held before the next-step button", async () => {
    const page = await open();
    await tuesday(page);
    await slot(page, "10:00").check();
    await slot(page, "10:30").check();
    assert.deepEqual([...new Set(log.map((command) => command.command))], ["schedule"]);
    await page.context().close();
  });

  test("a line that breaks is told, and the same wish under the same key books once", async () => {
    const page = await open();
    await tuesday(page);
    await slot(page, "10:00").check();
    failing = true;
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText("暂时连不上医院").first().waitFor();
    assert.match(await said(page, "alert"), /暂时连不上医院/);
    failing = false;
    assert.ok(await slot(page, "10:00").isChecked());
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText("已为您锁定号源").waitFor();
    const holds = log.filter((command) => command.command === "hold");
    assert.deepEqual([holds.length, holds[0].key], [2, holds[1].key]);
    await page.context().close();
  });
});

describe("what the page sets and hears", () => {
  const asked = (word) => log.filter(({ command }) => command === word);
  const set = (page, name, value) => page.evaluate(({ name, value }) => document.querySelector("haoyuan-booking").setAttribute(name, value), { name, value });

  test("`institution`, `days`, `channel` and `patient-class` are asked for, and asked anew when they change", async () => {
    const page = await open({ attributes: { days: "8", channel: "wechat" } });
    const told = () => {
      const { institution, from, to, channel, class: right } = asked("schedule").at(-1);
      return { institution, from, to, channel, right };
    };
    assert.deepEqual(told(), { institution: undefined, from: "2026-03-03", to: "2026-03-10", channel: "wechat", right: "public" });
    const skin = page.getByRole("radio", { name: "皮肤科" });
    await skin.waitFor();
    // Friday is the last of four days: what is on Tuesday is gone.
    await set(page, "days", "4");
    await skin.waitFor({ state: "detached" });
    assert.deepEqual(told(), { institution: undefined, from: "2026-03-03", to: "2026-03-06", channel: "wechat", right: "public" });
    await set(page, "days", "8");
    await set(page, "patient-class", "contract");
    await skin.waitFor();
    // Another hospital comes in, and goes with the attribute.
    engine.directory({
      at: now,
      entries: {
        institution: [{ code: "SY2", name: "市第二医院", tier: "secondary" }],
        department: [{ institution: "SY2", code: "ENT", name: "耳鼻喉科" }],
        practitioner: [{ code: "QIAN", name: "钱医生", sites: ["SY2"] }],
      },
    });
    const session = { code: "ENT-0310", institution: "SY2", department: "ENT", practitioner: "QIAN", grade: "ordinary" };
    engine.publish({ at: now, session: { ...session, from: "2026-03-10T08:00:00+08:00", to: "2026-03-10T09:00:00+08:00", slot_minutes: 30, seats: 2 } });
    await page.evaluate(() => document.querySelector("haoyuan-booking").refresh());
    const second = page.getByRole("radio", { name: "市第二医院 耳鼻喉科" });
    await second.waitFor();
    await set(page, "institution", "SY1");
    await second.waitFor({ state: "detached" });
    await skin.waitFor();
    assert.deepEqual(told(), { institution: "SY1", from: "2026-03-03", to: "2026-03-10", channel: "wechat", right: "contract" });
    await tuesday(page);
    await page.getByRole("radio", { name: /10:00 至 10:30/ }).check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText(/已为您锁定号源|这个时间没有约上/).first().waitFor();
    assert.deepEqual(asked("hold").map((wish) => [wish.channel, wish.class]), [["wechat", "contract"]]);
    await page.context().close();
  });

  test("a person's own `class` and `ticket` go with the wish, and the refusal is an event", async () => {
    const referred = { ...PATIENTS[0], class: "referral_secondary", ticket: "abc123" };
    const page = await open({ patients: [PATIENTS[1], referred], attributes: { "patient-class": "public" } });
    await page.getByRole("radio", { name: "本人" }).check();
    await tuesday(page);
    // Free for this class alone.
    await page.getByRole("radio", { name: /08:00 至 08:30，王医生，\s*余 1 个号/ }).check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByRole("heading", { name: "这个时间没有约上" }).waitFor();
    const [{ patient, class: right, ticket }] = asked("hold");
    assert.deepEqual([patient, right, ticket], [referred.key, "referral_secondary", "abc123"]);
    const [[name, detail]] = await page.evaluate(() => globalThis.events);
    const refusal = engine.hold({ ...asked("hold")[0], key: undefined });
    assert.deepEqual([name, detail.kind, detail.code, detail.message], ["refused", "refused", refusal.code, refusal.message]);
    await page.context().close();
  });

  test("`texts` replaces single ones; `cancelled` and `error` say what was given back and what is wrong", async () => {
    const page = await open();
    await page.evaluate(() => { document.querySelector("haoyuan-booking").texts = { title: "网上挂号", next: "先占一个号" }; });
    await page.getByRole("heading", { name: "网上挂号" }).waitFor();
    const texts = await page.evaluate(() => { const { title, retry } = document.querySelector("haoyuan-booking").texts; return { title, retry }; });
    assert.deepEqual(texts, { title: "网上挂号", retry: "重试" });
    await tuesday(page);
    await slot(page, "10:00").check();
    failing = true;
    await page.getByRole("button", { name: "先占一个号" }).click();
    await page.getByRole("button", { name: "重试" }).waitFor();
    failing = false;
    await page.getByRole("button", { name: "先占一个号" }).click();
    await page.getByRole("timer").waitFor();
    const [{ booking }] = engine.bookings({ at: now, patient: PATIENTS[0].key }).bookings;
    await page.getByRole("button", { name: "放弃" }).click();
    await page.getByRole("heading", { name: "网上挂号" }).waitFor();
    const [[, error], [, held], [, cancelled]] = await page.evaluate(() => globalThis.events);
    assert.deepEqual(await events(page), ["error", "held", "cancelled"]);
    assert.deepEqual([error.kind, error.reason], ["unreachable", "unreachable"]);
    assert.deepEqual([held.booking, cancelled.booking, cancelled.session], [booking, booking, "CARD-0310-AM"]);
    await page.context().close();
  });
});

describe("a server that passes something", () => {
  const live = (person = PATIENTS[0]) => engine.bookings({ at: now, patient: person.key }).bookings.map(({ standing }) => standing);

  test("a hold that was decided and not acknowledged is asked for under the same key, even if the seat was the last", async () => {
    const page = await open({ token: "t0ken", seats: 2 });
    await tuesday(page);
    await page.getByRole("radio", { name: /至 .*王医生，\s*余 1 个号/ }).last().check();
    const undo = await problem(page, "hold", 503, "NOT_DURABLE");
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText("暂时连不上医院").first().waitFor();
    await undo();
    assert.deepEqual(live(), ["held"]);
    // What the page shows meanwhile counts the seat as taken: by this patient, as far as anybody knows.
    await page.getByRole("button", { name: "重试" }).click();
    await page.getByRole("button", { name: "重试" }).waitFor({ state: "detached" });
    assert.equal(await page.getByRole("button", { name: /锁定号源/ }).getAttribute("aria-disabled"), null);
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByRole("timer").waitFor();
    const holds = log.filter((command) => command.command === "hold");
    assert.deepEqual([holds.length, holds[0].key, live().length], [2, holds[1].key, 1]);
    assert.deepEqual(await events(page), ["error", "held"]);
    await page.context().close();
  });

  for (const [status, code, words] of [
    [503, "UNAVAILABLE", /暂时连不上医院/],
    [429, "TOO_MANY_REQUESTS", /暂时连不上医院/],
    [401, "UNAUTHENTICATED", /登录已失效/],
    [422, "MALFORMED", /现在不行/],
  ]) {
    test(`a confirmation that is answered with ${status} leaves the hold and its countdown`, async () => {
      const page = await open({ token: "t0ken" });
      await tuesday(page);
      await slot(page, "10:00").check();
      await page.getByRole("button", { name: /锁定号源/ }).click();
      await page.getByRole("timer").waitFor();
      const undo = await problem(page, "confirm", status, code);
      await page.getByRole("button", { name: "确认预约" }).click();
      await page.getByText(words).first().waitFor();
      assert.match(await said(page, "alert"), words);
      assert.match(await page.getByRole("timer").textContent(), /剩余 1\d 分/);
      await undo();
      if (status === 401) {
        // The page hears of it, and a new token is used at once.
        assert.deepEqual(await page.evaluate(() => [globalThis.events.at(-1)[1].status, globalThis.events.at(-1)[1].code]), [401, code]);
        await page.evaluate(() => { document.querySelector("haoyuan-booking").token = "another"; });
        await page.getByRole("button", { name: "重试" }).waitFor({ state: "detached" });
        assert.equal(bearers.at(-1), "Bearer another");
      }
      await page.getByRole("button", { name: "确认预约" }).click();
      await page.getByRole("heading", { name: "预约成功" }).waitFor();
      assert.deepEqual([live(), await events(page)], [["booked"], ["held", "error", "booked"]]);
      await page.context().close();
    });
  }

  test("a new time that was not acknowledged ends the old countdown, and is asked for again under its key", async () => {
    const page = await open({ token: "t0ken" });
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByRole("timer").waitFor();
    now += 10 * 60_000;
    await page.evaluate((now) => { globalThis.clock.now = now; }, now);
    const undo = await problem(page, "hold", 503, "NOT_DURABLE");
    await page.getByRole("button", { name: "重新计时" }).click();
    await page.getByRole("button", { name: "再次锁定" }).waitFor();
    await undo();
    await page.getByRole("button", { name: "再次锁定" }).click();
    await page.getByText(/剩余 1[45] 分/).waitFor();
    const [, second, third, more] = log.filter((command) => command.command === "hold");
    assert.deepEqual([second.key, more, live()], [third.key, undefined, ["held"]]);
    await page.context().close();
  });

  test("a seat stays with whom it was granted to, whatever patients the page sets meanwhile", async () => {
    const page = await open({ patients: PATIENTS });
    const set = (patients) => page.evaluate((patients) => { document.querySelector("haoyuan-booking").patients = patients; }, patients);
    await page.getByRole("radio", { name: "母亲" }).check();
    // The same people in another order are the same people.
    await set([PATIENTS[1], PATIENTS[0]]);
    assert.ok(await page.getByRole("radio", { name: "母亲" }).isChecked());
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByRole("timer").waitFor();
    await set(PATIENTS.slice(0, 1));
    await page.getByRole("button", { name: "确认预约" }).click();
    await page.getByRole("heading", { name: "预约成功" }).waitFor();
    assert.equal(await page.getByText("母亲").count(), 1);
    assert.deepEqual([live(PATIENTS[1]), live()], [["booked"], []]);
    await page.getByRole("button", { name: "取消预约" }).click();
    await page.getByRole("button", { name: "确定取消" }).click();
    await page.getByRole("heading", { name: "预约挂号" }).waitFor();
    assert.deepEqual(live(PATIENTS[1]), []);
    // And then it is whom the page named last.
    await slot(page, "10:30").check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByRole("timer").waitFor();
    assert.deepEqual([live(PATIENTS[1]), live()], [[], ["held"]]);
    await page.context().close();
  });

  test("what is wrong with a command is said in the language of the widget, from a server and from an engine in the page", async () => {
    const nobody = { key: "nobody", label: "本人" };
    const says = async (page, words) => {
      await tuesday(page);
      await page.getByRole("radio", { name: /10:00 (至|to)/ }).check();
      await page.getByRole("button", { name: /锁定号源|hold this place/ }).click();
      await page.getByText(words).first().waitFor();
    };
    const { reason, reason_zh } = JSON.parse(hospital(Engine).executeLine(JSON.stringify({ command: "bookings", at: "2026-03-03T07:01:00+08:00", patient: "nobody" })));
    assert.match(reason_zh, /\p{Script=Han}/u);
    const literally = (text) => new RegExp(text.replaceAll(/[^\p{L}\p{N} ]/gu, "."), "u");
    const page = await open({ patients: [nobody], token: "t0ken" });
    await says(page, literally(reason_zh));
    await page.getByRole("button", { name: "English" }).click();
    await page.getByText(literally(reason)).first().waitFor();
    await page.context().close();
    const alone = await browser.newPage();
    await alone.goto(`${server.origin}/examples/plain/`);
    await alone.waitForFunction(() => globalThis.ready);
    await alone.evaluate((nobody) => { document.querySelector("haoyuan-booking").patients = [nobody]; }, nobody);
    await says(alone, literally(reason_zh));
    await alone.close();
  });
});

describe("what is heard", () => {
  test("every time names its date, weekday, hours and practitioner; what cannot be had says why in words", async () => {
    const page = await open();
    await tuesday(page);
    const tree = await page.locator("haoyuan-booking").ariaSnapshot();
    assert.match(tree, /radio "2026年3月10日 星期二，10:00 至 10:30，王医生，\s*余 2 个号/);
    assert.match(tree, /radio "2026年3月10日 星期二，08:00 至 08:30，王医生，\s*为二级医院转诊患者预留至 3月9日 08:00"/);
    assert.match(tree, /group "上午"/);
    assert.match(tree, /group "下午"/);
    await page.getByRole("button", { name: "English" }).click();
    const english = await page.locator("haoyuan-booking").ariaSnapshot();
    assert.match(english, /radio "Tuesday 10 March 2026, 10:00 to 10:30, 王医生,\s*2 places left/);
    assert.match(english, /radio "Tuesday 10 March 2026, 08:00 to 08:30, 王医生,\s*Reserved for referrals from secondary hospitals until 9 March, 08:00"/);
    assert.match(english, /group "Morning"/);
    assert.match(english, /group "Afternoon"/);
    await page.getByRole("button", { name: "中文" }).click();
    // A class with a right of its own is told of its own seats.
    await page.evaluate(() => document.querySelector("haoyuan-booking").setAttribute("patient-class", "referral_secondary"));
    await page.getByRole("radio", { name: /08:00 至 08:30，王医生，\s*余 1 个号/ }).waitFor();
    await page.context().close();
  });

  test("a full time is shown, says so, and offers others and the waiting list", async () => {
    const page = await open();
    await full(page);
    await page.getByText("为什么不能约").waitFor();
    assert.equal(await page.getByRole("button", { name: /锁定号源/ }).getAttribute("aria-disabled"), "true");
    // It can be reached and pressed, and says what is missing: a disabled button would be silent.
    await page.getByRole("button", { name: /锁定号源/ }).focus();
    await page.keyboard.press("Enter");
    assert.match(await said(page, "alert"), /请先选择一个时间/);
    await page.getByRole("button", { name: "加入候补" }).waitFor();
    await page.getByRole("button", { name: /08:30–09:00，李医生/ }).click();
    assert.ok(await slot(page, "08:30").isChecked());
    assert.match(await focused(page), /锁定号源/);
    await page.context().close();
  });

  test("the time that is left is announced at five minutes, at one, and at its end, and can start anew", async () => {
    const page = await open();
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.getByRole("button", { name: /锁定号源/ }).click();
    await page.getByText("已为您锁定号源").waitFor();
    const pass = async (minutes) => {
      now += minutes * 60_000;
      await page.evaluate((now) => { globalThis.clock.now = now; }, now);
      await page.waitForTimeout(1200);
    };
    await pass(5);
    assert.equal(await said(page, "status"), "");
    await pass(5);
    assert.match(await said(page, "status"), /5 分钟/);
    assert.match(await page.getByRole("timer").textContent(), /剩余 5 分/);
    await page.getByRole("button", { name: "重新计时" }).click();
    await page.getByText(/剩余 15 分/).waitFor();
    await pass(14);
    assert.match(await said(page, "status"), /1 分钟/);
    await pass(1);
    assert.match(await said(page, "alert"), /锁定已到期/);
    assert.equal(await page.getByRole("button", { name: "确认预约" }).count(), 0);
    await page.getByRole("button", { name: "再次锁定" }).click();
    await page.getByText(/剩余 15 分/).waitFor();
    await page.getByRole("button", { name: "确认预约" }).click();
    await page.getByRole("heading", { name: "预约成功" }).waitFor();
    assert.equal(engine.bookings({ at: now, patient: PATIENTS[0].key }).bookings.length, 1);
    assert.equal(engine.audit({ at: now }).sound, true);
    await page.context().close();
  });
});

describe("the waiting list", () => {
  for (const token of [undefined, "t0ken"]) {
    test(`is joined through ${token ? "a URL, with the token as bearer" : "an object"}, once; joining again says that one waits`, async () => {
      const page = await open({ token });
      await full(page);
      await page.getByRole("button", { name: "加入候补" }).click();
      await page.getByText("已加入候补").first().waitFor();
      assert.match(await said(page, "status"), /已加入候补/);
      assert.deepEqual(await events(page), ["waitlisted"]);
      const waiting = engine.execute({ command: "waitlist", at: now, session: "CARD-0310-LI" }).entries;
      assert.deepEqual(waiting.map((entry) => entry.patient), [PATIENTS[0].key]);
      assert.deepEqual(await violations(page), []);
      await page.getByRole("button", { name: "加入候补" }).click();
      await page.getByText("该患者已在本排班候补中").first().waitFor();
      assert.match(await said(page, "alert"), /已在本排班候补中/);
      assert.equal(engine.execute({ command: "waitlist", at: now, session: "CARD-0310-LI" }).entries.length, 1);
      assert.deepEqual([...new Set(bearers)], [token && `Bearer ${token}`]);
      await page.context().close();
    });
  }

  test("leads to a hold like any other if a place is free by then", async () => {
    const page = await open();
    await full(page);
    await page.getByRole("button", { name: "加入候补" }).waitFor();
    // A booking goes between the look and the click: the engine holds the seat for whoever joins.
    const gone = { at: now, patient: (0x1007).toString(16).padStart(32, "0") };
    const [{ booking }] = engine.bookings(gone).bookings;
    await page.evaluate(() => {
      const { host } = document.querySelector("haoyuan-booking");
      const { execute } = host;
      host.execute = async (command) => {
        const answer = await execute(command);
        if (command.command === "waitlist_join" && answer.outcome === "done") await globalThis.cancelOne();
        return command.command === "waitlist_join" && answer.outcome === "done" ? { ...answer, ...(await globalThis.entry()) } : answer;
      };
    });
    await page.exposeFunction("cancelOne", () => engine.cancel({ ...gone, booking }).kind);
    await page.exposeFunction("entry", () => engine.execute({ command: "waitlist", at: now, session: "CARD-0310-LI" }).entries[0]);
    await page.getByRole("button", { name: "加入候补" }).click();
    await page.getByText("已为您锁定号源").waitFor();
    assert.deepEqual(await events(page), ["waitlisted", "held"]);
    await page.getByRole("button", { name: "确认预约" }).click();
    await page.getByRole("heading", { name: "预约成功" }).waitFor();
    assert.equal(engine.bookings({ at: now, patient: PATIENTS[0].key }).bookings[0].standing, "booked");
    await page.context().close();
  });

  test("is not offered where the host has none", async () => {
    const page = await open();
    await page.evaluate(() => {
      const { host } = document.querySelector("haoyuan-booking");
      const { execute } = host;
      host.execute = async (command) => {
        if (command.command !== "waitlist_join") return execute(command);
        globalThis.wasAsked = true;
        return { outcome: "error", field: "command", reason: "there is no such command" };
      };
    });
    await full(page);
    await page.waitForFunction(() => globalThis.wasAsked);
    await page.getByText("为什么不能约").waitFor();
    assert.equal(await page.getByRole("button", { name: "加入候补" }).count(), 0);
    await page.context().close();
  });
});

describe("what is seen", () => {
  for (const lang of ["zh-CN", "en"]) {
    for (const elder of [false, true]) {
      test(`axe finds nothing in ${lang}, ${elder ? "elder, and all is as large as it says" : "standard"}, in any view`, async () => {
        const attributes = { lang, ...(elder ? { elder: "", "text-size": "18" } : {}) };
        const page = await open({ attributes, patients: PATIENTS, context: { reducedMotion: "reduce" } });
        await views(page, lang === "en", async (view) => {
          await page.screenshot({ path: join(pictures, `${lang}-${elder ? "elder" : "standard"}-${view}.png`), fullPage: true });
          assert.deepEqual(await violations(page), [], view);
          if (!elder) return;
          const least = await measure(page);
          assert.ok(least.text >= 18 && least.width >= 60 && least.height >= 60, `${view}: ${JSON.stringify(least)}`);
        });
        await page.context().close();
      });
    }
  }

  test("morning, afternoon and night are groups; what is quieter says so; what is full does not", async () => {
    const page = await open();
    await tuesday(page);
    const quiet = page.getByRole("radio", { name: /人少，推荐/ });
    assert.ok((await quiet.count()) > 0);
    for (const name of await quiet.evaluateAll((all) => all.map((radio) => radio.labels[0].textContent))) {
      // The first three half-hours are the ones that others have booked.
      assert.match(name, /余 \d 个号/);
      assert.doesNotMatch(name, /08:00 至|08:30 至|09:00 至/);
    }
    await page.getByRole("radio", { name: /^李医生/ }).check();
    await page.getByRole("radio", { name: /^2026年3月6日/ }).first().check();
    const night = page.getByRole("group", { name: "夜间" });
    assert.deepEqual(await night.getByRole("radio").evaluateAll((all) => all.map((radio) => radio.type)), ["radio", "radio", "radio", "radio"]);
    assert.equal(await page.getByRole("group", { name: "上午" }).count(), 0);
    await page.context().close();
  });

  test("the page's own style reaches the parts and the variables, and no other style does", async () => {
    const page = await open();
    await page.addStyleTag({
      content: "haoyuan-booking { --haoyuan-accent: rgb(120, 0, 80) } haoyuan-booking::part(next) { letter-spacing: 3px } button { color: rgb(1, 2, 3) !important }",
    });
    await tuesday(page);
    await slot(page, "10:00").check();
    const next = await page.getByRole("button", { name: /锁定号源/ }).evaluate((button) => {
      const { backgroundColor, letterSpacing, color } = getComputedStyle(button);
      return { backgroundColor, letterSpacing, color };
    });
    assert.deepEqual(next, { backgroundColor: "rgb(120, 0, 80)", letterSpacing: "3px", color: "rgb(255, 255, 255)" });
    const parts = await page.evaluate(() => [...new Set([...document.querySelector("haoyuan-booking").shadowRoot.querySelectorAll("[part]")].flatMap((e) => [...e.part]))]);
    for (const part of ["box", "head", "title", "group", "choice", "unavailable", "next"]) assert.ok(parts.includes(part), part);
    await page.context().close();
  });

  test("the language changes under the hand: everything is said anew and the choice stands", async () => {
    const page = await open();
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.getByRole("button", { name: "English" }).click();
    assert.ok(await slot(page, "10:00", true).isChecked());
    assert.match(await focused(page), /中文/);
    await page.getByRole("button", { name: "Next: hold this place" }).click();
    await page.getByRole("heading", { name: /This place is held/ }).waitFor();
    const words = await page.evaluate(() => document.querySelector("haoyuan-booking").shadowRoot.querySelector(".box").textContent);
    // Names of people and places are the hospital's; everything else has changed.
    assert.doesNotMatch(words.replaceAll(/省第一医院|心内科|王医生|本人|中文/g, ""), /\p{Script=Han}/u);
    await page.context().close();
  });

  test("axe is awake: it sees every colour of the choices, under their inputs, and finds a name that is missing", async () => {
    const page = await open({ context: { reducedMotion: "reduce" } });
    await tuesday(page);
    await page.evaluate(axe);
    for (const [variable, where] of [["text", "strong"], ["muted", ".no"], ["good", ".state"], ["accent", ".quiet"], ["soft", ".no"]]) {
      const style = await page.addStyleTag({ content: `haoyuan-booking { --haoyuan-${variable}: #8f8f8f }` });
      const weak = await page.evaluate(
        async ({ rule, where }) => {
          const { violations } = await globalThis.axe.run(document, { runOnly: { type: "rule", values: [rule] } });
          const root = document.querySelector("haoyuan-booking").shadowRoot;
          return violations.flatMap((v) => v.nodes).some(({ target }) => root.querySelector(target.flat().at(-1))?.closest(`label ${where}, ${where} label`));
        },
        { rule: "color-contrast", where },
      );
      assert.ok(weak, variable);
      await style.evaluate((element) => element.remove());
    }
    assert.deepEqual(await violations(page), []);
    await page.evaluate(() => document.querySelector("haoyuan-booking").shadowRoot.querySelector(".box").append(document.createElement("button")));
    assert.ok((await violations(page)).some((v) => v.startsWith("button-name")));
    await page.context().close();
  });

  test("the elder mode is as large as it says, up to 30 px, and every target is at least 60 px", async () => {
    const page = await open({ attributes: { elder: "", "text-size": "18" } });
    await tuesday(page);
    await slot(page, "10:00").check();
    const small = await measure(page);
    assert.ok(small.text >= 18 && small.width >= 60 && small.height >= 60, JSON.stringify(small));
    for (let i = 0; i < 10; i += 1) await page.getByRole("button", { name: "放大文字" }).click();
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("haoyuan-booking")).fontSize), "30px");
    await page.screenshot({ path: join(pictures, "elder-30px.png"), fullPage: true });
    await page.context().close();
  });

  for (const [what, context] of [
    ["320 px", { viewport: { width: 320, height: 640 } }],
    ["200 % zoom", { viewport: { width: 640, height: 512 }, deviceScaleFactor: 2 }],
  ]) {
    test(`nothing is cut off at ${what}, in both modes`, async () => {
      for (const attributes of [{}, { elder: "", "text-size": "30" }, { lang: "en", elder: "" }]) {
        const page = await open({ context, attributes });
        const english = attributes.lang === "en";
        await tuesday(page, english);
        await slot(page, "10:00", english).check();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wide, 0, JSON.stringify(attributes));
        await page.screenshot({ path: join(pictures, `${what.replace(/\W+/g, "")}${attributes.elder === "" ? "-elder" : ""}${english ? "-en" : ""}.png`), fullPage: true });
        await page.context().close();
      }
    });
  }

  test("forced colours and paper keep what matters", async () => {
    const page = await open({ context: { forcedColors: "active", reducedMotion: "reduce" } });
    await tuesday(page);
    await slot(page, "10:00").check();
    await page.screenshot({ path: join(pictures, "forced-colors.png"), fullPage: true });
    const style = await page.evaluate(() => {
      const label = document.querySelector("haoyuan-booking").shadowRoot.querySelector("input:checked + label");
      const { outlineStyle, transitionDuration } = getComputedStyle(label);
      return { outlineStyle, transitionDuration };
    });
    assert.deepEqual(style, { outlineStyle: "solid", transitionDuration: "0s" });
    await page.emulateMedia({ media: "print", forcedColors: "none" });
    assert.equal(await page.getByRole("button").count(), 0);
    await page.context().close();
  });

  test("the hospital's time is the same everywhere, on the day the clocks change, too", async () => {
    const seen = [];
    for (const timezoneId of ["Asia/Shanghai", "America/New_York", "Pacific/Chatham"]) {
      // New York goes to summer time on 8 March 2026.
      const page = await open({ context: { timezoneId } });
      await page.evaluate(() => { globalThis.clock.now = Date.parse("2026-03-08T15:30:00+08:00"); });
      await page.evaluate(() => document.querySelector("haoyuan-booking").refresh());
      await tuesday(page);
      seen.push(await page.locator("haoyuan-booking").ariaSnapshot());
      await page.context().close();
    }
    assert.match(seen[0], /2026年3月10日 星期二，10:00 至 10:30/);
    assert.equal(seen[1], seen[0].replaceAll(/hy\d+/g, ""));
    assert.equal(seen[2], seen[0]);
  });
});

describe("with others", () => {
  test("two pages race for the last seat: one has it, the other is told and led on", async () => {
    const first = await open({ seats: 2 });
    const other = await open({ fresh: false, patients: [PATIENTS[1]] });
    for (const page of [first, other]) {
      await tuesday(page);
      await page.getByRole("radio", { name: /至 .*王医生，\s*余 1 个号/ }).first().check();
    }
    const press = (page) => page.getByRole("button", { name: /锁定号源/ }).click();
    await Promise.all([press(first), press(other)]);
    await Promise.all([first, other].map((page) => page.getByText(/已为您锁定号源|这个时间没有约上/).first().waitFor()));
    const held = await Promise.all([first, other].map((page) => page.getByRole("timer").count()));
    assert.equal(held[0] + held[1], 1);
    const loser = held[0] ? other : first;
    assert.match(await focused(loser), /这个时间没有约上/);
    await loser.screenshot({ path: join(pictures, "lost.png"), fullPage: true });
    assert.deepEqual(await violations(loser), []);
    await loser.getByRole("button", { name: /王医生，余/ }).first().click();
    assert.match(await focused(loser), /锁定号源/);
    await loser.keyboard.press("Enter");
    await loser.getByRole("timer").waitFor();
    assert.equal(engine.audit({ at: now }).counted.held, 2);
    await first.context().close();
    await other.context().close();
  });

  test("500 widgets come and go and leave nothing behind", async () => {
    const page = await open();
    const client = await page.context().newCDPSession(page);
    const round = (times) =>
      page.evaluate(async (times) => {
        const host = document.querySelector("haoyuan-booking").host;
        for (let i = 0; i < times; i += 1) {
          const booking = document.createElement("haoyuan-booking");
          booking.host = { now: host.now, execute: (command) => ({ kind: "done", institutions: [], departments: [], practitioners: [], sessions: [] }) };
          document.body.append(booking);
          await new Promise((done) => setTimeout(done));
          booking.remove();
        }
        globalThis.gc?.();
        await new Promise((done) => setTimeout(done, 50));
        globalThis.gc?.();
      }, times);
    const measure = async () => {
      await client.send("HeapProfiler.collectGarbage");
      const { metrics } = await client.send("Performance.getMetrics");
      return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    };
    await client.send("Performance.enable");
    await round(50);
    const before = await measure();
    await round(500);
    const after_ = await measure();
    const grown = { heap: after_.JSHeapUsedSize - before.JSHeapUsedSize, nodes: after_.Nodes - before.Nodes, listeners: after_.JSEventListeners - before.JSEventListeners };
    console.log(`500 mount/unmount cycles: heap ${grown.heap} bytes, nodes ${grown.nodes}, listeners ${grown.listeners}`);
    assert.ok(grown.heap < 500_000 && grown.nodes < 100 && grown.listeners < 50, JSON.stringify(grown));
    await page.context().close();
  });
});

test("the plain page books with nothing but HTML and the package's files", async () => {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(`${server.origin}/examples/plain/`);
  await page.waitForFunction(() => globalThis.ready);
  await tuesday(page);
  await slot(page, "10:00").check();
  await page.getByRole("button", { name: /锁定号源/ }).click();
  await page.getByRole("button", { name: "确认预约" }).click();
  await page.getByRole("heading", { name: "预约成功" }).waitFor();
  assert.deepEqual(wrong, []);
  await page.close();
});

test("the kiosk needs no network and no more rights than its policy gives, and remembers over a restart", async () => {
  const context = await browser.newContext({ viewport: { width: 1080, height: 1400 } });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && !/favicon|404/.test(message.text()) && wrong.push(message.text()));
  await page.goto(`${server.origin}/examples/kiosk/`);
  await page.waitForFunction(() => globalThis.ready);
  await context.setOffline(true);
  await page.getByRole("radio", { name: "心内科" }).check();
  await page.getByRole("radio", { name: /^王医生/ }).check();
  const free = page.getByRole("radio", { name: /至 .*王医生，\s*余 \d/ });
  await free.first().check();
  await page.getByRole("button", { name: /锁定号源/ }).click();
  await page.getByRole("button", { name: "确认预约" }).click();
  await page.getByRole("heading", { name: "预约成功" }).waitFor();
  await page.screenshot({ path: join(pictures, "kiosk.png") });
  const hash = await page.evaluate(() => globalThis.kiosk.hash());
  await context.setOffline(false);
  await page.reload();
  await page.waitForFunction(() => globalThis.ready);
  assert.equal(await page.evaluate(() => globalThis.kiosk.hash()), hash);
  assert.deepEqual(wrong, []);
  await context.close();
});
