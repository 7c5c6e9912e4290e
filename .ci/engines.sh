#!/bin/sh
# Writes docs/engines.md: one row per promise, one column per engine, every cell a test that passed in
# this very run, or "not run here". docs/engines.tsv says which test stands for what.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_DETERMINISTIC_HASHING=1

log=$(mktemp)
trap 'rm -f "$log" docs/engines.md.new' EXIT
swift build --build-tests --explicit-target-dependency-import-check error
for tests in SQLiteDriverTests PostgresDriverTests MariaDBDriverTests \
  'EndToEndTests.*MigrationCrash'; do
  echo "engines: $tests"
  swift test --skip-build --filter "^$tests" >>"$log" 2>&1 || {
    grep -F 'recorded an issue' "$log" | head -n 5 >&2
    echo "engines: $tests failed; docs/engines.md is left as it was" >&2
    exit 1
  }
done

# Absent as MySQL and CockroachDB are, no cell of theirs is more than a promise.
awk -F '\t' -v log_file="$log" '
  function cell(name) {
    if (name == "-") return "not run here"
    if (!(name in passed)) { print "engines: no test passed that is called: " name > "/dev/stderr"; bad = 1 }
    return "`" name "`"
  }
  BEGIN {
    while ((getline line < log_file) > 0)
      if (match(line, /Test "[^"]*" (with [0-9]+ test cases? )?passed/)) {
        name = substr(line, RSTART + 6, RLENGTH - 6)
        sub(/".*/, "", name)
        passed[name] = 1
      }
  }
  NR == 1 { print "| promise | SQLite | PostgreSQL | MariaDB | MySQL | CockroachDB |"; print "|---|---|---|---|---|---|"; next }
  { print "| " $1 " | " cell($2) " | " cell($3) " | " cell($4) " | not run here | not run here |" }
  END { exit bad }
' docs/engines.tsv >docs/engines.md.new

{
  cat <<'TEXT'
# What is promised on which engine

Written by `make engines`, which runs the tests and fails where one that is named here did not pass. "not
run here" means that no test of that promise ran: the engine has no server to test against (CockroachDB has
none that could be had, MySQL's was not started), the promise has no meaning there, or its test is missing.
MariaDB stands in for MySQL where they agree; what is MySQL's alone is unproven.

TEXT
  cat docs/engines.md.new
} >docs/engines.md
echo "engines: wrote docs/engines.md"
