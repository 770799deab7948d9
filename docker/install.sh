#!/bin/sh
# Installs fibertwin from the folder that this is started in, with the extras that are named, into /opt/fibertwin:
# docker/install.sh wheel,imaging
set -eu
python3 -m venv --without-pip /opt/fibertwin
if python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("dolfinx") is None)'; then # the base has its own DOLFINx: leave `wheel` out of the extras
    python3 -c 'import sys; print(*(p for p in sys.path if p.endswith("-packages")), sep="\n")' >/tmp/dolfinx.pth
    mv /tmp/dolfinx.pth /opt/fibertwin/lib/python3*/site-packages/
fi
python3 -m venv /tmp/tools
/tmp/tools/bin/pip install --no-cache-dir -q -c constraints.txt uv
/tmp/tools/bin/uv pip install -q --no-cache --python /opt/fibertwin/bin/python -c constraints.txt ".[$1]"
rm -rf /tmp/tools

# VTK's filters for accelerators (90 MB), debugging symbols, tests and manuals are never looked at in a run
cd /opt/fibertwin
find . \( -name 'libviskores*' -o -name '*vtkAcceleratorsVTKm*' \) -delete
find . \( -path '*/vtkmodules/all.py' -o -name vtk.py \) -exec sed -i /vtkAcceleratorsVTKm/d {} +
find . -name '*.so*' -type f -size +1M -exec strip --strip-unneeded {} +
find . -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
rm -rf share/doc lib/*/site-packages/lib64/cmake
