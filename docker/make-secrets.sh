#!/bin/bash
# Makes the portal's secrets that are not there yet, a file each, in a folder (default
# docker/secrets): docker/make-secrets.sh [FOLDER]
#
# Empty ones are made for what the source systems give out: whoever runs the portal fills them in.
# Only the owner gets into the folder; the files are readable, since compose mounts them as they
# are into containers whose users are others.
set -euo pipefail

folder=${1:-$(dirname -- "$0")/secrets}
mkdir -p -- "$folder"
chmod 0700 -- "$folder"
umask 022

for name in HCMEDU_POSTGRES_PASSWORD HCMEDU_CKAN_DATABASE_PASSWORD \
    HCMEDU_DATASTORE_READER_PASSWORD HCMEDU_REDIS_PASSWORD HCMEDU_SECRET_KEY \
    HCMEDU_ADMIN_PASSWORD; do
    [ -s "$folder/$name" ] && continue
    # Hexadecimal digits need no quoting in an address, in SQL or in an ini file.
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
    echo "Made $folder/$name"
done

for name in HCMEDU_CENTRAL_DATABASE_URL HCMEDU_SERVICES_CLIENT_SECRET; do
    [ -e "$folder/$name" ] && continue
    : >"$folder/$name"
    echo "Put in $folder/$name what config/sources refers to by this name."
done
