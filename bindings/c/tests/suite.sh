#!/usr/bin/env bash
# The tests in C, over the built library: under gcc's address and undefined-behaviour sanitizers and under valgrind; the
# header in C and C++; the exported symbols against the frozen list. Needs gcc, g++, pkg-config, cmake, valgrind, binutils.
#
#   suite.sh [FOLDER]    FOLDER has the built library; the release folder of cargo if left out
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
c=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$c/../../target}
target=$(cd "$target" && pwd)
built=${1:-$target/release}
work=$target/c-suite
tree=$work/tree

say() { printf '%s\n' "$*"; }
run() {
    printf '  $ %s\n' "$*" >&2
    "$@"
}

rm -rf "$work"
mkdir -p "$work"
"$c/install.sh" "$tree" "$built"
export PKG_CONFIG_PATH=$tree/lib/pkgconfig LD_LIBRARY_PATH=$tree/lib
read -ra flags <<<"$(pkg-config --cflags haoyuan)"
read -ra libs <<<"$(pkg-config --libs haoyuan)"
# The archive by its name, and what it needs beside it.
read -ra static <<<"$(pkg-config --static --libs haoyuan | sed 's/-lhaoyuan/-l:libhaoyuan.a/')"
strict=(-Wall -Wextra -Wpedantic -Werror -g -O1 -pthread)

# Symbols: exported = frozen; that the header declares the same is a test in generated.rs.
nm -D --defined-only "$tree/lib/libhaoyuan.so" | awk '{print $3}' | sort >"$work/exported.txt"
diff -u <(LC_ALL=C sort "$c/symbols.txt") <(LC_ALL=C sort "$work/exported.txt") || {
    say "the exported symbols are not those of symbols.txt" >&2
    exit 1
}
say "  $(wc -l <"$work/exported.txt") symbols exported, as in symbols.txt"
major=$(sed -n 's/^#define HAOYUAN_ABI_MAJOR \([0-9]*\)$/\1/p' "$tree/include/haoyuan.h")
readelf -d "$tree/lib/libhaoyuan.so" | grep -q "SONAME.*\[libhaoyuan\.so\.$major\]"
say "  the shared library is called libhaoyuan.so.$major"

# The header, by itself and strictly, in C11, C99 and C++17.
echo '#include <haoyuan.h>
int main(void) { return HAOYUAN_ABI_CHECK(); }' >"$work/header.c"
cp "$work/header.c" "$work/header.cpp"
for standard in c99 c11; do gcc -std=$standard "${strict[@]}" "${flags[@]}" -c "$work/header.c" -o "$work/header.o"; done
g++ -std=c++17 "${strict[@]}" "${flags[@]}" -c "$work/header.cpp" -o "$work/header.o"
say "  the header compiles as C99, C11 and C++17 without a warning"

sanitized=(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
for test in calls misuse threads; do
    gcc -std=gnu11 "${strict[@]}" "${sanitized[@]}" "${flags[@]}" "$here/c/$test.c" -o "$work/$test-sanitized" "${libs[@]}"
    gcc -std=gnu11 "${strict[@]}" "${flags[@]}" "$here/c/$test.c" -o "$work/$test" "${libs[@]}"
    mkdir -p "$work/folder-$test-sanitized" "$work/folder-$test"
done

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
for test in calls misuse threads; do
    run "$work/$test-sanitized" "$work/folder-$test-sanitized"
done

valgrind=(valgrind --quiet --suppressions="$here/c/valgrind.supp" --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect,possible
    --errors-for-leak-kinds=definite,indirect,possible)
run "${valgrind[@]}" "$work/calls" "$work/folder-calls"
run "${valgrind[@]}" "$work/misuse" "$work/folder-misuse"
run "${valgrind[@]}" --fair-sched=yes "$work/threads" "$work/folder-threads" 200

# The static library, by pkg-config alone.
gcc -std=gnu11 "${strict[@]}" "${flags[@]}" "$here/c/misuse.c" -o "$work/misuse-static" "${static[@]}"
! readelf -d "$work/misuse-static" | grep -q libhaoyuan || {
    say "the static program needs the shared library" >&2
    exit 1
}
run "$work/misuse-static"

# CMake finds the package, shared and static.
if command -v cmake >/dev/null; then
    mkdir -p "$work/cmake"
    cp "$here/c/misuse.c" "$here/c/common.h" "$work/cmake/"
    cat >"$work/cmake/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(uses_haoyuan C)
find_package(haoyuan 0.1 REQUIRED)
set(CMAKE_C_STANDARD 11)
foreach(kind haoyuan static)
  add_executable(with_${kind} misuse.c)
  target_link_libraries(with_${kind} PRIVATE haoyuan::${kind})
endforeach()
END
    cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$tree" >"$work/cmake/log"
    cmake --build "$work/cmake/build" >>"$work/cmake/log"
    run "$work/cmake/build/with_haoyuan"
    run "$work/cmake/build/with_static"
else
    say "  *** SKIPPED: cmake is not installed"
fi
