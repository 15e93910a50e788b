#!/usr/bin/env bash
# Lays the built library out as a tree that compilers, pkg-config and CMake understand. The tree can be moved: nothing in
# it knows where it is.
#
#   install.sh PREFIX [BUILT]
#
# PREFIX  where to; DESTDIR before it if that is set
# BUILT   the folder with libhaoyuan_c.so and libhaoyuan_c.a; the release folder of cargo if left out
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix=${1:?"install.sh PREFIX [BUILT]"}
built=${2:-${CARGO_TARGET_DIR:-$root/target}/release}
to=${DESTDIR:-}$prefix

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1)
major=$(sed -n 's/^#define HAOYUAN_ABI_MAJOR \([0-9]*\)$/\1/p' "$here/include/haoyuan.h")
# What a static link needs beside the library: rustc --print native-static-libs.
private="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"

for file in libhaoyuan_c.so libhaoyuan_c.a; do
    [[ -f $built/$file ]] || {
        echo "there is no $built/$file: make -C bindings/c" >&2
        exit 1
    }
done

fill() {
    sed -e "s/@VERSION@/$version/g" -e "s/@MAJOR@/$major/g" -e "s/@PRIVATE@/$private/g" "$1"
}

mkdir -p "$to"/{include,lib/pkgconfig,lib/cmake/haoyuan,share/doc/haoyuan}
# A new file under a new name, then the name: a program that runs keeps the library that it opened.
install -m 755 "$built/libhaoyuan_c.so" "$to/lib/.libhaoyuan.so.new"
mv -f "$to/lib/.libhaoyuan.so.new" "$to/lib/libhaoyuan.so.$version"
[[ $major == "$version" ]] || ln -sf "libhaoyuan.so.$version" "$to/lib/libhaoyuan.so.$major"
ln -sf "libhaoyuan.so.$major" "$to/lib/libhaoyuan.so"
install -m 644 "$built/libhaoyuan_c.a" "$to/lib/libhaoyuan.a"
install -m 644 "$here/include/haoyuan.h" "$to/include/"
fill "$here/package/haoyuan.pc.in" >"$to/lib/pkgconfig/haoyuan.pc"
fill "$here/package/haoyuan-config.cmake" >"$to/lib/cmake/haoyuan/haoyuan-config.cmake"
fill "$here/package/haoyuan-config-version.cmake" >"$to/lib/cmake/haoyuan/haoyuan-config-version.cmake"
install -m 644 "$here/README.md" "$root/LICENSE-MIT" "$root/LICENSE-APACHE" "$to/share/doc/haoyuan/"
