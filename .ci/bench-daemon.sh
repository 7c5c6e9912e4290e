#!/bin/sh
# Measures what docs/performance.md states of the daemon: start to first poll, memory and processor
# time at rest with three instances. Takes a minute and a half; run it on a machine that is at rest.
set -eu
cd "$(dirname "$0")/.."
# Another program may be measured: WINDLASS=.build/debug/windlass .ci/bench.sh
windlass=${WINDLASS:-$PWD/dist/windlass}
seconds=${1:-60}
port=${2:-18931}

work=$(mktemp -d)
chmod 700 "$work"
daemon=""
# Everything that was started here has the folder's name in its arguments.
finish() {
  [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
  for pid in $(ps -eo pid=,args= | grep -F "$work/" | grep -v grep | awk '{print $1}'); do
    kill "$pid" 2>/dev/null || true
  done
  sleep 1
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Says why the daemon of that log is not there any more.
lost() {
  cat "$work/$1.log" >&2
  status=0
  wait "$daemon" || status=$?
  echo "bench: the $1 daemon ended with status $status: $2" >&2
  exit 1
}

key=$("$windlass" stage "$work/stage" --json | sed 's/.*"beacon":"\([^"]*\)".*/\1/')
cat >"$work/service.yaml" <<DOCUMENT
apiVersion: windlass.dev/v1alpha1
kind: ManagedService
metadata: {name: beacon}
spec:
  source:
    manifest:
      url: "file://$work/stage/feeds/beacon/1.0.0.json"
      service: beacon
      publicKeys: ["$key"]
  database: {urlFrom: {env: BEACON_DB}, inject: {env: BEACON_DB}}
  fleet:
    processes:
      command: ["{artifact}/beacon", "serve"]
      replicas: 3
      listen: [{name: http, address: "127.0.0.1:$port"}]
  rollout: {observe: 1s, stability: 1s, soak: 1s}
DOCUMENT
export BEACON_DB="sqlite://$work/beacon.db"

start() {
  began=$(date +%s%3N)
  "$windlass" agent --config "$work/service.yaml" --state "$work/state" 2>"$work/$1.log" &
  daemon=$!
}

is_at_rest() {
  "$windlass" status --state "$work/state" --json 2>/dev/null \
    | grep -q '"phase":"idle".*"deployedVersion":"1.0.0"'
}

start first
waited=0
until is_at_rest; do
  waited=$((waited + 1))
  if [ "$waited" -gt 120 ] || ! kill -0 "$daemon" 2>/dev/null; then
    cat "$work/first.log" >&2
    echo "bench: the service did not come up" >&2
    exit 1
  fi
  sleep 0.5
done
kill "$daemon"
wait "$daemon" || true

# A second start, as an update of the daemon would be: its instances serve meanwhile.
start second
until grep -q 'Manifest was accepted' "$work/second.log"; do
  kill -0 "$daemon" 2>/dev/null || lost second "before its first poll"
  sleep 0.02
done
polled=$(sed -n 's/^\([^ ]*\) .*Manifest was accepted.*/\1/p' "$work/second.log" | head -n 1)
first_poll=$(($(date -d "$polled" +%s%3N) - began))

ticks() { awk '{print $14 + $15}' "/proc/$daemon/stat"; }
sleep 5
kill -0 "$daemon" 2>/dev/null || lost second "right after its start"
before=$(ticks)
sleep "$seconds"
kill -0 "$daemon" 2>/dev/null || lost second "at rest"
spent=$((($(ticks) - before) * 1000 / $(getconf CLK_TCK)))
resident=$(awk '/^VmRSS/ {print $2}' "/proc/$daemon/status")
private=$(awk '/^RssAnon/ {print $2}' "/proc/$daemon/status")

echo "bench: start to first poll       $first_poll ms"
echo "bench: resident memory at rest   $((resident / 1024)) MiB, of it private $((private / 1024)) MiB"
echo "bench: processor time at rest    $spent ms in $seconds s"
