// The page of the demonstration: a made-up patient, the widget, and the server's events.
import "/widget/booking.js";

const booking = document.querySelector("haoyuan-booking");
const KEPT = "haoyuan-visitor";

/** The patient of this tab: kept while the tab is open, and asked for anew before the token ends. */
async function visitor(known) {
  const headers = known ? { authorization: `Bearer ${known.token}` } : {};
  const response = await fetch("/demo/visitor", { method: "POST", headers });
  if (!response.ok) return known ? visitor() : Promise.reject(new Error(`status ${response.status}`));
  const visitor_ = await response.json();
  sessionStorage.setItem(KEPT, JSON.stringify(visitor_));
  return visitor_;
}

async function start() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  let current = await visitor(kept ?? undefined);
  const show = () => {
    booking.token = current.token;
    booking.patients = [{ key: current.patient, label: "本人" }];
  };
  show();
  setInterval(async () => {
    current = await visitor(current);
    booking.token = current.token;
  }, 30 * 60_000);
  globalThis.ready = true;
}

/** Others book too: what is shown is asked for anew, at most once in two seconds. */
function follow() {
  let due;
  const again = () => {
    due ??= setTimeout(() => {
      due = undefined;
      booking.refresh();
    }, 2_000);
  };
  const events = new EventSource("/v1/events");
  events.addEventListener("change", again);
  events.addEventListener("reset", again);
}

await start();
follow();
