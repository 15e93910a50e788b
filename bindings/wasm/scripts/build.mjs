// Builds the package's `dist/`: two WebAssembly modules from one crate, the JavaScript beside them, and the same modules as
// base64 for pages that may not fetch. Says each command that it runs and, at the end, what every module weighs.
//
//   node scripts/build.mjs [--fast]      --fast leaves wasm-opt out: for work on the tests, never for a release
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const root = resolve(here, "../..");
const dist = join(here, "dist");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const fast = process.argv.includes("--fast");
const triple = "wasm32-unknown-unknown";

// The feed is what every visitor's page loads; the engine is for kiosks and tools, loaded once. Gzipped bytes.
const GATES = { feed: 150 * 1024, engine: 592 * 1024 };

function run(command, args, env = {}) {
  console.log(`  $ ${command} ${args.join(" ")}`);
  const done = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  return done.status === 0;
}

function output(command, args) {
  const done = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

function must(done, what) {
  if (!done) {
    console.error(`build: ${what}`);
    process.exit(1);
  }
}

/** How to compile for wasm32 on this machine: with rustup's target, or with a toolchain that builds its own `std`. */
function compiler() {
  const installed = output("rustup", ["target", "list", "--installed"])?.split("\n") ?? [];
  if (installed.includes(triple) || run("rustup", ["target", "add", triple])) {
    console.log(`build: rustup has the target ${triple}`);
    return { cargo: "cargo", args: [], env: {} };
  }
  const lld = output("rustc", ["--print", "sysroot"]);
  if (existsSync("/usr/bin/cargo") && lld) {
    console.log("build: rustup cannot add the target; the system's rustc builds `std` (packages rustc-web, cargo-web, rust-web-src)");
    const host = output("rustc", ["-vV"])?.match(/host: (.*)/)?.[1];
    return {
      cargo: "/usr/bin/cargo",
      args: ["-Zbuild-std=std,panic_abort"],
      env: {
        RUSTC: "/usr/bin/rustc",
        RUSTC_BOOTSTRAP: "1",
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: join(lld, "lib/rustlib", host ?? "", "bin/rust-lld"),
      },
    };
  }
  console.error(`build: the target ${triple} is missing: \`rustup target add ${triple}\`, or install rustc-web, cargo-web and rust-web-src`);
  process.exit(1);
}

const { cargo, args, env } = compiler();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const tool = join(target, "tools/wasm");
must(
  run("cargo", ["build", "--locked", "--release", "--manifest-path", "bindings/wasm/build/Cargo.toml", "--target-dir", tool]),
  "the build tool does not compile",
);
const wasmOpt = createRequire(import.meta.url).resolve("binaryen/package.json").replace("package.json", "bin/wasm-opt");
// What every browser since 2021 can do (Chrome 91, Firefox 89, Safari 15), so that the module is small.
const FEATURES = ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"];

// The feed answers a page now and then and is small before it is fast, as the profile says. Of the engine more is asked: the
// language around a decision is compiled for speed as well.
const SPEED = { feed: [], engine: ["--config", "profile.wasm.package.haoyuan-platform.opt-level=2"] };

let heavy = false;
for (const name of ["feed", "engine"]) {
  const features = name === "engine" ? [] : ["--no-default-features"];
  must(
    run(cargo, ["build", "--locked", ...args, "--profile", "wasm", "--target", triple, "-p", "haoyuan-wasm", ...features, ...SPEED[name]], env),
    `the module \`${name}\` does not compile`,
  );
  const module = join(target, triple, "wasm/haoyuan_wasm.wasm");
  must(run(join(tool, "release/haoyuan-wasm-build"), [module, dist, name]), `no JavaScript for the module \`${name}\``);
  const raw = join(dist, `${name}_bg.wasm`);
  const small = join(dist, name === "engine" ? "haoyuan.wasm" : "feed.wasm");
  if (fast) copyFileSync(raw, small);
  else {
    // What counts is what travels, which is compressed: `-Oz` makes the module smaller and its compressed form larger, because
    // functions that were alike no longer look it; in the order of their names they lie near each other.
    const optimise = ["-O1", "--reorder-functions-by-name", "--strip-debug", "--strip-producers", ...FEATURES.map((f) => `--enable-${f}`)];
    must(run(process.execPath, [wasmOpt, ...optimise, raw, "-o", small]), "wasm-opt failed");
  }
  rmSync(raw);
  const bytes = readFileSync(small);
  const zipped = gzipSync(bytes, { level: 9 });
  writeFileSync(join(dist, `${name}-base64.js`), `export default "${bytes.toString("base64")}";\n`);
  const over = !fast && zipped.length > GATES[name];
  heavy ||= over;
  console.log(
    `build: ${name}: ${bytes.length} bytes, ${zipped.length} gzipped, at most ${GATES[name]} allowed${fast ? " (not optimised)" : over ? ": TOO HEAVY" : ""}`,
  );
}
must(!heavy, "a module weighs more than its gate allows");
