#!/bin/sh
# Runs the suite on keymanager-disk, in a folder of its own.
#
#   disk.sh SUITE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --plugin "$2" --config "{\"keys_path\": \"$folder/keys.json\"}" --keeps-keys yes
