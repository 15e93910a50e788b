#!/usr/bin/env python3
"""Changes the decision code in every way that cargo-mutants knows, one change at a time, and asks the tests to notice.

    tests/mutants.py                 all mutants
    tests/mutants.py claim word      those of some files
    tests/mutants.py --left          those that lived when they were last tried, and those that were not tried yet
    tests/mutants.py --score         only print the score of what was tried so far

What survives is listed, unless `tests/mutants-explained.txt` says why no test can or should see it. Exits non-zero if fewer
than 95 % of the viable mutants are killed. Needs Linux, and cargo-mutants (cargo install --locked cargo-mutants), which finds
the changes.

All of them are compiled at once, into a copy of what is committed: each function begins with a choice between itself and its
mutants, and a number in the environment says which of them is in force. So a mutant costs a run of the tests and no build. One
that does not compile is found by the line of the error, and left out. While constants are computed the choice is the original.
What cannot be chosen at all, because it is a constant or a function that hides its type, is built and tried alone, at the end.

A mutant is tried against the tests of its own module, then against those of its package, and if it survives them, against the
suites of the model; these are compiled there as a package of their own, with the model but without its simulator.
"""

import concurrent.futures
import io
import json
import os
import re
import resource
import subprocess
import sys
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mutants"
TREE = OUT / "tree"
TRIED = OUT / "tried.json"
# What decides, and what it is made of. Not here: policies, rosters, figures and what is said, of core; and of the engine what
# checks it (`audit`), what it tells (`fact`), its atomics and the explorer of their interleavings.
FILES = {
    "haoyuan-core": "word pool rules apportion waitlist returns calling ladder displaced civil day instant ids plan refusal",
    "haoyuan-engine": "block claim settle merged tickets seat portfolio suspension waiting target shown hospital resize memory"
    " patients search sessions replay retire limits publish engine",
}
SUITES = "fold apportion engine_matches_model scenarios concurrent".split()
CASES = os.environ.get("PROPTEST_CASES", "32")
JOBS = int(os.environ.get("MUTANTS_JOBS", os.cpu_count() or 1))
# How many times what the tests take without it, and how many seconds on a processor more, a mutant may take, before it is said
# to run for ever; and how many half seconds it may do nothing.
CPU_TIMES, CPU_MORE, IDLE_MAX = 5, 3, 240

# `const_eval_select` lets a constant function know whether it runs; nothing else is unstable.
FEATURES = "#![feature(core_intrinsics, const_eval_select)]\n#![allow(internal_features)]\n"
CHOICE = """
/// The mutant that is in force, 0 for none.
#[doc(hidden)]
pub const fn mutant() -> u32 {
    const fn none() -> u32 { 0 }
    fn told() -> u32 {
        static TOLD: std::sync::LazyLock<u32> =
            std::sync::LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|told| told.parse().ok()).unwrap_or(0));
        *TOLD
    }
    core::intrinsics::const_eval_select((), none, told)
}
"""


def run(*command, target="target", **more):
    """Runs a command in the copy."""
    environment = os.environ | {
        "CARGO_PROFILE_TEST_DEBUG": "0",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_TERM_COLOR": "never",
        "CARGO_TARGET_DIR": str(OUT / target),
        "RUSTC_BOOTSTRAP": "haoyuan_core",
        "RUSTFLAGS": "-Awarnings",
    }
    return subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True, **more)


