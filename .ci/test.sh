#!/bin/sh
# Builds everything and runs the tests, one level after the other: tests that compute for long keep
# others in the same process waiting. Give levels by number to run only those: .ci/test.sh 1 2
set -eu
cd "$(dirname "$0")/.."
# Without it each planning of the build may write other flags and compile everything again.
export SWIFT_DETERMINISTIC_HASHING=1

level_names() {
  case $1 in
    0) echo TidyTests ;;
    1) echo WindlassCoreTests WindlassSchemaTests WindlassWireTests ;;
    2) echo CurlTransportTests MariaDBDriverTests PostgresDriverTests ProcessFleetTests \
      ReleaseFeedsTests SQLiteDriverTests WindlassJournalTests ;;
    3) echo CommandTests WindlassEngineTests WindlassProofTests ;;
    4) echo WindlassSimulationTests ;;
    5) echo EndToEndTests ;;
  esac
}
levels=${*:-0 1 2 3 4 5}

# A test target that no level names would never run.
for directory in Tests/*/; do
  name=$(basename "$directory")
  case " $(for level in 0 1 2 3 4 5; do level_names $level; done | tr '\n' ' ') " in
    *" $name "*) ;;
    *) echo "test: $name belongs to no level of .ci/test.sh; add it" >&2; exit 1 ;;
  esac
done

began=$(date +%s)
echo "test: building"
swift build --build-tests --explicit-target-dependency-import-check error
echo "test: built in $(($(date +%s) - began)) s"

failed=""
for level in $levels; do
  for name in $(level_names "$level"); do
    began=$(date +%s)
    log=$(mktemp)
    if swift test --skip-build --filter "^$name\\." >"$log" 2>&1; then
      summary=$(grep -h 'Test run with' "$log" | tail -n 1 | sed 's/^[^T]*//')
      echo "test: level $level: $name: $summary ($(($(date +%s) - began)) s)"
    else
      cat "$log"
      echo "test: level $level: $name FAILED" >&2
      failed="$failed $name"
    fi
    rm -f "$log"
  done
done

if [ -n "$failed" ]; then
  echo "test: failed:$failed" >&2
  exit 1
fi
echo "test: all passed"
