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
    2) echo CurlTransportTests KubernetesFleetTests MariaDBDriverTests PostgresDriverTests \
      ProcessFleetTests ReleaseFeedsTests SQLiteDriverTests WindlassJournalTests ;;
    3) echo BenchTests CommandTests WindlassEngineTests WindlassProofTests WindlassStatusTests ;;
    4) echo OperatorTests WindlassSimulationTests ;;
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
# Runs the tests that a filter names, under a label, with whatever other words.
run() {
  began=$(date +%s)
  log=$(mktemp)
  label=$1 filter=$2
  shift 2
  if swift test --skip-build --filter "$filter" "$@" >"$log" 2>&1; then
    summary=$(grep -h 'Test run with' "$log" | tail -n 1 | sed 's/^[^T]*//')
    echo "test: level $level: $label: $summary ($(($(date +%s) - began)) s)"
  else
    cat "$log"
    echo "test: level $level: $label FAILED" >&2
    failed="$failed $label"
  fi
  rm -f "$log"
}

# How many tests run at once where somebody's time is limited: hundreds that share two threads get
# their turns too late, and what they share of a server's statistics goes stale.
few="--experimental-maximum-parallelization-width 8"

# Runs tests of MySQL and MariaDB once more on MySQL, whose packages may be out of reach.
run_on_mysql() {
  if folder=$(.ci/servers.sh mysql-9); then
    export WINDLASS_MYSQL_SERVER="$folder" WINDLASS_CLIENT_PROGRAMS="$folder/usr/bin"
    export WINDLASS_TEST_ENGINE=mysql
    # The words of the option are two.
    # shellcheck disable=SC2086
    run "$1-on-MySQL" "$2" $few
    unset WINDLASS_MYSQL_SERVER WINDLASS_CLIENT_PROGRAMS WINDLASS_TEST_ENGINE
  else
    echo "test: level $level: $1 on MySQL: skipped, its packages can't be reached"
  fi
}

pods='^KubernetesFleetTests\.(HelmTests|KubectlPluginTests|KubectlTests|NodeAgentTests|OverlayTests|ServiceProxyTests)'
# The tests of kubectl and helm are skipped where there is none.
if kubectl=$(.ci/kubectl.sh); then export WINDLASS_KUBECTL="$kubectl"; fi
if helm=$(.ci/helm.sh); then export WINDLASS_HELM="$helm"; fi

for level in $levels; do
  for name in $(level_names "$level"); do
    case $name in
      # Pods that are processes live by this machine's clock, and get no turn beside what computes.
      # shellcheck disable=SC2086
      KubernetesFleetTests)
        run "$name" "^$name\\." --skip "$pods" $few
        run "$name-with-processes" "$pods"
        ;;
      # What waits for a lock on a budget of milliseconds has to get its turns.
      # shellcheck disable=SC2086
      MariaDBDriverTests) run "$name" "^$name\\." $few ;;
      *) run "$name" "^$name\\." ;;
    esac
    case $name in
      MariaDBDriverTests) run_on_mysql "$name" "^$name\\." ;;
      EndToEndTests) run_on_mysql "$name" "^$name\\..*MigrationCrashMatrixTests" ;;
    esac
  done
done

if [ -n "$failed" ]; then
  echo "test: failed:$failed" >&2
  exit 1
fi
echo "test: all passed"