def copy():
    """What is committed, with the suites as a package. Files keep their times where nothing changed, so that no more is built."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    TREE.mkdir(parents=True, exist_ok=True)
    # What is committed no more must not decide.
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        committed = set(tar.getnames())
    for path in TREE.rglob("*"):
        if not path.is_dir() and str(path.relative_to(TREE)) not in committed:
            path.unlink()
    subprocess.run(["tar", "-x", "-C", TREE], input=archive, check=True)
    suites = TREE / "tests/suites"
    suites.mkdir(exist_ok=True)
    (suites / "Cargo.toml").write_text(
        '[package]\nname = "haoyuan-suites"\nversion = "0.0.0"\nedition = "2024"\npublish = false\nautotests = false\n'
        '[lib]\nname = "haoyuan_tests"\npath = "lib.rs"\ntest = false\n[[test]]\nname = "suites"\npath = "suites.rs"\n'
        '[dependencies]\nhaoyuan-core.workspace = true\nhaoyuan-engine.workspace = true\nproptest.workspace = true\n'
    )
    modules = (TREE / "crates/haoyuan-model/src").glob("*.rs")
    wanted = {"check", "drive", "fold", "generate", "model", "random"} & {module.stem for module in modules}
    (suites / "lib.rs").write_text(
        "".join(f'#[path = "../../crates/haoyuan-model/src/{name}.rs"]\npub mod {name};\n' for name in sorted(wanted))
    )
    (suites / "suites.rs").write_text("".join(f'#[path = "../tests/{name}.rs"]\nmod {name};\n' for name in SUITES))
    manifest = TREE / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace('"tests"]', '"tests", "tests/suites"]'))


def in_tests(mutant):
    """Whether it would change a test: cargo-mutants knows `#[cfg(test)]`, and not what more may stand there."""
    before = (TREE / mutant["file"]).read_text().split("\n")[: mutant["span"]["start"]["line"]]
    return any(line.startswith(("#[cfg(test)]", "#[cfg(all(test")) for line in before)


def find(files):
    """The mutants of these files, each with a number of its own."""
    known = [(package, file) for package, files_ in FILES.items() for file in files_.split()]
    wanted = [f"--file=crates/{package}/src/{file}.rs" for package, file in known if not files or file in files]
    listed = run("cargo", "mutants", "--list", "--json", "--dir", TREE, "--workspace", *wanted, check=True).stdout
    mutants = [mutant for mutant in json.loads(listed) if not in_tests(mutant)]
    for number, mutant in enumerate(mutants, 1):
        mutant["number"] = number
        del mutant["diff"]
    return mutants


# Comments, strings and characters, in which a brace is none; and braces.
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<fence>\#*)".*?"(?P=fence)|b?"(?:\\.|[^"\\])*"
        |b?'(?:\\u\{\w+\}|\\x\w\w|\\.|[^'\\])'|[{}]""",
    re.S | re.X,
)


def body_of(text, start, end):
    """Where the body of the function begins that ends at `end`."""
    open_braces = []
    for token in TOKEN.finditer(text, start, end):
        if token[0] == "{":
            open_braces.append(token.start())
        elif token[0] == "}":
            last = open_braces.pop()
    return last


def is_apart(mutant):
    """Constants are computed without a choice, and two bodies of a function that hides its type would be two types."""
    return not mutant["function"] or re.search(r"\bimpl\b", mutant["function"]["return_type"] or "") is not None


