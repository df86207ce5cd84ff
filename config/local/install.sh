#!/bin/bash
# Installs what this checkout needs and the machine lacks:
#   config/local/install.sh run|test|check
# run: to run the portal; test: also what the tests need; check: only what `make check` needs.
# Nothing happens where everything is there.
set -euo pipefail

purpose=${1:-run}
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd -- "$root"
umask 022

uv_version=0.13.9

say() { printf '%s\n' "$*" >&2; }

die() {
    say "Error: $*"
    exit 1
}

# Registries answer late or not at all now and then.
again() {
    local pause
    for pause in 5 20 60; do
        "$@" && return
        say "That failed: $* ; once more in $pause s …"
        sleep "$pause"
    done
    "$@"
}

# Debian's packages -------------------------------------------------------------------------------

# Package and a file that stands for it, so that another provider of it counts as well.
missing=()
need() {
    local package=$1 file
    shift
    for file in "$@"; do
        # A pattern is matched unquoted.
        # shellcheck disable=SC2086
        compgen -G "$file" >/dev/null && return
    done
    missing+=("$package")
}

need_packages() {
    # psycopg2 is built from source.
    need gcc /usr/bin/gcc
    need libc6-dev /usr/include/stdio.h
    need libpq-dev /usr/include/postgresql/libpq-fe.h
    need libmagic1 '/usr/lib/*/libmagic.so.1'
    local python_header
    python_header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    need python3-dev "$python_header"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ "$purpose" = check ] && return
    need postgresql-15 '/usr/lib/postgresql/1[5-9]/bin/postgres'
    need redis-server /usr/bin/redis-server
    need openjdk-17-jdk-headless '/usr/lib/jvm/java-17-*/bin/javac'
    need maven /usr/bin/mvn
    need nodejs /usr/bin/node
    need npm /usr/bin/npm
    # Charts are measured and drawn with it where the reader has no other.
    need fonts-dejavu-core /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
    if [ "$purpose" = test ]; then
        need chromium /usr/bin/chromium
        need nginx-light /usr/sbin/nginx
    fi
}

install_packages() {
    [ ${#missing[@]} -eq 0 ] && return
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "these Debian packages are missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "Installing ${missing[*]} …"
    again "${sudo[@]}" apt-get update -qq
    # Debian starts a cluster and a Redis of its own with these packages; ours are others.
    # Another installation may be going on: its lock is waited for.
    again "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
}

# What browsers get -------------------------------------------------------------------------------

# Tools of the tests come with `test` only; what `test` installed is enough for `run`.
install_npm_packages() {
    local folder=config/npm digest kind=run omit=(--omit=dev)
    digest=$(cat $folder/package-lock.json $folder/vendor.mjs | sha256sum | cut -d' ' -f1)
    if [ "$purpose" = test ]; then
        kind=test omit=()
    fi
    local done=$folder/node_modules/.hcmedu-$digest
    if [ -e "$done-test" ] || [ -e "$done-$kind" ]; then
        return
    fi
    say "Installing npm packages …"
    (cd -- $folder && again npm ci --loglevel=error --no-fund --ignore-scripts "${omit[@]}" >&2)
    node $folder/vendor.mjs
    touch -- "$done-$kind"
}

# Python's packages -------------------------------------------------------------------------------

python=
for candidate in python3.11 python3; do
    if command -v "$candidate" >/dev/null &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || die "there is no Python 3.11 on this machine. On Debian 12: apt-get install python3"

need_packages
install_packages
[ "$purpose" = check ] || install_npm_packages

locks=(requirements.txt)
[ "$purpose" = run ] || locks+=(requirements-dev.txt)

# The project itself is installed for its entry points, which are in setup.py.
digest=$(cat "${locks[@]}" setup.py pyproject.toml | sha256sum | cut -d' ' -f1)
stamp=.venv/hcmedu-${#locks[@]}.digest
if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    exit 0
fi

if [ ! -x .venv/bin/python ]; then
    say "Making .venv …"
    "$python" -m venv .venv
fi
if ! .venv/bin/uv --version 2>/dev/null | grep -q " $uv_version"; then
    again .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" >&2
fi
say "Installing Python packages …"
requirements=()
for lock in "${locks[@]}"; do
    requirements+=(--requirement "$lock")
done
again .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes "${requirements[@]}" >&2
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable . >&2
# Compiled now, once: importing CKAN takes five times as long without.
.venv/bin/python -m compileall -q -j 0 .venv/lib/python3.11/site-packages >/dev/null || true
echo "$digest" >"$stamp"
