#!/usr/bin/env bash
# Builds and runs the same morning in every language whose tools are here, and compares what they say, line by line and hash
# by hash, with each other and with `haoyuan run`. Says which tools it found.
#
#   run.sh [--all]     --all: a language whose tools are missing is a failure
#
# Debian: apt-get install g++ pkg-config default-jdk-headless libjna-java python3 mono-mcs mono-runtime golang-go fp-compiler
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
c=$(dirname "$here")
root=$(cd "$c/../.." && pwd)
target=$(cd "${CARGO_TARGET_DIR:-$root/target}" && pwd)
work=$target/c-examples
tree=$work/tree
script=$here/scenario.jsonl
all=0
[[ ${1-} == --all ]] && all=1

rm -rf "$work"
mkdir -p "$work"
"$c/install.sh" "$tree"
export PKG_CONFIG_PATH=$tree/lib/pkgconfig LD_LIBRARY_PATH=$tree/lib
read -ra flags <<<"$(pkg-config --cflags --libs haoyuan)"

jna=
for jar in "${JNA_JAR-}" /usr/share/java/jna.jar; do [[ -f $jar ]] && jna=$jar; done
strict=(-Wall -Wextra -Wpedantic -Werror)

run_c() {
    gcc -std=c11 "${strict[@]}" "$here/c/morning.c" "${flags[@]}" -o "$work/c" && "$work/c" "$script"
}
run_cpp() {
    g++ -std=c++17 "${strict[@]}" "$here/cpp/morning.cpp" "${flags[@]}" -o "$work/cpp" && "$work/cpp" "$script"
}
run_java() {
    javac --release 8 -Xlint:all,-options -Werror -cp "$jna" -d "$work/java" "$here"/java/haoyuan/*.java "$here/java/Morning.java" &&
        java -cp "$jna:$work/java" -Djna.library.path="$tree/lib" Morning "$script"
}
run_python() {
    HAOYUAN_LIBRARY=$tree/lib/libhaoyuan.so.0 PYTHONDONTWRITEBYTECODE=1 python3 "$here/python/morning.py" "$script"
}
run_csharp() {
    mcs -warnaserror -out:"$work/morning.exe" "$here"/csharp/*.cs && mono "$work/morning.exe" "$script"
}
run_go() {
    (cd "$here/go" && GOCACHE=$target/go-cache GOFLAGS=-mod=mod GOPROXY=off go build -o "$work/go" .) && "$work/go" "$script"
}
run_pascal() {
    mkdir -p "$work/pascal"
    fpc -Mdelphi -v0we -FE"$work/pascal" -Fl"$tree/lib" -Fu"$here/pascal" "$here/pascal/Morning.pas" >"$work/pascal/log" &&
        "$work/pascal/Morning" "$script"
}

# language: its tools, and how to ask the first for its version
languages=(
    "c|gcc|gcc -dumpfullversion"
    "cpp|g++|g++ -dumpfullversion"
    "java|javac java|javac -version"
    "python|python3|python3 --version"
    "csharp|mcs mono|mono --version"
    "go|go|go version"
    "pascal|fpc|fpc -iV"
)
ran=() missing=() differ=()
for entry in "${languages[@]}"; do
    IFS='|' read -r language tools version <<<"$entry"
    absent=
    for tool in $tools; do command -v "$tool" >/dev/null || absent=$tool; done
    [[ $language == java && -z $jna ]] && absent=jna.jar
    if [[ -n $absent ]]; then
        missing+=("$language (no $absent)")
        continue
    fi
    printf '  %-7s %s\n' "$language" "$($version 2>&1 | head -1)"
    # Line by line what is written down; the state hash, which belongs to the version, is compared among all.
    if "run_$language" >"$work/$language.txt" &&
        diff -u "$here/expected.txt" <(sed '/^state_hash /d' "$work/$language.txt"); then
        ran+=("$language")
        tail -1 "$work/$language.txt" | sed 's/^state_hash //' >"$work/$language.hash"
    else
        differ+=("$language")
    fi
done

# The command line, over the same setup and the same morning as JSON.
haoyuan=$target/release/haoyuan
if [[ -x $haoyuan ]]; then
    cat "$script" "$here/morning.jsonl" | "$haoyuan" run - 2>/dev/null | tail -1 | grep -o '[0-9a-f]\{64\}' >"$work/haoyuan.hash"
    ran+=("haoyuan run")
else
    missing+=("haoyuan run (no $haoyuan: cargo build --release -p haoyuan-cli)")
fi
cat "$work"/*.hash | sort | uniq -c >"$work/hashes"
(($(wc -l <"$work/hashes") == 1)) && [[ $(awk '{print length($2)}' "$work/hashes") == 64 ]] || {
    echo "the state hashes differ:" >&2
    head "$work"/*.hash >&2
    exit 1
}

echo "  agree: ${ran[*]}"
sed 's/^ */  state hash, so many times: /' "$work/hashes"
((${#missing[@]} == 0)) || printf '  *** NOT RUN: %s\n' "${missing[@]}"
((${#differ[@]} == 0)) || {
    echo "these say something else: ${differ[*]}" >&2
    exit 1
}
((all == 0 || ${#missing[@]} == 0))
