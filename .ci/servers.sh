#!/bin/sh
# Brings database servers that this Debian has not got, out of Debian's other suites, into a folder
# that nothing else uses; nothing is installed. Prints the folder of each server that is ready:
# .ci/servers.sh [NAME…], where a name is mysql-9, postgresql-17, postgresql-18 or mariadb-11.8.
#
# Each folder holds a server with everything that it is linked with, down to the C library, laid out
# as Debian does it. Its programs are started through launchers in their places, which run them by
# that C library's own loader. A folder that is there is left as it is; remove it to get a new one.
#
# The folders lie in WINDLASS_SERVERS. Root's lie where the server's unprivileged user can read them.
set -eu

if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
servers=${WINDLASS_SERVERS:-$cache/windlass/servers}
mirror=${WINDLASS_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Suite, packages, and the programs that are started.
plan() {
  case $1 in
    mysql-9) suite=sid packages="mysql-server-core mysql-client-core"
      programs="usr/sbin/mysqld usr/bin/mysqldump usr/bin/mysql" ;;
    postgresql-17) suite=trixie packages=postgresql-17 version=17 ;;
    postgresql-18) suite=sid packages=postgresql-18 version=18 ;;
    mariadb-11.8) suite=trixie packages="mariadb-server-core mariadb-client-core mariadb-client"
      programs="usr/sbin/mariadbd usr/bin/my_print_defaults usr/bin/resolveip usr/bin/mariadb-dump
        usr/bin/mariadb" ;;
    *) echo "servers: there is no server $1; see .ci/servers.sh" >&2; exit 2 ;;
  esac
  case $1 in postgresql-*)
    programs=""
    for program in initdb postgres pg_basebackup pg_dump pg_restore psql; do
      programs="$programs usr/lib/postgresql/$version/bin/$program"
    done ;;
  esac
}

# apt with lists, archives and state of its own, as if nothing were installed.
apt() {
  program=$1
  shift
  "$program" -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
    -o APT::Sandbox::User="$(id -un)" -o APT::Get::List-Cleanup=false "$@"
}

# What those packages ask for that no server needs to run: it is neither installed nor set up here.
unneeded='^(adduser|base-passwd|debconf|.*perl.*|galera-.*|gawk|init-system-helpers|iproute2|libc-bin'
unneeded="$unneeded|libc-l10n|libdb5.*|libgdbm.*|locales|login.defs|lsof|mariadb-common|mysql-common"
unneeded="$unneeded|netbase|openssl|passwd|postgresql-client-common|postgresql-common.*|procps|psmisc"
unneeded="$unneeded|rsync|sensible-utils|socat|ssl-cert|systemd|libsystemd-shared|sysvinit-utils|ucf)\$"

fetch() {
  mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
  : >"$work/status"
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  apt apt-get update
  # The list is split into words on purpose.
  # shellcheck disable=SC2086
  names=$(apt apt-get install --simulate --no-install-recommends $packages |
    awk '$1 == "Inst" { print $2 }' | grep -Ev "$unneeded")
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt apt-get download $names)
  for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root"; done
}

# A launcher in the program's place.
launch() {
  mv "$work/root/$1" "$work/root/$1.real"
  up=$(echo "${1%/*}" | sed 's|[^/]*|..|g')
  options=""
  case $1 in
    */mysqld) options='--no-defaults --basedir="$root/usr" --lc-messages-dir="$root/usr/share/mysql"
  --plugin-dir="$root/usr/lib/mysql/plugin" --character-sets-dir="$root/usr/share/mysql/charsets"
  --secure-file-priv=NULL' ;;
    */mariadbd) options='--no-defaults --basedir="$root/usr" --plugin-dir="$root/usr/lib/mysql/plugin"
  --lc-messages-dir="$root/usr/share/mariadb" --character-sets-dir="$root/usr/share/mariadb/charsets"' ;;
  esac
  cat >"$work/root/$1" <<LAUNCHER
#!/bin/sh
root=\${0%/*}/$up
libraries="\$root/usr/lib/$triplet:\$root/lib/$triplet:\$root/usr/lib/$triplet/private"
$(if [ -n "$options" ]; then
  echo "if [ \"\${1:-}\" = --no-defaults ]; then shift; fi"
  echo "set -- $(echo "$options" | tr '\n' ' ') \"\$@\""
fi)
exec "\$root/usr/lib/$triplet/$loader" --library-path "\$libraries" --argv0 "\$0" "\$0.real" "\$@"
LAUNCHER
  chmod 755 "$work/root/$1"
}

ready() {
  name=$1
  plan "$name"
  if [ ! -e "$servers/$name/.complete" ]; then
    echo "servers: fetching $packages and what they need from Debian $suite" >&2
    work=$(mktemp -d "$servers/.$name-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    fetch >&2
    for program in $programs; do launch "$program"; done
    echo "$names" >"$work/root/.complete"
    chmod 755 "$work/root"
    rm -rf "${servers:?}/$name"
    mv "$work/root" "$servers/$name"
    rm -rf "$work"
    trap - EXIT
  fi
  echo "$servers/$name"
}

case $(uname -m) in
  x86_64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  aarch64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) echo "servers: no loader is known for $(uname -m)" >&2; exit 1 ;;
esac
if [ ! -e "$keyring" ] || ! command -v apt-get >/dev/null; then
  echo "servers: this is no Debian system, from which they could be had" >&2
  exit 1
fi
umask 022
mkdir -p "$servers"
# Two that fetch at once would do all of it twice.
exec 9>"$servers/.lock"
flock 9
for name in ${*:-mysql-9 postgresql-17 postgresql-18 mariadb-11.8}; do ready "$name"; done
