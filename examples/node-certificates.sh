#!/bin/sh
# Certificates to try the Node examples with: an authority, a server, and callers. Not for production.
#
#   sh node-certificates.sh DIR               all of them, where there are none
#   sh node-certificates.sh DIR renew NAME    another key and certificate of that name
set -eu
dir=$1
mkdir -p "$dir"
cd "$dir"
# Here, so that files are renamed into place and not copied: who reads meanwhile reads the old or the new.
work=$(mktemp -d ./.work.XXXXXX)
trap 'rm -rf "$work"' EXIT

ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'

authority() {
    printf '%s\n' '[req]' 'distinguished_name=dn' 'prompt=no' 'x509_extensions=v3' '[dn]' 'CN=Example Authority' \
        '[v3]' 'basicConstraints=critical,CA:true' 'keyUsage=critical,keyCertSign,cRLSign' \
        'subjectKeyIdentifier=hash' > "$work/ca.cnf"
    openssl req -x509 $ec -days 30 -config "$work/ca.cnf" -keyout ca.key -out ca.crt 2> /dev/null
}

# issue NAME SAN [EXTENSION]
issue() {
    printf '%s\n' '[req]' 'distinguished_name=dn' 'prompt=no' '[dn]' "CN=$1" > "$work/req.cnf"
    printf '%s\n' 'basicConstraints=CA:false' "subjectAltName=$2" ${3+"$3"} > "$work/ext.cnf"
    openssl req $ec -config "$work/req.cnf" -keyout "$work/$1.key" -out "$work/csr" 2> /dev/null
    openssl x509 -req -in "$work/csr" -CA ca.crt -CAkey ca.key -CAcreateserial -CAserial ca.srl -days 7 \
        -extfile "$work/ext.cnf" -out "$work/$1.crt" 2> /dev/null
    mv "$work/$1.key" "$work/$1.crt" .
}

one() {
    case $1 in
        server) issue server 'DNS:localhost,IP:127.0.0.1' ;;
        web) issue web 'URI:spiffe://prod.example/ns/web/sa/front' ;;
        batch) issue batch 'URI:spiffe://prod.example/ns/etl/sa/batch' ;;
        # 1.3.6.1.4.1.32473 is set aside for examples (RFC 5612); yours is below your own number.
        admin) issue admin 'DNS:admin.prod.example' '1.3.6.1.4.1.32473.1.1=ASN1:UTF8String:orders-admin' ;;
        *) echo "nobody is called $1" >&2; exit 2 ;;
    esac
}

if [ "${2-}" = renew ]; then
    one "$3"
elif [ -e ca.key ]; then
    echo "$dir has certificates already" >&2
    exit 1
else
    authority
    for name in server web batch admin; do one "$name"; done
fi
