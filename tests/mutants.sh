#!/usr/bin/env bash
# Changes the decision code in every way that cargo-mutants knows, one change at a time, and asks the tests to notice.
#
#   tests/mutants.sh                 all mutants (hours)
#   tests/mutants.sh 0/24            every 24th, which is a sample; 1/24 to 23/24 are the others
#   tests/mutants.sh 0/1 claim word  those of some files
#   tests/mutants.sh --score         only print the score of what was run so far
#
# What survives is listed, unless `tests/mutants-explained.txt` says why no test can or should see it. Exits non-zero if fewer
# than 95 % of the viable mutants are killed. Needs cargo-mutants (cargo install --locked cargo-mutants).
#
# It works on a copy of what is committed, which it keeps with all that was compiled. A mutant is tried against the tests of its
# own package, and if it survives them, against the suites of the model; these are compiled there as a package of their own, with
# the model but without its simulator, so that a mutant costs core, engine and tests, and not the journal, the platform and all
# that is above.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=${CARGO_TARGET_DIR:-$PWD/target}/mutants
readonly CORE="pool apportion word rules"
readonly ENGINE="block claim settle merged tickets seat portfolio suspension waiting target shown hospital resize memory patients"

# A build per mutant, without symbols, and only what changed; optimized as tests are, or the suites would take ten times as long.
export CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1
export PROPTEST_CASES=${PROPTEST_CASES:-32} CARGO_TERM_COLOR=never
unset CARGO_TARGET_DIR

# The copy, with the package of the suites in it.
copy() {
    # Files keep their times where nothing changed, so that cargo builds nothing again.
    mkdir -p "$OUT/tree" "$OUT/new"
    git archive HEAD | tar -x -C "$OUT/new"
    cp -r --update "$OUT/new/." "$OUT/tree/"
    rm -r "$OUT/new"
    local suites=$OUT/tree/tests/suites
    mkdir -p "$suites"
    printf '%s\n' '[package]' 'name = "haoyuan-suites"' 'version = "0.0.0"' 'edition = "2024"' 'publish = false' \
        'autotests = false' '[lib]' 'name = "haoyuan_tests"' 'path = "lib.rs"' 'test = false' \
        '[[test]]' 'name = "suites"' 'path = "suites.rs"' \
        '[dependencies]' 'haoyuan-core.workspace = true' 'haoyuan-engine.workspace = true' \
        'proptest.workspace = true' >"$suites/Cargo.toml"
    local suite
    for suite in fold apportion engine_matches_model scenarios concurrent; do
        printf '#[path = "../tests/%s.rs"]\nmod %s;\n' "$suite" "$suite"
    done >"$suites/suites.rs"
    local module
    for module in check drive fold generate model random; do
        printf '#[path = "../../crates/haoyuan-model/src/%s.rs"]\npub mod %s;\n' "$module" "$module"
    done >"$suites/lib.rs"
    sed -i 's|"tests"\]|"tests", "tests/suites"]|' "$OUT/tree/Cargo.toml"
}

# hunt PACKAGE FILES SHARD [CHOSEN...]
hunt() {
    local package=$1 known=$2 shard=$3 file files=() into
    shift 3
    for file in $known; do
        if (($# == 0)) || [[ " $* " == *" $file "* ]]; then files+=(--file "crates/$package/src/$file.rs"); fi
    done
    ((${#files[@]})) || return 0
    into=$OUT/$package-${shard/\//-of-}$(printf -- '-%s' "$@")
    mkdir -p "$into"
    # A package without a folder of tests need not be compiled twice, for them and for itself.
    local own=(--cargo-arg=--lib)
    if [[ -d crates/$package/tests ]]; then own=(-- --lib --tests); fi
    try "$package" "$into" "$shard" "${files[@]}" --test-package "$package" "${own[@]}"
    # By their names: what `--iterate` leaves out would make another shard of the rest.
    local mutant lived=()
    while read -r mutant; do lived+=(--re "^$(sed 's/[][\\.*^$+?(){}|]/\\&/g' <<<"$mutant")\$"); done <"$into/mutants.out/missed.txt"
    ((${#lived[@]})) || return 0
    mkdir -p "$into-again"
    try "$package" "$into-again" 0/1 "${files[@]}" "${lived[@]}" --test-package haoyuan-suites -- --tests
}

# try PACKAGE INTO SHARD ARGUMENT...
try() {
    # It exits with 2 for a mutant that was missed and 3 for a time-out; both are counted below.
    cargo mutants --dir "$OUT/tree" --in-place --package "$1" --baseline skip --no-times --sharding round-robin --shard "$3" \
        --output "$2" --timeout 60 "${@:4}" || (($? == 2 || $? == 3))
}

# What was said of mutants over all runs.
lines() {
    find "$OUT" -path "*/mutants.out*/$1.txt" -exec cat {} + | sort -u
}

score() {
    local killed missed explained
    # What survives the tests of its own package may be killed by the suites.
    killed=$({ lines caught; lines timeout; } | sort -u)
    missed=$(comm -23 <(lines missed) <(printf '%s\n' "$killed"))
    explained=$(grep -vE '^(#|$)' tests/mutants-explained.txt | sed 's/ *##.*//' | sort -u)
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
    copy
    hunt haoyuan-core "$CORE" "${1:-0/1}" "${@:2}"
    hunt haoyuan-engine "$ENGINE" "${1:-0/1}" "${@:2}"
fi
score
