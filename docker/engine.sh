# Sourced: which program builds and runs images here. Sets `engine` to docker, podman or buildah,
# the first that is installed and answers, or to what HCMEDU_ENGINE says.
# shellcheck shell=bash

die() {
    printf 'Error: %s\n' "$*" >&2
    exit 1
}

works() {
    command -v "$1" >/dev/null || return
    # A client without a server behind it says so here.
    timeout 30 "$1" info >/dev/null 2>&1
}

find_engine() {
    local candidate
    for candidate in ${HCMEDU_ENGINE:-docker podman buildah}; do
        if works "$candidate"; then
            engine=$candidate
            return
        fi
    done
    die "none of ${HCMEDU_ENGINE:-docker, podman, buildah} is installed and answers. On Debian:" \
        "apt-get install buildah (and run this as root), or start docker's service."
}

# Where containers may not have namespaces of their own, buildah can do with chroot. Needs an image
# to try it with.
choose_isolation() {
    [ "$engine" = buildah ] && [ -z "${BUILDAH_ISOLATION:-}" ] || return 0
    local container
    container=$(buildah from --pull-never "$1")
    buildah run "$container" true 2>/dev/null || export BUILDAH_ISOLATION=chroot
    buildah rm "$container" >/dev/null
}

has_image() {
    case $engine in
        buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
        *) "$engine" image inspect "$1" >/dev/null 2>&1 ;;
    esac
}
