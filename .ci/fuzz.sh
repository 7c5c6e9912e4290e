#!/bin/sh
# Feeds every parser of foreign bytes with what libFuzzer makes up, so many seconds each.
# Inputs that led somewhere new stay in .build-fuzz/inputs for the next time; a finding is a file
# crash-…, to be looked at with: WINDLASS_FUZZ=<parser> swift run fuzz <file>
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1
seconds=${1:-60}
options="-max_len=4096 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0"

set -- -c release --scratch-path .build-fuzz --sanitize fuzzer -Xswiftc -DFUZZING --product fuzz
swift build "$@"
fuzz=$(swift build "$@" --show-bin-path)/fuzz

for parser in $("$fuzz"); do
  inputs=.build-fuzz/inputs/$parser
  mkdir -p "$inputs"
  log=.build-fuzz/$parser.log
  # The options are split into words on purpose.
  # shellcheck disable=SC2086
  if ! WINDLASS_FUZZ=$parser "$fuzz" $options -max_total_time="$seconds" \
    -artifact_prefix=.build-fuzz/ "$inputs" >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "fuzz: $parser: a finding; see $log" >&2
    exit 1
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "fuzz: $parser: $executions inputs, no finding"
done
