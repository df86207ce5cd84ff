#!/bin/bash
# Builds the images and runs them against real services (check.py says how): `make check-images`.
# HCMEDU_SKIP_BUILD=1 checks the images that are there. The settings of build.sh hold here too.
set -euo pipefail
folder=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$folder/engine.sh"

[ -n "${HCMEDU_SKIP_BUILD:-}" ] || "$folder/build.sh"
find_engine
choose_isolation "hcmedu-portal:${HCMEDU_TAG:-latest}"
export HCMEDU_ENGINE=$engine
exec python3 "$folder/check.py"
