#!/bin/sh
# Writes docs/engines.md: one row per promise, one column per engine, every cell a test that passed in
# this very run on each version of the engine, or "not run here". docs/engines.tsv says which test
# stands for what. Tried are the servers of this system and those that .ci/servers.sh can get.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1

logs=$(mktemp -d)
trap 'rm -rf "$logs"; rm -f docs/engines.md.new' EXIT
: >"$logs/versions"
swift build --build-tests --explicit-target-dependency-import-check error

failed=
# Runs an engine's tests on the server in a folder; without one, on this system's.
try() {
  engine=$1 folder=${2:-}
  case $engine in
    SQLite) filter='SQLiteDriverTests|EndToEndTests.*MigrationCrashTests'
      version="" kind="" ;;
    PostgreSQL) filter='PostgresDriverTests|EndToEndTests.*(MigrationCrashMatrix|EngineUpgrade)Tests'
      programs=$(ls -d "$folder"/usr/lib/postgresql/*/bin | sort -V | tail -n 1)
      version=$("$programs/postgres" --version) kind=postgres
      export WINDLASS_POSTGRES_SERVER="$folder" ;;
    MariaDB | MySQL) filter='MariaDBDriverTests|EndToEndTests.*(MigrationCrashMatrix|EngineUpgrade)Tests'
      programs=$folder/usr/bin kind=mysql
      case $engine in MySQL) server=mysqld ;; *) server=mariadbd ;; esac
      version=$("$folder/usr/sbin/$server" --version)
      export WINDLASS_MYSQL_SERVER="$folder" ;;
  esac
  version=$(echo "$version" | sed 's/.*(PostgreSQL) \([0-9.]*\).*/\1/; s/.*Ver \([0-9.]*\).*/\1/')
  echo "engines: $engine $version"
  export WINDLASS_TEST_ENGINE="$kind" WINDLASS_CLIENT_PROGRAMS="${programs:-}"
  log=$logs/$engine-$version.log
  # One after the other: what is asked is whether a promise holds, beside a server that is not busy.
  swift test --skip-build --no-parallel --filter "^($filter)" >"$log" 2>&1 || {
    grep -F 'recorded an issue' "$log" | head -n 5 >&2
    echo "engines: $engine $version failed" >&2
    failed=yes
  }
  echo "$engine $version $log" >>"$logs/versions"
}

try SQLite
for engine in PostgreSQL MariaDB MySQL; do
  case $engine in
    PostgreSQL) names="postgresql-17 postgresql-18" ;;
    MariaDB) names=mariadb-11.8 ;;
    MySQL) names=mysql-9 ;;
  esac
  [ $engine = MySQL ] || try $engine
  for name in $names; do
    if folder=$(.ci/servers.sh "$name"); then
      try $engine "$folder"
    else
      echo "engines: $name can't be had here; skipped" >&2
    fi
  done
done

if [ -n "$failed" ]; then
  echo "engines: docs/engines.md is left as it was" >&2
  exit 1
fi
awk -F '\t' -v versions="$logs/versions" '
  # The cell of an engine: the name of a test that passed on every version.
  function cell(engine, name,    index_, missing) {
    if (name == "" || name == "-" || !(engine in count)) return "not run here"
    for (index_ = 1; index_ <= count[engine]; index_++)
      if (!((engine, index_, name) in passed)) {
        print "engines: " engine ": no test passed everywhere that is called: " name > "/dev/stderr"
        bad = 1
      }
    return "`" name "`"
  }
  # CockroachDB is absent: its cells name tests that passed on a stand-in, on the PostgreSQL of this system.
  function standin(name) {
    if (name == "" || name == "-") return "not run here"
    if (!(("PostgreSQL", 1, name) in passed)) {
      print "engines: CockroachDB: no test passed that is called: " name > "/dev/stderr"
      bad = 1
    }
    return "`" name "` (stand-in)"
  }
  BEGIN {
    while ((getline entry < versions) > 0) {
      split(entry, part, " ")
      engine = part[1]; log_file = part[length(part)]; count[engine]++
      while ((getline line < log_file) > 0)
        if (match(line, /Test "[^"]*" (with [0-9]+ test cases? )?passed/)) {
          name = substr(line, RSTART + 6, RLENGTH - 6)
          sub(/".*/, "", name)
          passed[engine, count[engine], name] = 1
        }
    }
    print "| promise | SQLite | PostgreSQL | MariaDB | MySQL | CockroachDB |"
    print "|---|---|---|---|---|---|"
  }
  NR == 1 { next }
  {
    # MySQL and MariaDB have one driver and one suite: "=" stands for the same test.
    print "| " $1 " | " cell("SQLite", $2) " | " cell("PostgreSQL", $3) " | " cell("MariaDB", $4) \
      " | " cell("MySQL", $5 == "=" ? $4 : $5) " | " standin($6) " |"
  }
  END { exit bad }
' docs/engines.tsv >docs/engines.md.new

list() {
  awk -v engine="$1" '$1 == engine && NF > 2 { text = text (text == "" ? "" : ", ") $2 }
    END { print text == "" ? "none" : text }' "$logs/versions"
}
{
  cat <<TEXT
# What is promised on which engine

Written by \`make engines\`, which runs the tests and fails where one that is named here did not pass on
each of these servers, all of them real:

- PostgreSQL: $(list PostgreSQL)
- MariaDB: $(list MariaDB)
- MySQL: $(list MySQL)
- CockroachDB: none; there is no server to be had for tests, so nothing here was ever run on one.

"not run here" means that no test of that promise ran: the engine was not to be had, the promise has no
meaning there, or its test is missing. Older MySQL than 9 and older MariaDB than 10.11 were never run.

"(stand-in)" means that the test passed on no CockroachDB but on PostgreSQL 15 behind a proxy that answers as
CockroachDB does and fails where a test tells it to. What that shows and what it can't is in
[cockroachdb.md](cockroachdb.md): everything there that only a real cluster could show is unproven.

TEXT
  cat docs/engines.md.new
} >docs/engines.md
echo "engines: wrote docs/engines.md"
