#!/usr/bin/env bash
# Changes the decision code in every way that cargo-mutants knows, one change at a time, and asks the tests to notice.
#
#   tests/mutants.sh                 all mutants (hours)
#   tests/mutants.sh --shard 0/8     every eighth, which is a sample; other numbers give the others
#   tests/mutants.sh --score         only print the score of what was run
#
# A mutant is tried against the tests of its own package first, then, if it survives, against the model. What survives both is
# listed, unless `tests/mutants-explained.txt` says why no test can or should see it. Exits non-zero if fewer than
# 95 % of the viable mutants are killed. Needs cargo-mutants (cargo install --locked cargo-mutants).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=${CARGO_TARGET_DIR:-$PWD/target}/mutants
readonly CORE="pool apportion word rules"
readonly ENGINE="block claim settle tickets seat portfolio suspension waiting target shown hospital resize memory patients"

# A build per mutant: unoptimized, without symbols, and only what changed.
export CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1
export PROPTEST_CASES=${PROPTEST_CASES:-64} CARGO_TERM_COLOR=never
unset CARGO_TARGET_DIR

# hunt NAME PACKAGE FILES FILTERS-OF-ITS-OWN-TESTS TESTS-OF-THE-MODEL ARGUMENTS...
hunt() {
    local name=$1 package=$2 files=() file filters tests=() test
    for file in $3; do files+=(--file "crates/$package/src/$file.rs"); done
    read -ra filters <<<"$4"
    for test in $5; do tests+=(--test "$test"); done
    shift 5
    mkdir -p "$OUT/$name"
    local common=(--package "$package" "${files[@]}" --output "$OUT/$name" --baseline skip --no-times --sharding round-robin "$@")
    # It exits with 2 for a mutant that was missed and 3 for a time-out; both are counted below.
    cargo mutants "${common[@]}" --timeout 60 --test-package "$package" -- --lib --tests -- \
        "${filters[@]}" || (($? == 2 || $? == 3))
    cargo mutants "${common[@]}" --iterate --timeout 180 --test-package haoyuan-tests -- "${tests[@]}" ||
        (($? == 2 || $? == 3))
}

# Everything that was ever said of a mutant, over the runs of both stages; the last word counts.
lines() {
    local name file
    for name in core engine; do
        for file in "$OUT/$name"/mutants.out*/"$1.txt"; do [[ -f $file ]] && cat "$file"; done
    done | sort -u
}

score() {
    local killed missed explained
    killed=$({ lines caught; lines timeout; lines previously_caught; } | sort -u)
    killed=$(comm -23 <(printf '%s\n' "$killed") <(lines unviable))
    missed=$(comm -23 <(lines missed) <(printf '%s\n' "$killed"))
    explained=$(grep -vE '^(#|$)' tests/mutants-explained.txt | cut -d'|' -f1 | sed 's/ *$//' | sort -u)
    # Lines move; a mutant is known by its file and by what it changes.
    local open
    open=$(printf '%s\n' "$missed" | sed '/^$/d' | while read -r mutant; do
        grep -qxF "$(sed -E 's/:[0-9]+:[0-9]+:/:/' <<<"$mutant")" <<<"$explained" || printf '%s\n' "$mutant"
    done)
    local k m o
    k=$(grep -c . <<<"$killed" || true) m=$(grep -c . <<<"$missed" || true) o=$(grep -c . <<<"$open" || true)
    echo "mutants: $((k + m)) viable, $k killed, $((m - o)) survived and explained, $o survived"
    ((k + m > 0)) || return 1
    printf 'score: %s.%02d %% of the viable killed\n' $((k * 100 / (k + m))) $((k * 10000 / (k + m) % 100))
    if ((o)); then printf '%s\n' "survived, not explained:" "$open"; fi
    ((k * 100 >= 95 * (k + m)))
}

if [[ ${1-} != --score ]]; then
    hunt core haoyuan-core "$CORE" "$CORE" "fold apportion engine_matches_model scenarios" "$@"
    hunt engine haoyuan-engine "$ENGINE" "" "engine_matches_model scenarios concurrent" "$@"
fi
score
