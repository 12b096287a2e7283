#!/bin/sh
# Runs the suite on datastore-sql with an SQLite file of its own.
#
#   sqlite.sh SUITE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --plugin "$2" --config \
  "{\"database_type\": \"sqlite3\", \"connection_string\": \"$folder/store.sqlite3\"}"
