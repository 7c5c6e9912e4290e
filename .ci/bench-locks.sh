#!/bin/sh
# Lets eight clients read and write a million rows while another transaction holds the table open and
# `windlass migrate` adds a column, on PostgreSQL, MariaDB and MySQL 9, and prints how long the clients
# stood.
# The servers' files are in memory, so that it shows who waits for whom and not how long a disk takes;
# TMPDIR=/var/tmp puts them on a disk. Takes ten minutes for each. Fewer trials:
# LONG=1 SHORT=10 QUIET=5 CLIENT=2 .ci/bench-locks.sh postgres
set -eu
cd "$(dirname "$0")/.."
windlass=${WINDLASS:-$PWD/dist/windlass}
bench=${BENCH:-$PWD/dist/bench}

work=$(TMPDIR=${TMPDIR:-/dev/shm} mktemp -d)
. .ci/bench-servers.sh
finish() {
  stop_servers
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

for engine in ${*:-postgres mariadb mysql}; do
  mkdir "$work/$engine-migrations"
  case $engine in
    postgres)
      start_postgres
      in_postgres 'CREATE DATABASE accounts'
      place="--socket $work/postgres --user windlass"
      ;;
    mariadb)
      start_mariadb
      in_mariadb 'CREATE DATABASE accounts'
      place="--socket $work/mariadb/socket --user root"
      ;;
    mysql)
      start_mysql
      in_mysql 'CREATE DATABASE accounts'
      place="--socket $work/mysql/socket --user root"
      ;;
  esac
  echo "bench: $engine: a column is added to a table of a million rows that eight clients use"
  # The place is split into words on purpose.
  # shellcheck disable=SC2086
  "$bench" locks --engine "$engine" $place --database accounts --windlass "$windlass" \
    --directory "$work/$engine-migrations" --log "$work/log" --long-trials "${LONG:-10}" \
    --trials "${SHORT:-90}" --quiet-trials "${QUIET:-30}" --client-trials "${CLIENT:-5}"
done
