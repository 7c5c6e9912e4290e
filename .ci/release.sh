#!/bin/sh
# Builds one program for release into dist/: the Swift runtime linked in, symbols stripped.
# A product at a time, because static linking of several at once takes the memory of several.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1

product=$1
swift build -c release --static-swift-stdlib --product "$product"
directory=$(swift build -c release --static-swift-stdlib --show-bin-path)
mkdir -p dist
strip -o "dist/$product.new" "$directory/$product"
mv "dist/$product.new" "dist/$product"
ls -l "dist/$product"
