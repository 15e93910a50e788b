// The package as npm packs it, in an empty project: in Node, in plain HTML under a strict policy, through Vite and webpack.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../serve.mjs";
import { launch, package_ } from "./chromium.mjs";

// No inline script, no eval: WebAssembly alone is let through.
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; base-uri 'none'";
let project, app, browser;

before(async () => {
  browser = await launch();
  project = mkdtempSync(join(tmpdir(), "haoyuan-package-"));
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", project], { cwd: package_, encoding: "utf8" }).trim();
  const modules = join(project, "node_modules/haoyuan");
  mkdirSync(modules, { recursive: true });
  execFileSync("tar", ["-xzf", join(project, packed.split("\n").pop()), "-C", modules, "--strip-components=1"]);
  // The examples as they are checked in: whatever somebody installed or built there stays behind.
  const filter = (path) => !/vite.(node_modules|dist|package-lock\.json)$/.test(path);
  cpSync(join(package_, "examples"), join(project, "examples"), { recursive: true, filter });
  app = join(project, "examples/vite");
  writeFileSync(join(project, "package.json"), '{"type":"module","private":true}');
});
after(async () => {
  await browser?.close();
  if (project) rmSync(project, { recursive: true });
});

/** Opens the page and waits for its slots; nothing may be refused by the policy or missing. */
async function shows(root, path, headers = {}) {
  const server = await serve(root, { headers });
  await showsAt(server.origin + path).finally(() => server.close());
}

async function showsAt(url) {
  const page = await browser.newPage();
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && !/favicon|404/.test(message.text()) && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  await page.goto(url);
  const failed = page.waitForEvent("pageerror", { timeout: 15_000 }).then((error) => Promise.reject(error));
  const ready = page.waitForFunction(() => globalThis.ready, null, { timeout: 15_000 });
  await Promise.race([ready, failed]).catch(async (error) => {
    await page.waitForTimeout(500); // what the policy says of it may come after the error
    assert.fail([...wrong, String(error)].join("\n"));
  });
  await page.getByRole("radio", { name: "心内科" }).waitFor();
  const slots = await page.evaluate(() => globalThis.ready);
  await page.close();
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

/** The page of the example without a bundler, its entry changed by `change`; gives its path. */
function plain(name, change = (main) => main) {
  writeFileSync(join(app, `${name}.html`), readFileSync(join(app, "index.html"), "utf8").replace("./main.js", `./${name}.js`));
  const main = readFileSync(join(app, "main.js"), "utf8");
  writeFileSync(join(app, `${name}.js`), change(main).replaceAll(/"haoyuan(\/\w+)?"/g, (_, entry = "/index") => `"../../node_modules/haoyuan/js${entry}.js"`));
  return `/examples/vite/${name}.html`;
}

test("in plain HTML, under a strict content security policy", async () => {
  await shows(project, plain("plain"), { "content-security-policy": CSP });
});

test("the policy is awake: without 'wasm-unsafe-eval' nothing runs", async () => {
  const csp = CSP.replace("'wasm-unsafe-eval'", "");
  await assert.rejects(shows(project, plain("asleep"), { "content-security-policy": csp }), /wasm-unsafe-eval|WebAssembly/);
});

test("the module may come from elsewhere, where `connect-src` says so", async () => {
  const elsewhere = await serve(join(project, "node_modules/haoyuan"), { headers: { "access-control-allow-origin": "*" } });
  const page = plain("elsewhere", (main) => main.replace("init()", `init("${elsewhere.origin}/dist/haoyuan.wasm")`));
  const policy = (from) => ({ "content-security-policy": CSP.replace("connect-src 'self'", `connect-src ${from}`) });
  await shows(project, page, policy(elsewhere.origin));
  await assert.rejects(shows(project, page, policy("'self'")), /connect-src|Content Security Policy/);
  await elsewhere.close();
});

test("the entry `inline` connects to nothing", async () => {
  const page = plain("inline", (main) => main.replace('"haoyuan"', '"haoyuan/inline"'));
  await shows(project, page, { "content-security-policy": CSP.replace("connect-src 'self'", "connect-src 'none'") });
});

test("the widget alone needs no right but its own script and style", async () => {
  const { init, Engine } = await import("haoyuan");
  const { hospital, OPENED } = await import("../../examples/hospital.js");
  await init();
  const schedule = hospital(Engine).schedule({ at: OPENED, class: "public", channel: "web", from: "2026-03-03", to: "2026-03-10" });
  const main = `import "haoyuan/booking";
    document.querySelector("haoyuan-booking").host = { execute: () => (${JSON.stringify(schedule)}), now: () => ${Date.parse(OPENED)} };
    globalThis.ready = 38;`;
  const page = plain("widget", () => main);
  const policy = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; require-trusted-types-for 'script'";
  await shows(project, page, { "content-security-policy": policy });
});

test("through Vite, as the example is checked in: built, and in its development server", async () => {
  const env = { ...process.env, PATH: join(package_, "node_modules/.bin") + delimiter + process.env.PATH };
  execFileSync("npm", ["run", "--silent", "build", "--", "--logLevel", "error"], { cwd: app, env });
  await shows(join(app, "dist"), "/", { "content-security-policy": CSP });
  const { createServer } = await import("vite");
  const server = await createServer({ root: app, logLevel: "error", server: { host: "127.0.0.1", port: 0 } });
  await server.listen();
  await showsAt(server.resolvedUrls.local[0]).finally(() => server.close());
});

test("through webpack", async () => {
  const webpack = createRequire(import.meta.url)("webpack");
  const path = join(project, "webpack-out");
  await new Promise((done, failed) => {
    webpack(
      { mode: "production", context: app, entry: "./main.js", experiments: { topLevelAwait: true, outputModule: true }, output: { path, filename: "main.js", module: true }, devtool: false },
      (error, stats) => (error || stats.hasErrors() ? failed(error ?? new Error(stats.toString("errors-only"))) : done()),
    );
  });
  copyFileSync(join(app, "index.html"), join(path, "index.html"));
  await shows(path, "/", { "content-security-policy": CSP });
});
