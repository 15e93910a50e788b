#!/usr/bin/env bash
# What the boundary costs: a C call over a Rust call, and decisions a second from Java. All figures of one run, on this machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
sed -n 's/^model name.*: /  /p' /proc/cpuinfo | head -1
echo "  $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"
make --no-print-directory -C "$here" all
target=$(cd "${CARGO_TARGET_DIR:-$root/target}" && pwd)
jar=${JNA_JAR:-/usr/share/java/jna.jar}
if command -v javac >/dev/null && [[ -f $jar ]]; then
    tree=$target/c-bench
    "$here/install.sh" "$tree"
    javac -cp "$jar" -d "$tree/java" "$here"/examples/java/haoyuan/*.java "$here/examples/java/Bench.java"
    java -cp "$jar:$tree/java" -Djna.library.path="$tree/lib" Bench
else
    echo "  *** NOT RUN: Java (needs javac and $jar; apt-get install default-jdk-headless libjna-java)"
fi
(cd "$root" && cargo bench --locked -p haoyuan-c)
