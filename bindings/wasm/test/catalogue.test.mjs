// Both languages of the widget say the same things, and every refusal has words in both.
import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogue, languages, parts } from "../js/catalogue.js";

test("the languages have the same texts, of the same kinds", () => {
  const kinds = (value) =>
    typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, kinds(inner)])) : typeof value;
  assert.deepEqual(kinds(languages.zh), kinds(languages.en));
  assert.equal(catalogue("en-GB"), languages.en);
  assert.equal(catalogue("zh-Hant"), languages.zh);
  assert.equal(catalogue(undefined), languages.zh);
});

test("dates are the hospital's, whatever the machine's time zone is", () => {
  assert.deepEqual(parts("2026-03-10T08:00:00+08:00"), { year: 2026, month: 3, day: 10, clock: "08:00", weekday: 2 });
  assert.equal(languages.zh.longDate(parts("2026-03-08")), "2026年3月8日 星期日");
  assert.equal(languages.en.longDate(parts("2026-11-01T01:30:00+08:00")), "Sunday 1 November 2026");
});
