#!/usr/bin/env bash
# Which lines of core and engine the tests run: their own, those of the model, and those of the platform and the journaled
# registry, which are where retirement, recovery and the hospital's administration are asked for.
#
#   tests/coverage.sh [ARGUMENTS...]      e.g. --html, or --show-missing-lines
#
# Needs cargo-llvm-cov (cargo install --locked cargo-llvm-cov) and either rustup's llvm-tools or Debian's llvm of the version
# that `rustc -vV` names. Exits non-zero below 95 % of the lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if ! rustup component list --installed 2>/dev/null | grep -q '^llvm-tools'; then
    command -v "llvm-cov-$version" >/dev/null || {
        echo "coverage needs llvm-cov $version: rustup component add llvm-tools, or apt-get install llvm-$version" >&2
        exit 2
    }
    export LLVM_COV=llvm-cov-$version LLVM_PROFDATA=llvm-profdata-$version CARGO_LLVM_COV_SETUP=no
fi
export CARGO_PROFILE_TEST_DEBUG=0 CARGO_INCREMENTAL=0

# Only core and engine are judged: what the others are made of is no part of it. The paths are whole ones, and a clone may stand in
# a folder of any name.
cargo llvm-cov --locked -p haoyuan-core -p haoyuan-engine -p haoyuan-tests -p haoyuan-platform -p haoyuan \
    --ignore-filename-regex '/crates/(haoyuan-journal|haoyuan-model|haoyuan-platform|haoyuan)/src/|/crates/[^/]*/tests/|/tests/(src|tests)/' --fail-under-lines 95 "$@"
