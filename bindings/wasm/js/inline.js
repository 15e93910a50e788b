// The engine with its module inside, for pages that may not fetch: kiosks, single files, offline.
import module from "../dist/engine-base64.js";
import * as glue from "../dist/engine.js";
import { bytes } from "./base64.js";
import { make } from "./module.js";

export const { init, initSync, Engine, Feed } = make(glue, () => bytes(module));
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
