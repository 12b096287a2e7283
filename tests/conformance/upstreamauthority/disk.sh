#!/bin/sh
# Runs the suite on upstreamauthority-disk: once with a self-signed CA, once with an intermediate
# and its bundle. The certificates are OpenSSL's.
#
#   disk.sh SUITE PLUGIN
set -eu
suite=$1
plugin=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
umask 077

cat > ca.cnf <<'END'
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
openssl ecparam -name prime256v1 -genkey -noout -out root.key
openssl req -x509 -new -key root.key -subj "/C=DE/O=Example/CN=Root" -days 30 -config ca.cnf \
  -extensions ca -out root.pem
openssl genrsa -out middle.key 2048 2>/dev/null
openssl req -new -key middle.key -subj "/C=DE/O=Example/CN=Middle" -config ca.cnf -out middle.csr
openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -set_serial 7 -days 10 \
  -extfile ca.cnf -extensions ca -out middle.pem 2>/dev/null

"$suite" --plugin "$plugin" --config \
  "{\"cert_file_path\": \"$folder/root.pem\", \"key_file_path\": \"$folder/root.key\"}"
"$suite" --plugin "$plugin" --config \
  "{\"cert_file_path\": \"$folder/middle.pem\", \"key_file_path\": \"$folder/middle.key\",
    \"bundle_file_path\": \"$folder/root.pem\"}"
