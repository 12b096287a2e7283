#!/usr/bin/env bash
# Installs what is missing, builds Signet, runs a server and an agent, and fetches an identity with
# a client that is not ours: the `spiffe` package from PyPI. Leaves nothing behind but build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=lib/common.sh
. scripts/lib/common.sh
# shellcheck source=lib/install.sh
. scripts/lib/install.sh

install_packages scripts/lib/packages-demo.txt

say "building (the first time takes some minutes)"
# The tests need more packages; a tree that scripts/test.sh has configured keeps them.
grep -qs '^SIGNET_TESTS:BOOL=ON' build/CMakeCache.txt && tests=ON || tests=OFF
cmake --preset dev -DSIGNET_TESTS=$tests -Wno-dev --log-level=WARNING
cmake --build --preset dev -j "$(jobs)"
PATH=$PWD/build/bin:$PATH

RUN=$(mktemp -d)
chmod 0755 "$RUN"
PIDS=()
finish() {
  local code=$?
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ $code != 0 ]; then tail -n 20 "$RUN"/*.log 2>/dev/null || true; fi
  rm -rf "$RUN"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The client is fetched while the server starts.
python3 -m venv "$RUN/venv"
"$RUN/venv/bin/pip" install -q --disable-pip-version-check -r tests/peers/python/requirements.txt &
PIP=$!

# healthy COMMAND...: waits until the command succeeds, at most 20 s.
healthy() {
  local end=$((SECONDS + 20))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "not healthy after 20 s: $*" >&2; return 1; }
    sleep 0.1
  done
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

cat >"$RUN/server.conf" <<CONF
server {
  bind_address = "127.0.0.1"
  bind_port    = $port
  trust_domain = "example.org"
  socket_path  = "$RUN/server/api.sock"
  data_dir     = "$RUN/data"
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type     = "sqlite3"
      connection_string = "$RUN/data/datastore.sqlite3"
    }
  }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "disk" { plugin_data { keys_path = "$RUN/data/keys.json" } }
}
CONF
mkdir "$RUN/data" "$RUN/agent-data"

say "server"
signet server run -config "$RUN/server.conf" >"$RUN/server.log" 2>&1 &
PIDS+=($!)
SERVER=(-socketPath "$RUN/server/api.sock")
healthy signet server healthcheck "${SERVER[@]}"
signet server healthcheck "${SERVER[@]}"
signet server bundle show "${SERVER[@]}" >"$RUN/bundle.pem"
token=$(signet server token generate "${SERVER[@]}" -spiffeID spiffe://example.org/node | sed -n 's/^Token: //p')
signet server entry create "${SERVER[@]}" -parentID spiffe://example.org/node \
  -spiffeID spiffe://example.org/demo -selector "unix:uid:$(id -u)"

cat >"$RUN/agent.conf" <<CONF
agent {
  server_address    = "127.0.0.1"
  server_port       = $port
  trust_domain      = "example.org"
  trust_bundle_path = "$RUN/bundle.pem"
  socket_path       = "$RUN/agent/api.sock"
  data_dir          = "$RUN/agent-data"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "disk" { plugin_data { directory = "$RUN/agent-data" } }
  WorkloadAttestor "unix" { plugin_data {} }
}
CONF
say "agent"
signet agent run -config "$RUN/agent.conf" -joinToken "$token" >"$RUN/agent.log" 2>&1 &
PIDS+=($!)
healthy signet agent healthcheck -socketPath "$RUN/agent/api.sock"
grep -m 1 -i 'attest.*success' "$RUN/agent.log" || true

say "an identity, fetched by the Python package spiffe"
wait $PIP
"$RUN/venv/bin/python" tests/peers/python/probe.py x509 "$RUN/agent/api.sock"
"$RUN/venv/bin/python" tests/peers/python/probe.py pem "$RUN/agent/api.sock" >"$RUN/svid.pem"
"$RUN/venv/bin/python" tests/peers/python/probe.py jwt "$RUN/agent/api.sock" demo

say "the certificate, as openssl reads it"
openssl x509 -in "$RUN/svid.pem" -noout -text -certopt no_pubkey,no_sigdump
openssl verify -CAfile "$RUN/bundle.pem" "$RUN/svid.pem"

say "done; server and agent stop now"
