#!/bin/sh
# Runs the suite on nodeattestor-join-token, whose server side burns tokens in a datastore.
#
#   join-token.sh SUITE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
token=$(openssl rand -hex 16)
record=$(printf %s "$token" | sha256sum | cut -d ' ' -f 1)
"$1" --plugin "$2" --agent-config "{\"join_token\": \"$token\"}" --single-use yes \
  --record "join_token/$record" --others "{\"DataStore\": {\"sql\": {\"plugin_data\": {
    \"database_type\": \"sqlite3\", \"connection_string\": \"$folder/store.sqlite3\"}}}}"
