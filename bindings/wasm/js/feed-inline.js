// The feed alone with its module inside, for pages that may not fetch.
import module from "../dist/feed-base64.js";
import * as glue from "../dist/feed.js";
import { bytes } from "./base64.js";
import { make } from "./module.js";

export const { init, initSync, Feed } = make(glue, () => bytes(module));
export { MalformedError, UnusableError } from "./module.js";
export { REFUSALS, refusalText } from "./refusals.js";
