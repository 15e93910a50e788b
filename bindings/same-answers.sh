#!/usr/bin/env bash
# Runs every example script, and then asks for the state hash, in the four homes of the engine: a host in Rust, the command
# `haoyuan run`, a host in C over the shared library, and WebAssembly in Node. The answers must be the same to the letter.
#
#   same-answers.sh [PROFILE]     PROFILE: release, or dev for a faster build
#
# Needs gcc, make, pkg-config, Node 20, and the package built (`npm run build` in bindings/wasm); builds the rest itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
work=$target/same-answers
profile=${1:-release}
built=$target/$([[ $profile == dev ]] && echo debug || echo "$profile")

for tool in gcc make pkg-config node; do
    command -v "$tool" >/dev/null || { echo "same-answers.sh needs $tool" >&2; exit 2; }
done
[[ -f bindings/wasm/dist/haoyuan.wasm ]] || { echo "first: npm ci && npm run build, in bindings/wasm" >&2; exit 2; }
cargo build --locked --quiet --profile "$profile" -p haoyuan-cli
make --silent -C bindings/c all PROFILE="$profile"
# By the profile of the tests and of the whole workspace: where those were built before, there is nothing to build.
cargo build --locked --quiet --profile test --workspace --example lines

rm -rf "$work"
mkdir -p "$work"
bindings/c/install.sh "$work/tree" "$built"
export PKG_CONFIG_PATH=$work/tree/lib/pkgconfig LD_LIBRARY_PATH=$work/tree/lib
read -ra flags <<<"$(pkg-config --cflags --libs haoyuan)"
gcc -std=c11 -Wall -Wextra -Werror -O1 bindings/c/tests/c/lines.c "${flags[@]}" -o "$work/lines"

# The homes, each a command that takes a script. Only the command counts the lines of its script in its answers.
in_rust() { "$target/debug/examples/lines" "$1"; }
in_command() { "$built/haoyuan" run "$1" 2>"$work/told" | sed 's/^{"line":[0-9]*,/{/'; }
in_c() { "$work/lines" "$1"; }
in_wasm() { node bindings/wasm/scripts/lines.mjs "$1"; }

# Sizes are the host's: C chooses them when it opens the engine, and 32 bits of address space hold fewer seats. Everything
# else is the same.
readonly OPEN='"command": *"open"'
scripts=0 answers=0
for script in crates/haoyuan-cli/examples/run/*.jsonl bindings/c/examples/{scenario,morning}.jsonl; do
    [[ $script == *.expected.jsonl ]] && continue
    name=$(basename "$script" .jsonl)
    { grep -vE "$OPEN" "$script"; echo '{"command":"state_hash","at":"2026-12-31T00:00:00+08:00"}'; } >"$work/script.jsonl"
    for home in rust command c wasm; do
        "in_$home" "$work/script.jsonl" >"$work/$name.$home"
        cmp "$work/$name.rust" "$work/$name.$home" || {
            echo "$script: \`$home\` answers differently from Rust" >&2
            diff "$work/$name.rust" "$work/$name.$home" | head -4 >&2
            exit 1
        }
    done
    tail -1 "$work/$name.rust" | grep -qE '"hash":"[0-9a-f]{64}"' || { echo "$script: it ends without a state hash" >&2; exit 1; }
    scripts=$((scripts + 1)) answers=$((answers + $(wc -l <"$work/$name.rust")))
    echo "  $(tail -1 "$work/$name.rust" | grep -oE '[0-9a-f]{64}' | cut -c1-16)…  $script"
done
echo "$scripts scripts, $answers answers: the same in Rust, \`haoyuan run\`, C and WebAssembly, state hashes included"
