// Serves the examples on loopback until it is stopped: `node scripts/show.mjs`.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../test/serve.mjs";

const { origin } = await serve(resolve(dirname(fileURLToPath(import.meta.url)), ".."));
console.log(`${origin}/examples/plain/\n${origin}/examples/kiosk/`);
