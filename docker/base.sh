#!/bin/bash
# Makes the image debian:bookworm-slim from Debian's packages, for a machine that reaches a Debian
# mirror but no image registry. As root; needs debootstrap. build.sh calls it when it has to.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/engine.sh"
find_engine

image=docker.io/library/debian:bookworm-slim
mirror=${HCMEDU_DEBIAN_MIRROR:-http://deb.debian.org/debian}

command -v debootstrap >/dev/null || die "debootstrap is not installed: apt-get install debootstrap"
[ "$(id -u)" -eq 0 ] || die "debootstrap makes a system's files, which only root can."

root=$(mktemp -d)
trap 'rm -rf -- "$root"' EXIT
debootstrap --variant=minbase bookworm "$root" "$mirror" >&2

# What the official image leaves out as well.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/{*.bin,archives/*.deb} "$root"/var/log/*.log \
    "$root"/usr/share/{doc,info,locale,man}/*
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
rm -f "$root/etc/apt/sources.list"
cat >"$root/etc/apt/sources.list.d/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: ${HCMEDU_DEBIAN_SECURITY_MIRROR:-${mirror%/debian}/debian-security}
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END

if [ "$engine" = buildah ]; then
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / >/dev/null
    buildah config --cmd bash "$container"
    buildah commit --quiet --rm "$container" "$image" >/dev/null
else
    tar --create --directory "$root" --numeric-owner . | "$engine" import --change 'CMD ["bash"]' - "$image"
fi