class File:
    """A file of the copy and the mutants of it that are woven in."""

    def __init__(self, path, mutants):
        self.path, self.text = path, (TREE / path).read_text()
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        at = lambda place: starts[place["line"] - 1] + place["column"] - 1
        self.functions, self.alone, self.lines = defaultdict(list), {}, {}
        for mutant in mutants:
            begin, end = at(mutant["span"]["start"]), at(mutant["span"]["end"])
            if mutant["genre"] in ("MatchArm", "StructField") and self.text[end] == ",":
                end += 1
            if is_apart(mutant):
                self.alone[mutant["number"]] = self.text[:begin] + f" {mutant['replacement']} " + self.text[end:]
            else:
                function = mutant["function"]["span"]
                self.functions[at(function["start"]), at(function["end"])].append((begin, end, mutant))

    def weave(self, unviable):
        """Writes the file, and remembers which mutant is in which lines."""
        bodies = {body_of(self.text, *span): (span[1], found) for span, found in self.functions.items()}
        core = "crate" if "haoyuan-core" in self.path else "haoyuan_core"

        def woven(begin, end):
            text, at = "", begin
            for body in sorted(body for body in bodies if begin <= body < end):
                if body < at:
                    continue  # inside another one that was woven with it
                close, found = bodies[body]
                text += self.text[at:body] + f"{{ match {core}::mutant() {{\n"
                for b, e, mutant in found:
                    if mutant["number"] not in unviable:
                        changed = self.text[body:b] + f" {mutant['replacement']} " + self.text[e:close]
                        text += f"/*@{mutant['number']}*/ {mutant['number']} => {changed}\n"
                text += "/*@0*/ _ => {" + woven(body + 1, close) + "\n} }"
                at = close
            return text + self.text[at:end]

        text = woven(0, len(self.text)).replace("#[inline(always)]", "#[inline]")
        if self.path.endswith("core/src/lib.rs"):
            text = text.replace("\npub mod", "\n" + FEATURES + "pub mod", 1) + CHOICE
        self.lines, number = {}, 0
        for line, content in enumerate(text.split("\n"), 1):
            if mark := re.match(r"/\*@(\d+)\*/", content):
                number = int(mark[1])
            self.lines[line] = number
        self.write(text)

    def write(self, text):
        if (TREE / self.path).read_text() != text:
            (TREE / self.path).write_text(text)


def blame(message, files):
    """The mutants in whose lines an error is."""
    found = set()
    for span in message["spans"]:
        while span:
            if span["is_primary"] or span.get("expansion"):
                found.add(files[span["file_name"]].lines.get(span["line_start"], 0) if span["file_name"] in files else 0)
            span = (span["expansion"] or {}).get("span")
    return found - {0}


# How the tests of a package are built.
TESTS = {"haoyuan-core": ["--lib"], "haoyuan-engine": ["--lib", "--tests"], "haoyuan-suites": ["--tests"]}


