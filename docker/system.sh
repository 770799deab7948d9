#!/bin/sh
# What a run needs of Debian or Ubuntu: Python with its headers and a compiler (forms), and what VTK and gmsh load.
# Further packages may be named: docker/system.sh python3-venv binutils
set -eu
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    python3 libpython3-dev gcc libc6-dev \
    libgl1 libglu1-mesa libegl1 libxrender1 libxcursor1 libxft2 libxinerama1 "$@"
# link-time optimizing, sanitizers, static libraries and manuals are of no use here
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc /usr/share/man /usr/share/locale \
    /usr/bin/*lto-dump* /usr/libexec/gcc/*/*/lto1 /usr/lib/*/lib*san.so* /usr/lib/python3*/config-*/*.a \
    /usr/lib/*/libc.a /usr/lib/*/libm-*.a /usr/lib/*/libmvec.a
