// The smallest host in JavaScript: commands from a file, one answer a line. `node scripts/lines.mjs SCRIPT.jsonl`
import { readFileSync } from "node:fs";
import { Engine, init } from "../js/node.js";

const script = process.argv[2];
if (!script) {
  console.error("usage: lines.mjs SCRIPT.jsonl");
  process.exit(2);
}
await init();
const engine = new Engine();
for (const line of readFileSync(script, "utf8").split("\n")) if (line.trim()) console.log(engine.executeLine(line));
