#!/bin/sh
# Feeds every parser of foreign bytes with what libFuzzer makes up, under AddressSanitizer: so many
# seconds each, or, with a second argument, so many inputs to each parser that is named behind it:
#   .ci/fuzz.sh 60
#   .ci/fuzz.sh 7200 4000000 sql mysql postgres
# Inputs that led somewhere new stay in .build-fuzz/inputs for the next time, beside those that the
# repository keeps; a finding is a file crash-… or timeout-…, to be looked at with:
#   WINDLASS_FUZZ=<parser> swift run fuzz <file>
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1
seconds=${1:-60}
inputs_max=${2:-0}
[ $# -gt 2 ] && shift 2 || set --
parsers=$*

flags="-c release --scratch-path .build-fuzz --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address \
  -Xswiftc -DFUZZING --product fuzz"
# The options are split into words on purpose, here and below.
# shellcheck disable=SC2086
swift build $flags
# shellcheck disable=SC2086
fuzz=$(swift build $flags --show-bin-path)/fuzz

for parser in ${parsers:-$("$fuzz")}; do
  inputs=.build-fuzz/inputs/$parser
  mkdir -p "$inputs"
  options="-timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0"
  case $parser in
    sql | mysql | postgres)
      # One line of base64 for each input that is kept.
      number=0
      if [ -e "Sources/fuzz/Corpus/$parser.base64" ]; then
        while read -r line; do
          number=$((number + 1))
          echo "$line" | base64 -d >"$inputs/kept-$number"
        done <"Sources/fuzz/Corpus/$parser.base64"
      fi
      # Shorter inputs are faster, and no rule of a splitter needs a long one.
      options="$options -max_len=1024 -dict=Sources/fuzz/Corpus/sql.dict"
      ;;
    *) options="$options -max_len=4096" ;;
  esac
  [ "$inputs_max" = 0 ] || options="$options -runs=$inputs_max"
  log=.build-fuzz/$parser.log
  # shellcheck disable=SC2086
  if ! SWIFT_BACKTRACE=enable=no WINDLASS_FUZZ=$parser "$fuzz" $options -max_total_time="$seconds" \
    -artifact_prefix=.build-fuzz/ "$inputs" >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "fuzz: $parser: a finding; see $log" >&2
    exit 1
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "fuzz: $parser: $executions inputs, no finding"
done
