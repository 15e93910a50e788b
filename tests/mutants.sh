#!/usr/bin/env bash
# Changes the decision code in every way that cargo-mutants knows, one change at a time, and asks the tests to notice.
#
#   tests/mutants.sh                 all mutants (hours)
#   tests/mutants.sh 0/24            every 24th, which is a sample; 1/24 to 23/24 are the others
#   tests/mutants.sh --score         only print the score of what was run so far
#
# A mutant is tried against the tests of its own package first, then, if it survives, against the model. What survives both is
# listed, unless `tests/mutants-explained.txt` says why no test can or should see it. Exits non-zero if fewer than
# 95 % of the viable mutants are killed. Needs cargo-mutants (cargo install --locked cargo-mutants).
#
# It works on a copy of what is committed, which it keeps with all that was compiled: a mutant costs one crate and its tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=${CARGO_TARGET_DIR:-$PWD/target}/mutants
readonly CORE="pool apportion word rules"
readonly ENGINE="block claim settle tickets seat portfolio suspension waiting target shown hospital resize memory patients"

# A build per mutant: unoptimized, without symbols, and only what changed.
export CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1
export PROPTEST_CASES=${PROPTEST_CASES:-64} CARGO_TERM_COLOR=never
unset CARGO_TARGET_DIR

# hunt PACKAGE FILES FILTERS-OF-ITS-OWN-TESTS TESTS-OF-THE-MODEL SHARD
hunt() {
    local package=$1 files=() file filters tests=() test shard=$5
    for file in $2; do files+=(--file "crates/$package/src/$file.rs"); done
    read -ra filters <<<"$3"
    for test in $4; do tests+=(--test "$test"); done
    local common=(--dir "$OUT/tree" --in-place --package "$package" "${files[@]}" --baseline skip --no-times
        --sharding round-robin --output "$OUT/$package-${shard/\//-of-}" --shard "$shard")
    mkdir -p "$OUT/$package-${shard/\//-of-}"
    # It exits with 2 for a mutant that was missed and 3 for a time-out; both are counted below.
    cargo mutants "${common[@]}" --timeout 60 --test-package "$package" -- --lib --tests -- \
        "${filters[@]}" || (($? == 2 || $? == 3))
    cargo mutants "${common[@]}" --iterate --timeout 180 --test-package haoyuan-tests -- "${tests[@]}" ||
        (($? == 2 || $? == 3))
}

# What was said of mutants over all runs of both stages.
lines() {
    find "$OUT" -path "*/mutants.out*/$1.txt" -exec cat {} + | sort -u
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
    # Files keep their times where nothing changed, so that cargo builds nothing again.
    mkdir -p "$OUT/tree" "$OUT/new"
    git archive HEAD | tar -x -C "$OUT/new"
    cp -r --update "$OUT/new/." "$OUT/tree/"
    rm -r "$OUT/new"
    hunt haoyuan-core "$CORE" "$CORE" "fold apportion engine_matches_model scenarios" "${1:-0/1}"
    hunt haoyuan-engine "$ENGINE" "" "engine_matches_model scenarios concurrent" "${1:-0/1}"
fi
score
