// The feed alone, for browsers and bundlers: the module is fetched from beside this file.
import * as glue from "../dist/feed.js";
import { make } from "./module.js";

export const { init, initSync, Feed } = make(glue, () => new URL("../dist/feed.wasm", import.meta.url));
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
