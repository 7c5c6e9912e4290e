#!/bin/sh
# Measures what docs/performance.md states of the operator: 1,000 services at rest and upgrading at once,
# beside an operator made with kopf that does the least of the same job, on one simulated API server.
# Takes a quarter of an hour; run it on a machine that is at rest. kopf is installed into a folder that
# is removed; without python3 or a registry its column is left out.
set -eu
cd "$(dirname "$0")/.."
# Other programs may be measured: WINDLASS=.build/debug/windlass .ci/bench-operator.sh --services 100
windlass=${WINDLASS:-$PWD/dist/windlass}
bench=${BENCH:-$PWD/dist/bench}
simulator=${SIMULATOR:-$PWD/dist/SimulatedCluster}

work=$(mktemp -d)
chmod 700 "$work"
finish() { rm -rf "$work"; }
trap finish EXIT
trap 'exit 1' INT TERM

if python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 \
  && "$work/venv/bin/pip" install --quiet 'kopf==1.37.*' >>"$work/venv.log" 2>&1; then
  set -- "$@" --other "$work/venv/bin/kopf run --standalone --quiet --namespace shop $PWD/.ci/bench-operator.py"
else
  echo "bench: kopf can't be installed; its column is left out" >&2
fi
"$bench" operator --windlass "$windlass" --simulator "$simulator" --folder "$work" --wave "$@"
