// The feed alone, for Node: the module is read from the package.
import { readFile } from "node:fs/promises";
import * as glue from "../dist/feed.js";
import { make } from "./module.js";

export const { init, initSync, Feed } = make(glue, () => readFile(new URL("../dist/feed.wasm", import.meta.url)));
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
