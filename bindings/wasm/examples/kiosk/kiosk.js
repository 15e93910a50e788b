// A kiosk that needs no network: the whole engine is in the page. What it has decided it keeps as a script of commands, so
// that a restart replays it and the hospital can take it over; the state hash tells that nothing was lost.
import { init, Engine } from "../../js/inline.js";
import "../../js/booking.js";
import { commands, PATIENTS } from "../hospital.js";

const SAVED = "haoyuan-kiosk-script";
await init();
const engine = new Engine();
const script = JSON.parse(localStorage.getItem(SAVED) ?? "null") ?? commands();
for (const command of script) engine.execute(command);

const questions = new Set(["schedule", "availability", "search", "load", "bookings", "session", "audit", "feed", "state_hash"]);
const began = performance.now();
const booking = document.querySelector("haoyuan-booking");
booking.patients = PATIENTS.slice(0, 1);
booking.host = {
  // On the day, when on-site seats are sold. A real kiosk uses its clock.
  now: () => Date.parse("2026-03-10T07:10:00+08:00") + performance.now() - began,
  execute(command) {
    const answer = engine.execute(command);
    if (!questions.has(command.command)) {
      script.push(command);
      localStorage.setItem(SAVED, JSON.stringify(script));
    }
    return answer;
  },
};
globalThis.kiosk = { engine, hash: () => engine.stateHash("2026-03-10T07:10:00+08:00") };
globalThis.ready = true;
