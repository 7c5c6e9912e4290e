#!/bin/sh
# Builds one program for release into dist/: the Swift runtime linked in, symbols stripped.
# A product at a time, because static linking of several at once takes the memory of several.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1

product=$1
# The C++ library below the Swift runtime is linked in as well, where the compiler has it for that: to
# load it takes longer than many a command. The linker takes what it finds here first.
static=$PWD/.build/static
library=$(cc -print-file-name=libstdc++.a 2>/dev/null || true)
mkdir -p "$static"
[ ! -e "$library" ] || ln -sf "$library" "$static/libstdc++.a"
# Libraries are the system's: none is looked for beside the program, at every start.
swift build -c release --static-swift-stdlib --disable-local-rpath --product "$product" \
  -Xlinker "-L$static"
directory=$(swift build -c release --static-swift-stdlib --show-bin-path)
mkdir -p dist
strip -o "dist/$product.new" "$directory/$product"
mv "dist/$product.new" "dist/$product"
# By this name kubectl finds it as its plug-in.
[ "$product" != windlass ] || ln -sf windlass dist/kubectl-windlass
ls -l "dist/$product"
