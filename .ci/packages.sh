#!/bin/sh
# Installs the Debian packages that building, testing and the demo need, where they are missing.
# Touches neither the network nor apt when nothing is missing.
set -eu

packages="libarchive-dev libcurl4-openssl-dev libmariadb-dev libmariadb3 libpg-query-dev libpq-dev \
  libsodium-dev libsqlite3-dev mariadb-client mariadb-server-core minisign nghttp2-server openssl \
  pkg-config postgresql strace"

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "packages: this is no Debian system; install what these packages hold yourself: $packages" >&2
  exit 0
fi

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=""
for package in $packages; do
  # pkgconf stands in for pkg-config on newer systems.
  if [ "$package" = pkg-config ] && command -v pkg-config >/dev/null 2>&1; then continue; fi
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "packages: missing:$missing" >&2
    echo "packages: run as root: apt-get install$missing" >&2
    exit 1
  fi
  as_root=sudo
fi

# Only its programs are wanted: Debian's package would make a server of its own and start it.
clusters=/etc/postgresql-common/createcluster.conf
if [ ! -e "$clusters" ]; then
  $as_root mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' | $as_root tee "$clusters" >/dev/null
fi

echo "packages: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update
# The list is split into words on purpose.
# shellcheck disable=SC2086
$as_root apt-get -qq install --yes --no-install-recommends $missing
