#!/bin/sh
# Runs the suite on bundlepublisher-file in each of its formats.
#
#   file.sh SUITE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for format in spiffe jwks pem; do
  "$1" --plugin "$2" --config "{\"path\": \"$folder/bundle\", \"format\": \"$format\"}"
  test -s "$folder/bundle"
done
