#!/bin/sh
# Runs the demo so many times in a row; not one request may be lost.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-20}

total=0
lost=0
round=1
while [ "$round" -le "$rounds" ]; do
  if ! line=$(dist/windlass demo --json | tail -n 1); then
    echo "soak: round $round failed: $line" >&2
    exit 1
  fi
  requests=$(echo "$line" | sed -n 's/.*"requests":{[^}]*"total":\([0-9]*\).*/\1/p')
  gone=$(echo "$line" | sed -n 's/.*"requests":{[^}]*"lost":\([0-9]*\).*/\1/p')
  total=$((total + requests))
  lost=$((lost + gone))
  echo "soak: round $round of $rounds: $requests requests, $gone lost"
  round=$((round + 1))
done
echo "soak: $rounds rounds, $total requests, $lost lost"
[ "$lost" -eq 0 ]
