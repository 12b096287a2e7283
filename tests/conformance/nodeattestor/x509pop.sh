#!/bin/sh
# Runs the suite on nodeattestor-x509pop with an EC and an RSA key. The certificates are OpenSSL's.
#
#   x509pop.sh SUITE PLUGIN
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
umask 077

cat > x.cnf <<'END'
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[leaf]
keyUsage = critical, digitalSignature
END
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -subj "/CN=CA" -days 30 -config x.cnf -extensions ca -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout -out ec.key
openssl genrsa -out rsa.key 2048 2>/dev/null
for kind in ec rsa; do
  openssl req -new -key $kind.key -subj "/CN=host-$kind" -config x.cnf -out $kind.csr
  openssl x509 -req -in $kind.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 10 \
    -extfile x.cnf -extensions leaf -out $kind.pem 2>/dev/null
  "$1" --plugin "$2" --config "{\"ca_bundle_path\": \"$folder/ca.pem\"}" --agent-config \
    "{\"certificate_path\": \"$folder/$kind.pem\", \"private_key_path\": \"$folder/$kind.key\"}"
done
