#!/bin/sh
# Builds the image without a container engine and solves the quick example in it on two ranks.
# Usage (as root, with mmdebstrap and buildah): docker/test.sh [FOLDER]    what is built stays in FOLDER if one is given
#
# A base is bootstrapped, so that no registry of images is needed; BASE=name builds on an image of a registry instead, EXTRAS=name,name
# with other extras.
# Certificates that SSL_CERT_FILE names go into that base alone.
set -eu
cd "$(dirname "$0")/.."

keep=${1:-}
work=${keep:-$(mktemp -d /var/tmp/fibertwin-image.XXXXXX)}
mkdir -p "$work"
store="--storage-driver vfs --root $work/store --runroot $work/run"
clean_up() {
    if [ -z "$keep" ]; then rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM
say() { printf 'docker/test.sh: %s\n' "$*" >&2; }

base=${BASE:-}
if [ -z "$base" ]; then
    say "making a base"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates trixie "$work/base.tar"
    printf 'FROM scratch\nADD base.tar /\n' >"$work/Base"
    if [ -n "${SSL_CERT_FILE:-}" ]; then
        cp -L "$SSL_CERT_FILE" "$work/certificates"
        printf 'COPY certificates /etc/ssl/certificates\nENV SSL_CERT_FILE=/etc/ssl/certificates PIP_CERT=/etc/ssl/certificates\n' >>"$work/Base"
    fi
    # shellcheck disable=SC2086
    buildah $store bud --quiet --isolation=chroot --network host -f "$work/Base" -t fibertwin-base "$work" >/dev/null
    base=localhost/fibertwin-base
fi

say "building the image on $base"
# shellcheck disable=SC2086
buildah $store bud --isolation=chroot --network host --pull=never --build-arg "BASE=$base" \
    ${EXTRAS:+--build-arg "EXTRAS=$EXTRAS"} -f docker/Dockerfile -t fibertwin . >"$work/build.log" 2>&1 ||
    { tail -30 "$work/build.log" >&2; exit 1; }

# shellcheck disable=SC2086
container=$(buildah $store from --pull=never localhost/fibertwin)
# shellcheck disable=SC2086
root=$(buildah $store mount "$container")
size=$(du -sxm "$root" | cut -f1)
say "the image takes $size MB unpacked (below 1500 wanted)"

data=$(mktemp -d "$work/data.XXXXXX")
cp -r examples/quick/. "$data"
chown -R 1234:1234 "$data"
inside() {
    # shellcheck disable=SC2086
    buildah $store run --isolation=chroot --network host --user 1234:1234 --volume "$data:/data" "$container" -- "$@"
}
say "running the quick example in it on two ranks"
inside fibertwin doctor
inside mpirun -n 2 fibertwin run case.toml -o out
for file in summary.json report.html fields.pvd; do
    [ -s "$data/out/$file" ] || { say "no $file came out"; exit 1; }
    [ "$(stat -c %u "$data/out/$file")" = 1234 ] || { say "$file is not the caller's"; exit 1; }
done
[ -n "${BASE:-}" ] || [ "$size" -lt 1500 ] || { say "the image is too large"; exit 1; }
say "all is well"
