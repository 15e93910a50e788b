// The engine for browsers and bundlers: the module is fetched from beside this file.
import * as glue from "../dist/engine.js";
import { make } from "./module.js";

export const { init, initSync, Engine, Feed } = make(glue, () => new URL("../dist/haoyuan.wasm", import.meta.url));
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
