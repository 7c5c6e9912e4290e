#!/bin/sh
# Measures what docs/performance.md states: the daemon at rest, migrations beside dbmate, how long clients
# stand while a table changes, and the operator with a thousand services. Parts may be named:
# .ci/bench.sh migrate. Run it on a machine that is at rest; nothing fails because it took long.
set -eu
cd "$(dirname "$0")/.."
for part in ${*:-daemon migrate locks operator}; do
  ".ci/bench-$part.sh"
done
