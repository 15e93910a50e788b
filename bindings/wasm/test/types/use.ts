// How the package is used in TypeScript; it need only compile. Lines marked as errors must not.
import { Engine, Feed, init, MalformedError, type Class, type RefusalCode } from "haoyuan";
import * as small from "haoyuan/feed";
import * as inline from "haoyuan/inline";
import { HaoyuanBooking, type Host } from "haoyuan/booking";
import { REFUSALS, refusalText } from "haoyuan/refusals";

await init();
await inline.init(new Uint8Array());
await small.init(fetch("feed.wasm"));
using engine = new Engine();
const answer = engine.hold({ at: new Date(), patient: "", session: "AM", slot: 0, class: "public", channel: "app" });
if (answer.kind === "granted") {
  const booking: string = answer.booking;
  engine.confirm({ at: 0, patient: "", booking });
} else {
  const code: RefusalCode = answer.code;
  const from: string | undefined = answer.retry.from;
  console.log(REFUSALS[code].zh, refusalText(code, "en"), from);
}
// @ts-expect-error a class that does not exist
const klass: Class = "king";
// @ts-expect-error a wish needs an instant
engine.book({ patient: "", session: "AM", slot: 0, class: klass, channel: "app" });
const feed = new Feed(engine.feed({ at: Date.now(), from: "2026-03-10", to: "2026-03-10" }));
const free: Uint8Array = feed.seats("public", "app", "2026-03-10T08:00:00+08:00");
const shown = feed.schedule({ at: 0, class: "public", channel: "app", from: "2026-03-10", to: "2026-03-10" });
console.log(free.length, shown.sessions[0]?.slots[0]?.refusal?.message.en);
try {
  engine.execute({ command: "no such" });
} catch (error) {
  if (error instanceof MalformedError) console.log(error.field, error.reasonZh, error.rows[0]?.reason_zh);
}
const host: Host = { execute: (command) => engine.execute(command), now: () => 0 };
const element: HaoyuanBooking = document.createElement("haoyuan-booking");
element.host = host;
element.patients = [{ key: "", label: "", class: "contract", ticket: "1" }];
element.addEventListener("haoyuan-booked", (event) => console.log(event.detail));
