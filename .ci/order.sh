#!/bin/sh
# Writes .ci/order.txt, after which release programs are linked: the functions and variables that
# `windlass migrate` uses when there is nothing to do, behind them those that it applies files with.
# Needs valgrind, PostgreSQL and MariaDB; docs/decisions/0013-order-of-code.md says what it is for.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1
.ci/release.sh windlass
program=$(swift build -c release --static-swift-stdlib --show-bin-path)/windlass

work=$(mktemp -d)
. .ci/bench-servers.sh
finish() {
  stop_servers
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Valgrind takes what the compiler says of lines for damaged.
objcopy --strip-debug "$program" "$work/windlass"
mkdir "$work/migrations"
# More than sixty-four, from where on files are read on two threads.
for number in $(seq 80); do
  echo "CREATE TABLE t$number (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);" \
    >"$work/migrations/${number}_step.up.sql"
done
start_postgres
in_postgres 'CREATE DATABASE service'
start_mariadb
in_mariadb 'CREATE DATABASE service'

# Runs the program under one of valgrind's tools: the tool, where accesses to memory go, the database.
watch() {
  valgrind --tool=$1 --log-fd=9 "$work/windlass" migrate --create --database "$3" \
    --path "$work/migrations" 9>&1 >"$work/said" 2>&1 | { grep '^ [LSM] ' || true; } >"$2"
}

for database in "sqlite://$work/service.db" \
  "postgres://windlass@/service?host=$work/postgres" \
  "mysql://root@localhost/service?socket=$work/mariadb/socket"; do
  engine=${database%%:*}
  # The first run applies everything.
  for run in 2 1; do
    watch "callgrind --demangle=no --callgrind-out-file=$work/$run-$engine.calls" /dev/null "$database"
  done
  watch "lackey --trace-mem=yes" "$work/1-$engine.data" "$database"
done
python3 .ci/order.py "$work/windlass" "$work"/*.calls "$work"/*.data >"$work/order.txt"
mv "$work/order.txt" .ci/order.txt
wc -l .ci/order.txt
