#!/bin/sh
# Makes a certificate authority, the broker's certificate, and one for each client that uses mTLS.
# The files go to the given folder, compose/secrets/ by default. In production, use your own authority.
# HOSTS adds names of the broker: HOSTS="kafka-1.example.com kafka-2.example.com" compose/certificates.sh
set -eu
folder=${1:-$(dirname "$0")/secrets}
days=${DAYS:-825}
umask 077
mkdir -p "$folder"
cd "$folder"

if ! test -s ca.key; then
  openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -keyout ca.key -out ca.pem -subj "/CN=Watchkeeper stack CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
fi

names="DNS:kafka,DNS:localhost,IP:127.0.0.1"
for host in ${HOSTS:-}; do names="$names,DNS:$host"; done

# $1: owner, $2: extended key usage, $3: subject alternative names
sign() {
  test -s "$1.pem" && return
  openssl req -newkey rsa:3072 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
  printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$2" "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -extfile "$1.ext" \
    -out "$1.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

sign kafka serverAuth,clientAuth "$names"
for user in admin worker canary publisher; do sign "$user" clientAuth "DNS:$user"; done
cat kafka.key kafka.pem ca.pem > kafka-keystore.pem # Kafka reads key and chain from one file
chmod 444 ./*.pem ./*.key
chmod 400 ca.key
