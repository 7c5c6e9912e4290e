# Private database servers for measurements, for scripts that source this file and have made $work.
# They listen on Unix sockets below $work alone, run as nobody where the script is root's, keep the
# engines' own settings, durability above all, and are ended by stop_servers.

as_nobody=""
[ "$(id -u)" != 0 ] || as_nobody="setpriv --reuid=nobody --regid=nogroup --clear-groups"
chmod 711 "$work"
postgres=""
mariadb=""
mysql=""

# Waits for a server that accepts connections, at most a minute.
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ]; then
      cat "$work"/*/server.log >&2
      echo "bench: a server did not start" >&2
      exit 1
    fi
    sleep 0.1
  done
}

server_directory() {
  mkdir "$1"
  [ -z "$as_nobody" ] || chown nobody:nogroup "$1"
}

# Its socket is in $work/postgres, its superuser is windlass.
start_postgres() {
  home=$work/postgres
  server_directory "$home"
  bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  $as_nobody "$bin/initdb" -D "$home/data" -U windlass -A trust -E UTF8 --locale=C.UTF-8 \
    >"$home/server.log" 2>&1
  (cd "$home" && exec $as_nobody "$bin/postgres" -D "$home/data" -k "$home" -c listen_addresses=) \
    >>"$home/server.log" 2>&1 &
  postgres=$!
  await psql -X -h "$home" -U windlass -d postgres -c 'SELECT 1'
}

# Runs statements on the server as its superuser.
in_postgres() {
  psql -X -q -v ON_ERROR_STOP=1 -h "$work/postgres" -U windlass -d postgres -c "$1"
}

# Its socket is $work/mariadb/socket, its superuser is root.
start_mariadb() {
  home=$work/mariadb
  server_directory "$home"
  PATH="$PATH:/usr/sbin"
  (cd "$home" && $as_nobody mariadb-install-db --no-defaults --datadir="$home/data" --tmpdir="$home" \
    --skip-test-db --auth-root-authentication-method=normal) >"$home/server.log" 2>&1
  (cd "$home" && exec $as_nobody mariadbd --no-defaults --datadir="$home/data" \
    --socket="$home/socket" --pid-file="$home/pid" --skip-networking --tmpdir="$home") \
    >>"$home/server.log" 2>&1 &
  mariadb=$!
  await mariadb --no-defaults -S "$home/socket" -u root -e 'SELECT 1'
}

in_mariadb() {
  mariadb --no-defaults -S "$work/mariadb/socket" -u root -e "$1"
}

# Its socket is $work/mysql/socket, its superuser is root; its client is in the PATH from then on.
start_mysql() {
  home=$work/mysql
  server_directory "$home"
  folder=$(.ci/servers.sh mysql-9)
  PATH="$folder/usr/bin:$PATH"
  (cd "$home" && $as_nobody "$folder/usr/sbin/mysqld" --no-defaults --initialize-insecure \
    --datadir="$home/data") >"$home/server.log" 2>&1
  (cd "$home" && exec $as_nobody "$folder/usr/sbin/mysqld" --no-defaults --datadir="$home/data" \
    --socket="$home/socket" --pid-file="$home/pid" --skip-networking --mysqlx=OFF \
    --tmpdir="$home") >>"$home/server.log" 2>&1 &
  mysql=$!
  await mysql --no-defaults -S "$home/socket" -u root -e 'SELECT 1'
}

in_mysql() {
  mysql --no-defaults -S "$work/mysql/socket" -u root -e "$1"
}

stop_servers() {
  [ -z "$postgres" ] || kill -INT "$postgres" 2>/dev/null || true
  [ -z "$mariadb" ] || kill -TERM "$mariadb" 2>/dev/null || true
  [ -z "$mysql" ] || kill -TERM "$mysql" 2>/dev/null || true
  for pid in $postgres $mariadb $mysql; do wait "$pid" 2>/dev/null || true; done
}
