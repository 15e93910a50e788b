// A page that answers from the public feed by itself. In this folder, once the package is built: `npm install`, then
// `npm run dev` or `npm run build`. The feed is fetched from the hospital; here an engine in the page exports it.
import { Engine, Feed, init } from "haoyuan";
import "haoyuan/booking";
import { hospital, OPENED, PATIENTS } from "../hospital.js";

await init();
const engine = hospital(Engine);
const feed = new Feed(engine.feed({ at: OPENED, from: "2026-03-03", to: "2026-03-12" }));
const booking = document.querySelector("haoyuan-booking");
booking.patients = PATIENTS.slice(0, 1);
booking.host = {
  now: () => Date.parse(OPENED),
  // What only asks is answered by the feed; what decides goes to the hospital.
  execute: (command) => (command.command === "schedule" ? feed.execute(command) : engine.execute(command)),
};
globalThis.ready = feed.slotCount;
