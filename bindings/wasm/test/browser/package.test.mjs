// The package as npm packs it, in an empty project: in Node, in plain HTML under a strict policy, through Vite and webpack.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../serve.mjs";
import { launch, package_ } from "./chromium.mjs";

// No inline script, no eval: WebAssembly alone is let through.
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; base-uri 'none'";
let project, browser;

before(async () => {
  browser = await launch();
  project = mkdtempSync(join(tmpdir(), "haoyuan-package-"));
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", project], { cwd: package_, encoding: "utf8" }).trim();
  const modules = join(project, "node_modules/haoyuan");
  mkdirSync(modules, { recursive: true });
  execFileSync("tar", ["-xzf", join(project, packed.split("\n").pop()), "-C", modules, "--strip-components=1"]);
  cpSync(join(package_, "examples/vite"), join(project, "app"), { recursive: true });
  copyFileSync(join(package_, "examples/hospital.js"), join(project, "app/hospital.js"));
  writeFileSync(join(project, "package.json"), '{"type":"module","private":true}');
});
after(async () => {
  await browser?.close();
  if (project) rmSync(project, { recursive: true });
});

/** Opens the page and waits for its slots; nothing may be refused by the policy or missing. */
async function shows(root, path, headers = {}) {
  const server = await serve(root, { headers });
  const page = await browser.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && !/favicon|404/.test(message.text()) && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(server.origin + path);
  await page.waitForFunction(() => globalThis.ready, null, { timeout: 15_000 }).catch(() => assert.fail(wrong.join("\n")));
  await page.getByRole("radio", { name: "心内科" }).waitFor();
  const slots = await page.evaluate(() => globalThis.ready);
  await page.close();
  await server.close();
  assert.deepEqual(wrong, []);
  assert.equal(slots, 38);
}

test("in Node, from every entry", () => {
  const script = `
    import { createRequire } from "node:module";
    import { existsSync } from "node:fs";
    import { init, Engine } from "haoyuan";
    import * as inline from "haoyuan/inline";
    import * as feed from "haoyuan/feed";
    import * as feedInline from "haoyuan/feed/inline";
    import { REFUSALS } from "haoyuan/refusals";
    import "haoyuan/booking";
    await Promise.all([init(), inline.init(), feed.init(), feedInline.init()]);
    const at = "2026-03-03T07:00:00+08:00";
    const wasm = ["haoyuan/haoyuan.wasm", "haoyuan/feed.wasm"].map((name) => existsSync(createRequire(import.meta.url).resolve(name)));
    const feed_ = new Engine().feed({ at, from: "2026-03-03", to: "2026-03-03" });
    console.log(new inline.Engine().stateHash(at) === new Engine().stateHash(at), new feed.Feed(feed_).slotCount,
      new feedInline.Feed(feed_).slotCount, Object.keys(REFUSALS).length > 20, ...wasm);`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: project, encoding: "utf8" });
  assert.equal(said.trim(), "true 0 0 true true true");
});

test("in plain HTML, under a strict content security policy", async () => {
  const page = readFileSync(join(project, "app/index.html"), "utf8").replace("./main.js", "./plain.js");
  writeFileSync(join(project, "app/plain.html"), page);
  const main = readFileSync(join(project, "app/main.js"), "utf8")
    .replace('"haoyuan"', '"../node_modules/haoyuan/js/index.js"')
    .replace('"haoyuan/booking"', '"../node_modules/haoyuan/js/booking.js"');
  writeFileSync(join(project, "app/plain.js"), main);
  await shows(project, "/app/plain.html", { "content-security-policy": CSP });
});

test("the policy is awake: without 'wasm-unsafe-eval' nothing runs", async () => {
  const csp = CSP.replace("'wasm-unsafe-eval'", "");
  await assert.rejects(shows(project, "/app/plain.html", { "content-security-policy": csp }), /wasm-unsafe-eval|WebAssembly/);
});

test("the widget alone needs no right but its own script and style", async () => {
  writeFileSync(join(project, "app/widget.html"), readFileSync(join(project, "app/index.html"), "utf8").replace("./main.js", "./widget.js"));
  const { init, Engine } = await import("haoyuan");
  const { hospital, OPENED } = await import("../../examples/hospital.js");
  await init();
  const schedule = hospital(Engine).schedule({ at: OPENED, class: "public", channel: "web", from: "2026-03-03", to: "2026-03-10" });
  const main = `import "../node_modules/haoyuan/js/booking.js";
    document.querySelector("haoyuan-booking").host = { execute: () => (${JSON.stringify(schedule)}), now: () => ${Date.parse(OPENED)} };
    globalThis.ready = 38;`;
  writeFileSync(join(project, "app/widget.js"), main);
  const policy = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; require-trusted-types-for 'script'";
  await shows(project, "/app/widget.html", { "content-security-policy": policy });
});

test("through Vite", async () => {
  const { build } = await import("vite");
  const outDir = join(project, "vite-out");
  await build({ root: join(project, "app"), logLevel: "error", build: { outDir, emptyOutDir: true, target: "es2022" } });
  await shows(outDir, "/", { "content-security-policy": CSP });
});

test("through webpack", async () => {
  const webpack = createRequire(import.meta.url)("webpack");
  const path = join(project, "webpack-out");
  await new Promise((done, failed) => {
    webpack(
      { mode: "production", context: join(project, "app"), entry: "./main.js", experiments: { topLevelAwait: true, outputModule: true }, output: { path, filename: "main.js", module: true }, devtool: false },
      (error, stats) => (error || stats.hasErrors() ? failed(error ?? new Error(stats.toString("errors-only"))) : done()),
    );
  });
  copyFileSync(join(project, "app/index.html"), join(path, "index.html"));
  await shows(path, "/", { "content-security-policy": CSP });
});