def compile(command, package, *more, **where):
    """What of a package does not compile, or its tests."""
    said = run("cargo", command, "-p", package, *more, "--message-format=json", **where).stdout
    said = [json.loads(line) for line in said.splitlines()]
    errors = [m["message"] for m in said if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
    made = [m for m in said if m["reason"] == "compiler-artifact" and m["profile"]["test"] and m["executable"]]
    return errors, [m["executable"] for m in made]


def build(files):
    """Weaves all mutants in, leaves out what does not compile, and builds the tests. What was left out, and the tests."""
    unviable, tests = set(), defaultdict(list)
    # The first finds most of what does not compile, and soonest; some is only found where code is made.
    stages = [("check", "haoyuan-engine", []), *(("test", package, ["--no-run", *more]) for package, more in TESTS.items())]
    for command, package, more in stages:
        while True:
            for file in files.values():
                file.weave(unviable)
            errors, tests[package] = compile(command, package, *more)
            if not errors:
                break
            found = set().union(*(blame(error, files) for error in errors))
            print(f"{len(found)} do not compile", flush=True)
            if not found:
                sys.exit("".join(error["rendered"] for error in errors[:3]))
            unviable |= found
    return unviable, tests


def attempt_alone(mutant, files):
    """The same for a mutant that cannot be woven in: a build of its own, of what is written otherwise as it is committed."""
    for file in files.values():
        file.write(file.alone.get(mutant["number"], file.text))
    # One kind of tests after the other: most are killed by the first, and the others need not be built.
    kinds = [(suite, kind) for suite in (mutant["package"], "haoyuan-suites") for kind in TESTS[suite]]
    for suite, kind in kinds:
        errors, executables = compile("test", suite, "--no-run", kind, target="target-alone")
        if errors:
            return ["unviable"]
        for executable in executables:
            if killer := ask(0, suite, executable)[0]:
                return ["killed", [suite, killer]]
    return ["lived"]


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def used_by(process):
    """Seconds on a processor; of all its threads, which `RLIMIT_CPU` does not always see."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def execute(command, cpu, **more):
    """Runs a command for so many seconds on a processor; what became of it, what it said, and what it took."""
    more |= {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "errors": "replace", "preexec_fn": limit}
    with subprocess.Popen(command, **more) as process:
        took, idle = 0, 0
        while True:
            try:
                return process.communicate(timeout=0.5)[0], process.returncode, took
            except subprocess.TimeoutExpired:
                before, took = took, used_by(process)
                # One that waits for ever uses nothing; so does one that is not let on a processor for a while.
                idle = idle + 1 if took == before else 0
                if took > cpu or idle > IDLE_MAX:
                    process.kill()
                    return process.communicate()[0], None, took


# What the tests of a package take without a mutant, seconds on a processor.
TAKES = {}


def time_tests(tests):
    """Sees that the tests pass without a mutant, and how long they take."""
    for suite, executables in tests.items():
        longest = 0
        for executable in executables:
            killer, took = ask(0, suite, executable)
            if killer:
                sys.exit(f"{executable} fails without a mutant: {killer}")
            longest = max(longest, took)
        TAKES[suite] = longest
        print(f"{suite}: {TAKES[suite]:.1f} s without a mutant", flush=True)


def ask(number, package, executable, *filters):
    """What the tests say of a mutant: nothing, or what killed it; and how long it took, on a processor."""
    environment = os.environ | {"MUTANT": str(number), "PROPTEST_CASES": CASES, "RUST_BACKTRACE": "0", "RUSTC_BOOTSTRAP": "1"}
    environment |= {"PROPTEST_FAILURE_PERSISTENCE": "off"}
    folder = TREE / ("tests/suites" if package == "haoyuan-suites" else f"crates/{package}")
    cpu = CPU_MORE + CPU_TIMES * TAKES[package] if package in TAKES else 1000
    said, code, took = execute([executable, "-Zunstable-options", "--fail-fast", *filters], cpu, cwd=folder, env=environment)
    if code == 0:
        return None, took
    if code is None:
        return "runs for ever", took
    failed = re.findall(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", said, re.M)
    return failed[0] if failed else f"signal {-code}" if code < 0 else f"exit {code}", took


def attempt(mutant, tests):
    """Who killed a mutant: (its package or the suites, the test), or nobody."""
    package, module = mutant["package"], Path(mutant["file"]).stem
    for executable in tests[package]:
        if re.search(r"/haoyuan_\w+-[0-9a-f]+$", executable):
            if killer := ask(mutant["number"], package, executable, f"{module}::")[0]:
                return [package, killer]
    for suite in (package, "haoyuan-suites"):
        for executable in tests[suite]:
            if killer := ask(mutant["number"], suite, executable)[0]:
                return [suite, killer]
    return None


def explained():
    """How many mutants of a name are explained: with ` ×3` behind it three, else one."""
    lines = (ROOT / "tests/mutants-explained.txt").read_text().splitlines()
    names = [line.split(" ##")[0].strip() for line in lines if line and not line.startswith("#")]
    return {name: int(times or 1) for name, _, times in (name.partition(" ×") for name in names)}


def short(name):
    """Lines move; a mutant is known by its file and by what it changes."""
    return re.sub(r":\d+:\d+:", ":", name, count=1)


def score():
    if not TRIED.is_file():
        sys.exit(f"nothing was tried yet: there is no {TRIED}")
    tried, reasons = json.loads(TRIED.read_text()), explained()
    table, lived = defaultdict(Counter), []
    # One more of a name than was explained, and nobody knows which of them is the new one.
    alike = Counter(short(name) for name, (fate, *_) in tried.items() if fate == "lived")
    for name, (fate, *_) in tried.items():
        if fate == "lived" and alike[short(name)] <= reasons.get(short(name), 0):
            fate = "explained"
        elif fate == "lived":
            lived.append(name)
        table[re.sub(r"crates/(.*)/src/(.*)\.rs:.*", r"\1 \2", name)][fate] += 1
    print("| file | mutants | do not compile | viable | killed | explained | survived |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    table["**all**"] = sum(table.values(), Counter())
    for file, n in table.items():
        viable = n["killed"] + n["explained"] + n["lived"]
        print(f"| {file} | {n.total()} | {n['unviable']} | {viable} | {n['killed']} | {n['explained']} | {n['lived']} |")
    print()
    killers = [by[0] for fate, *by in tried.values() if fate == "killed"]
    ran = sum(1 for suite, test in killers if test.endswith("for ever"))
    by = Counter(suite for suite, test in killers)
    print(", ".join(f"{n} were killed by the tests of {suite}" for suite, n in by.items()) + f"; {ran} of them ran for ever")
    survivors = {short(name) for name, (fate, *_) in tried.items() if fate == "lived"}
    for stale in sorted(reasons.keys() & {short(name) for name in tried} - survivors):
        print(f"explained, and killed all the same: {stale}")
    if lived:
        print("survived, not explained:", *sorted(lived), sep="\n")
    viable = sum(table["**all**"][fate] for fate in ("killed", "explained", "lived"))
    killed = table["**all**"]["killed"]
    print(f"score: {killed} of {viable} viable mutants killed, {killed * 10000 // viable / 100:.2f} %")
    return killed * 100 >= 95 * viable


def main():
    asked = sys.argv[1:]
    if asked in (["--help"], ["-h"]):
        return print(__doc__)
    if asked == ["--score"]:
        sys.exit(not score())
    known = {file for files in FILES.values() for file in files.split()}
    if asked != ["--left"] and (wrong := set(asked) - known):
        print(f"not tried: {' '.join(sorted(wrong))}; there are {' '.join(sorted(known))}", file=sys.stderr)
        sys.exit(2)
    tried = json.loads(TRIED.read_text()) if TRIED.is_file() else {}
    copy()
    mutants = find([] if asked == ["--left"] else asked)
    names = {mutant["name"] for mutant in mutants}
    done = {name for name, (fate, *_) in tried.items() if fate == "killed"} if asked == ["--left"] else set()
    by_file = defaultdict(list, {"crates/haoyuan-core/src/lib.rs": []})
    for mutant in mutants:
        by_file[mutant["file"]].append(mutant)
    files = {path: File(path, found) for path, found in by_file.items()}
    unviable, tests = build(files)
    time_tests(tests)
    # What was said of lines that have moved since is of no use.
    of = {mutant["file"] for mutant in mutants}
    tried = {name: fate for name, fate in tried.items() if name in names or name.split(":")[0] not in of}
    tried |= {mutant["name"]: ["unviable"] for mutant in mutants if mutant["number"] in unviable}
    viable = [mutant for mutant in mutants if mutant["number"] not in unviable and mutant["name"] not in done]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        waiting = {pool.submit(attempt, mutant, tests): mutant for mutant in viable if not is_apart(mutant)}
        for count, future in enumerate(concurrent.futures.as_completed(waiting), 1):
            mutant, killer = waiting[future], future.result()
            tried[mutant["name"]] = ["killed", killer] if killer else ["lived"]
            if not killer:
                print(f"[{count}/{len(viable)}] lived: {mutant['name']}", flush=True)
            elif count % 100 == 0:
                print(f"[{count}/{len(viable)}]", flush=True)
            TRIED.write_text(json.dumps(tried, indent=0))
    for mutant in filter(is_apart, viable):
        tried[mutant["name"]] = attempt_alone(mutant, files)
        print(f"alone: {mutant['name']}: {tried[mutant['name']][0]}", flush=True)
        TRIED.write_text(json.dumps(tried, indent=0))
    sys.exit(not score())


main()
