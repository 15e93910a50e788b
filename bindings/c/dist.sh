#!/usr/bin/env bash
# The tarball of a release: the stripped shared library, the static one, the header, pkg-config and CMake files, licences and
# the examples, for x86-64 Linux with glibc 2.17 (CentOS 7) or later. At the end it is unpacked into an empty folder, and the
# example in C is built there with nothing but gcc and pkg-config, and run.
#
#   dist.sh [FOLDER]     where to; `dist` in cargo's target folder if left out
#
# Needs cargo, python3 with pip or venv (for the zig linker), binutils, gcc, pkg-config.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "${CARGO_TARGET_DIR:-$root/target}"
target=$(cd "${CARGO_TARGET_DIR:-$root/target}" && pwd)
to=${1:-$target/dist}
readonly GLIBC=2.17
triple=x86_64-unknown-linux-gnu

run() {
    printf '  $ %s\n' "$*" >&2
    "$@"
}

tools=$target/tools/zig
if [[ ! -x $tools/bin/cargo-zigbuild ]]; then
    run python3 -m venv "$tools"
    run "$tools/bin/pip" install --quiet --disable-pip-version-check ziglang==0.15.2 cargo-zigbuild
fi
export PATH=$tools/bin:$PATH
run make -C "$here" all CARGO_RUSTC="cargo-zigbuild rustc --target $triple.$GLIBC"
built=$target/$triple/release

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1)
name=haoyuan-$version-$triple
rm -rf "${to:?}/$name"
mkdir -p "$to/$name"
"$here/install.sh" "$to/$name" "$built"
strip --strip-unneeded "$to/$name/lib/libhaoyuan.so.$version"
strip --strip-debug "$to/$name/lib/libhaoyuan.a"
cp -r "$here/examples" "$to/$name/share/doc/haoyuan/examples"

# No symbol of a glibc that the oldest host does not have.
newest=$(objdump -T "$to/$name/lib/libhaoyuan.so.$version" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
if [[ $(printf 'GLIBC_%s\n%s\n' "$GLIBC" "$newest" | sort -V | tail -1) != "GLIBC_$GLIBC" ]]; then
    echo "the library needs $newest, which is newer than glibc $GLIBC" >&2
    exit 1
fi
nm -D --defined-only "$to/$name/lib/libhaoyuan.so" | awk '{print $3}' | LC_ALL=C sort |
    diff -u <(LC_ALL=C sort "$here/symbols.txt") -
echo "  the newest symbol that the library needs is of $newest; its own are those of symbols.txt"

# The same files give the same tarball.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime='2026-01-01 00:00:00Z' -C "$to" -czf "$to/$name.tar.gz" "$name"
(cd "$to" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")

# Somewhere else, by somebody who has only the tarball.
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
(
    cd "$empty"
    tar -xzf "$to/$name.tar.gz"
    examples=$name/share/doc/haoyuan/examples
    export PKG_CONFIG_PATH=$empty/$name/lib/pkgconfig LD_LIBRARY_PATH=$empty/$name/lib
    read -ra flags <<<"$(pkg-config --cflags --libs haoyuan)"
    run env -i PATH=/usr/bin:/bin gcc "$examples/c/morning.c" "${flags[@]}" -o morning
    run ./morning "$examples/scenario.jsonl" >shared.txt
    # The static library stands on its own.
    read -ra static <<<"$(pkg-config --cflags --libs --static haoyuan | sed 's/-lhaoyuan/-l:libhaoyuan.a/')"
    run env -i PATH=/usr/bin:/bin gcc "$examples/c/morning.c" "${static[@]}" -o morning-static
    run env -i ./morning-static "$examples/scenario.jsonl" >static.txt
    diff -u "$examples/expected.txt" <(sed '/^state_hash /d' shared.txt)
    diff -u shared.txt static.txt
    tail -1 shared.txt
)
ls -l "$to/$name.tar.gz"
