#!/usr/bin/env bash
# Packs what a GPU machine without a network needs beside PyTorch, torchvision and Triton, in pieces that are small enough to send:
#   bash tests/gpu_pack.sh DEST ARCHIVE [PYTHON]
# DEST/whl gets wheels for Linux and PYTHON (3.12): fastai and what it imports, kornia for blurred networks, and the peers of the bench;
# DEST/images.00, .01, … get ARCHIVE (imagenette2-160.tgz) in pieces of 55 MB. On the other side:
#   pip install --no-index --no-deps --target ~/site DEST/whl/*.whl && mkdir -p ~/data && cat DEST/images.* | tar xz -C ~/data
#   PYTHONPATH=~/site python tests/gpu.py && PYTHONPATH=~/site python tests/gpu.py --board
set -euo pipefail
dest=${1:?a folder for the wheels} archive=${2:?the archive with the images} python=${3:-3.12}
mkdir -p "$dest/whl"
platforms=(--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64)
python3 -m pip download -q --no-deps --only-binary=:all: --python-version "$python" --implementation cp "${platforms[@]}" -d "$dest/whl" \
  fastai fastcore fastprogress fastdownload fasttransform 'plum-dispatch<2.10' beartype cloudpickle python-fasthtml starlette itsdangerous \
  python-multipart python-dateutil filelock hypothesis sortedcontainers pytest iniconfig pluggy pygments kornia kornia_rs torch-optimi pytorch_optimizer
split -d -b 55M "$archive" "$dest/images."
du -sh "$dest"/*
