// What the entries of the package share: loading a module once, and thin classes over it. Not an entry of its own.

const DISPOSE = Symbol.dispose ?? Symbol.for("Symbol.dispose");

/** A command that is none, or that names what does not exist. It had no effect. */
export class MalformedError extends Error {
  constructor(answer) {
    super(answer.field ? `\`${answer.field}\`: ${answer.reason}` : answer.reason);
    this.name = "MalformedError";
    this.field = answer.field;
    this.reason = answer.reason;
    this.reasonZh = answer.reason_zh ?? answer.reason;
    this.column = answer.column;
    this.place = answer.place;
    this.rows = answer.rows ?? [];
  }
}

/** The object or the module cannot be used: not loaded, disposed of, or broken. */
export class UnusableError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "UnusableError";
    this.code = code;
  }
}

/** An instant as the command language writes it. */
export function instant(at) {
  if (typeof at === "string") return at;
  const date = at instanceof Date ? at : new Date(at);
  if (Number.isNaN(date.getTime())) throw new TypeError("`at` must be a Date, milliseconds since 1970, or an RFC 3339 text");
  return date.toISOString();
}

const COMMANDS = [
  "open", "directory", "policy", "publish", "roster", "ticket", "availability", "hold", "book", "confirm", "cancel", "tick",
  "search", "load", "schedule", "bookings", "session", "audit",
];

function answered(json) {
  const { outcome, ...rest } = JSON.parse(json);
  if (outcome === "error") throw new MalformedError(rest);
  // A session has a `kind` of its own, which must not pass for the kind of the answer.
  const { kind, ...keys } = rest;
  return { kind: outcome, ...keys, ...(kind === undefined ? {} : { session_kind: kind }) };
}

/**
 * A module: its glue, how to get its bytes, and whether it has the engine.
 *
 * @param glue the namespace of the generated JavaScript
 * @param bytes a function that gives what to instantiate: a URL, a Response, bytes or a module
 */
export function make(glue, bytes) {
  let loading;
  let ready = false;
  // A trap leaves memory as it was in the middle of something: nothing that was made by this module may go on.
  let broken;

  function init(source) {
    loading ??= (async () => {
      await glue.default({ module_or_path: await (source ?? bytes()) });
      ready = true;
    })().catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  }

  function initSync(module) {
    if (ready) return;
    glue.initSync({ module });
    ready = true;
    loading = Promise.resolve();
  }

  function enter(work) {
    if (broken) throw new UnusableError("BROKEN", "the module has failed before; load the page anew", { cause: broken });
    if (!ready) throw new UnusableError("NOT_LOADED", "await init() before anything else");
    try {
      return work();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        broken = error;
        throw new UnusableError("BROKEN", "the module has failed; load the page anew", { cause: error });
      }
      throw error;
    }
  }

  // The generated classes give their memory back by a FinalizationRegistry when nobody refers to them any more; `free` and
  // `using` do it at once.
  class Owner {
    #raw;
    constructor(raw) {
      this.#raw = enter(raw);
    }
    _with(work) {
      if (!this.#raw) throw new UnusableError("DISPOSED", "this object was disposed of");
      return enter(() => work(this.#raw));
    }
    /** Gives the memory back; the object cannot be used afterwards. */
    free() {
      const raw = this.#raw;
      this.#raw = undefined;
      if (raw && !broken) raw.free();
    }
    [DISPOSE]() {
      this.free();
    }
  }

  class Feed extends Owner {
    /** @param json a feed: its text, or the object */
    constructor(json) {
      const text = typeof json === "string" ? json : JSON.stringify(json);
      super(() => new glue.RawFeed(text));
    }
    get sessionCount() {
      return this._with((raw) => raw.sessionCount);
    }
    get slotCount() {
      return this._with((raw) => raw.slotCount);
    }
    execute(command) {
      const line = JSON.stringify(command.at === undefined ? command : { ...command, at: instant(command.at) });
      return answered(this._with((raw) => raw.execute(line)));
    }
    availability(ask) {
      return this.execute({ ...ask, command: "availability" });
    }
    schedule(ask) {
      return this.execute({ ...ask, command: "schedule" });
    }
    seats(className, channel, at) {
      const ms = BigInt(new Date(at).getTime());
      return this._with((raw) => raw.seats(className, channel, ms));
    }
  }

  if (!glue.RawEngine) return { init, initSync, Feed };

  class Engine extends Owner {
    constructor() {
      super(() => new glue.RawEngine());
    }
    execute(command) {
      const line = JSON.stringify(command.at === undefined ? command : { ...command, at: instant(command.at) });
      return answered(this.executeLine(line));
    }
    executeLine(line) {
      return this._with((raw) => raw.execute(line));
    }
    executeLines(lines) {
      return this._with((raw) => raw.executeLines(lines));
    }
    feed(ask) {
      return this.execute({ ...ask, command: "feed" }).feed;
    }
  }
  // The commands as methods: their names, and nothing else, so that no two of them can differ.
  for (const command of COMMANDS) {
    Object.defineProperty(Engine.prototype, command, {
      value(body) {
        return this.execute({ ...body, command });
      },
      configurable: true,
      writable: true,
    });
  }
  Object.defineProperty(Engine.prototype, "stateHash", {
    value(at) {
      return this.execute({ command: "state_hash", at }).hash;
    },
    configurable: true,
    writable: true,
  });
  return { init, initSync, Engine, Feed };
}
