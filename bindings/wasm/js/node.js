// The engine for Node: the module is read from the package.
import { readFile } from "node:fs/promises";
import * as glue from "../dist/engine.js";
import { make } from "./module.js";

export const { init, initSync, Engine, Feed } = make(glue, () =>
  readFile(new URL("../dist/haoyuan.wasm", import.meta.url)),
);
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
