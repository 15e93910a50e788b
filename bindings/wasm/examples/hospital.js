// A hospital for the examples and tests: one tertiary hospital, two departments, three practitioners, eight days from a
// Monday in March, some seats already taken. Everything is a command of the command language.
export const OPENED = "2026-03-03T07:00:00+08:00"; // the public's release for Tuesday 10 March
export const EARLY = "2026-02-01T09:00:00+08:00";

export const PATIENTS = [
  { key: "5f0c6f0f6c1d4b7e9a3d2e1f00112233", label: "本人" },
  { key: "6f0c6f0f6c1d4b7e9a3d2e1f00112244", label: "母亲" },
];

export function commands({ seats = 3 } = {}) {
  const list = [
    { command: "open", at: EARLY, for_seats: 4000, shapes: 512 },
    {
      command: "directory", at: EARLY,
      entries: {
        institution: [{ code: "SY1", name: "省第一医院", tier: "tertiary" }],
        department: [
          { institution: "SY1", code: "CARD", name: "心内科" },
          { institution: "SY1", code: "DERM", name: "皮肤科" },
        ],
        practitioner: [
          { code: "WANG", name: "王医生", sites: ["SY1"] },
          { code: "LI", name: "李医生", sites: ["SY1"] },
          { code: "ZHAO", name: "赵医生", sites: ["SY1"] },
        ],
      },
    },
    { command: "policy", at: EARLY, preset: "jilin-2018" },
  ];
  const publish = (code, department, practitioner, grade, day, from, to, n) =>
    list.push({
      command: "publish", at: EARLY,
      session: {
        code, institution: "SY1", department, practitioner, grade, from: `${day}T${from}:00+08:00`, to: `${day}T${to}:00+08:00`,
        slot_minutes: 30, seats: n,
      },
    });
  publish("CARD-0310-AM", "CARD", "WANG", "expert", "2026-03-10", "08:00", "12:00", seats);
  publish("CARD-0310-PM", "CARD", "WANG", "expert", "2026-03-10", "14:00", "17:00", seats);
  publish("CARD-0310-LI", "CARD", "LI", "ordinary", "2026-03-10", "08:00", "10:00", 4);
  publish("CARD-0309-AM", "CARD", "WANG", "expert", "2026-03-09", "08:00", "12:00", seats);
  publish("CARD-0306-EV", "CARD", "LI", "ordinary", "2026-03-06", "18:00", "20:00", 4);
  publish("DERM-0310-AM", "DERM", "ZHAO", "ordinary", "2026-03-10", "08:00", "12:00", 4);
  // Some who came before: the first slots of Tuesday are full, the last ones empty.
  const taken = { 0: seats, 1: seats - 1, 2: 1 };
  let patient = 0x1000;
  for (const [slot, count] of Object.entries(taken)) {
    for (let i = 0; i < count; i += 1) {
      patient += 1;
      list.push({
        command: "book", at: OPENED, patient: patient.toString(16).padStart(32, "0"), session: "CARD-0310-AM", slot: Number(slot),
        class: "public", channel: i % 2 ? "window" : "app",
      });
    }
  }
  // Li's Tuesday morning is full to the last seat of the first slot.
  for (let i = 0; i < 4; i += 1) {
    patient += 1;
    list.push({
      command: "book", at: OPENED, patient: patient.toString(16).padStart(32, "0"), session: "CARD-0310-LI", slot: 0, class: "public",
      channel: "app",
    });
  }
  return list;
}

/** An engine with this hospital in it. */
export function hospital(Engine, options) {
  const engine = new Engine();
  for (const command of commands(options)) engine.execute(command);
  return engine;
}
