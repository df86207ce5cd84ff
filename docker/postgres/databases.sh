#!/bin/bash
# Makes the portal's databases and roles, as PostgreSQL's superuser, in a cluster that is new. The
# official image runs it when it makes its cluster; for another server, run it with psql's variables
# (PGHOST, PGUSER …). Passwords come from files in /run/secrets (or the folder HCMEDU_SECRETS).
set -euo pipefail

secrets=${HCMEDU_SECRETS:-/run/secrets}

# Files and not arguments: command lines can be read by all users of a machine. psql's :'name'
# quotes the value.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" \
    --dbname=postgres <<SQL
\\set ckan_password \`cat $secrets/HCMEDU_CKAN_DATABASE_PASSWORD\`
\\set reader_password \`cat $secrets/HCMEDU_DATASTORE_READER_PASSWORD\`
CREATE ROLE ckan LOGIN PASSWORD :'ckan_password';
CREATE ROLE datastore_reader LOGIN PASSWORD :'reader_password';
CREATE DATABASE ckan OWNER ckan;
CREATE DATABASE datastore OWNER ckan;
-- Nobody connects to a database unless allowed.
REVOKE ALL ON DATABASE ckan FROM PUBLIC;
REVOKE ALL ON DATABASE datastore FROM PUBLIC;
GRANT CONNECT ON DATABASE datastore TO datastore_reader;
SQL
