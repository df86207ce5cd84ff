#!/bin/bash
# Builds the portal's two images: docker/build.sh [TARGET ...] (default: portal solr)
# with docker, podman or buildah, whichever is there and answers. From the environment:
#   HCMEDU_ENGINE     which of them
#   HCMEDU_TAG        the images' tag (default latest): hcmedu-portal:TAG, hcmedu-solr:TAG
#   HCMEDU_BUILD_CA   certificate (PEM) of the authority of a proxy between here and the package
#                     sources; it is used while building and is not in the images
#   HCMEDU_DEBIAN_MIRROR   used if debian:bookworm-slim has to be made here (base.sh)
set -euo pipefail
folder=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$folder/.."
# shellcheck source-path=SCRIPTDIR
. docker/engine.sh
find_engine

base=docker.io/library/debian:bookworm-slim
if ! has_image "$base"; then
    echo "Fetching debian:bookworm-slim …"
    timeout 600 "$engine" pull --quiet "$base" >/dev/null 2>&1 || {
        echo "No registry has it for us: making it from Debian's packages …"
        docker/base.sh
    }
fi
choose_isolation "$base"

options=(--file docker/Dockerfile)
if [ -n "${HCMEDU_BUILD_CA:-}" ]; then
    [ -r "$HCMEDU_BUILD_CA" ] || die "HCMEDU_BUILD_CA is $HCMEDU_BUILD_CA: no readable file."
    options+=(--secret "id=build-ca,src=$HCMEDU_BUILD_CA")
    options+=(--build-arg "BUILD_CA=$(sha256sum <"$HCMEDU_BUILD_CA" | cut -c1-64)")
fi
case $engine in
    # Health checks are in docker's image format only.
    podman) options+=(--format docker) ;;
    buildah) options+=(--format docker --layers) ;;
    docker) export DOCKER_BUILDKIT=1 ;;
esac

for target in "${@:-portal solr}"; do
    for one in $target; do
        echo "Building hcmedu-$one with $engine …"
        "$engine" build "${options[@]}" --target "$one" --tag "hcmedu-$one:${HCMEDU_TAG:-latest}" .
    done
done
