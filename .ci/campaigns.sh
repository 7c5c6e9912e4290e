#!/bin/sh
# Runs the whole campaigns of the operator, or those suites of OperatorTests that are named, compiled
# with optimisation beside the usual build. A list of what was tried goes to WINDLASS_REPORT_DIR.
set -eu
cd "$(dirname "$0")/.."
# Without it each planning of the build may write other flags and compile everything again.
export SWIFT_DETERMINISTIC_HASHING=1
export WINDLASS_OPTIMIZED=1 WINDLASS_TORTURE=all
export WINDLASS_REPORT_DIR="${WINDLASS_REPORT_DIR:-$PWD/.build/reports}"
scratch=${WINDLASS_OPTIMIZED_BUILD:-.build/optimized}

mkdir -p "$WINDLASS_REPORT_DIR"
began=$(date +%s)
swift build --build-tests --scratch-path "$scratch"
echo "campaigns: built in $(($(date +%s) - began)) s"
[ $# -gt 0 ] || set -- WorldTests PlanTests EpochTests FirstWishTests WishCoverageTests \
  WishCampaignTests OpenRunWishTests OperatorRightsTests GateTests
failed=""
for suite in "$@"; do
  began=$(date +%s)
  log="$WINDLASS_REPORT_DIR/$suite.log"
  if swift test --skip-build --scratch-path "$scratch" --filter "^OperatorTests\\.$suite" >"$log" 2>&1
  then
    summary=$(grep -h 'Test run with' "$log" | tail -n 1 | sed 's/^[^T]*//')
    echo "campaigns: $suite: $summary ($(($(date +%s) - began)) s)"
  else
    grep -v '^◇' "$log" | head -n 200
    echo "campaigns: $suite FAILED after $(($(date +%s) - began)) s; see $log" >&2
    failed="$failed $suite"
  fi
done
for list in "$WINDLASS_REPORT_DIR"/*.tsv; do
  [ -e "$list" ] && echo "campaigns: $list: $(($(wc -l <"$list") - 1)) lines"
done
if [ -n "$failed" ]; then
  echo "campaigns: failed:$failed" >&2
  exit 1
fi
