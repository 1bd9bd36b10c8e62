#!/usr/bin/env bash
# Packs what a GPU machine without a network needs beside PyTorch, torchvision and Triton, for two calls, each of which can send little:
#   bash tests/gpu_pack.sh DEST ARCHIVE [PYTHON]
# DEST/1/whl and DEST/2/whl get wheels for Linux and PYTHON (3.12): fastai and what it imports, this project, whose code comes from the tree
# but whose version does not, and the peers of the bench; for the second call kornia, for blurred networks. DEST/1/images.tgz and
# DEST/2/images.tgz get every other image of ARCHIVE (imagenette2-160.tgz). Calls send the tree, which must not contain DEST except as a
# folder that git ignores, and DEST/1 or DEST/2: at most LIMIT bytes (64 MiB). `python tests/gpu.py --help` has the commands of both.
set -euo pipefail
dest=${1:?a folder for the pieces} archive=${2:?the archive with the images} python=${3:-3.12} limit=${LIMIT:-$((64<<20))}
root=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rm -rf "$dest/1" "$dest/2"
mkdir -p "$dest/1/whl" "$dest/2/whl" "$tmp/tree" "$tmp/images"

# What a call sends of the tree: what git does not ignore, as far as it is there
cd "$root"
git ls-files -coz --exclude-standard | while IFS= read -r -d '' o; do if [ -e "$o" ]; then printf '%s\0' "$o"; fi; done > "$tmp/sent"
cd "$OLDPWD"
inside=$(cd "$dest" && pwd)
if [[ $inside/ == "$root"/* ]] && ! git -C "$root" check-ignore -q "$inside/1/whl"; then
  echo "$dest is in the tree, and git does not ignore it, so that each call would send all pieces; build/gpu would do" >&2
  exit 1
fi

platforms=(--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64)
fetch() { python3 -m pip download -q --no-deps --only-binary=:all: --python-version "$python" --implementation cp "${platforms[@]}" -d "$@"; }
fetch "$dest/1/whl" fastai fastcore fastprogress fastdownload fasttransform 'plum-dispatch<2.10' beartype python-fasthtml starlette itsdangerous \
  python-multipart filelock torch-optimi pytorch_optimizer
fetch "$dest/2/whl" kornia kornia_rs
(cd "$root" && xargs -0 cp --parents -t "$tmp/tree" < "$tmp/sent") # A build leaves files behind
python3 -m pip wheel -q --no-deps -w "$dest/1/whl" "$tmp/tree"

tar xzf "$archive" -C "$tmp/images"
(cd "$tmp/images" && find . -type f | LC_ALL=C sort) > "$tmp/names"
awk -v one="$tmp/names.1" -v two="$tmp/names.2" '{ print > (NR%2 ? one : two) }' "$tmp/names"
for i in 1 2; do tar czf "$dest/$i/images.tgz" -C "$tmp/images" -T "$tmp/names.$i"; done

bytes() { du -cb --files0-from=- | tail -1 | cut -f1; }
tree=$(cd "$root" && bytes < "$tmp/sent")
status=0
for i in 1 2; do
  load=$(find "$dest/$i" -type f -print0 | bytes)
  awk -v i=$i -v t="$tree" -v l="$load" -v m="$limit" 'BEGIN { printf "call %d sends %.1f MiB: the tree %.1f, %s %.1f; at most %.1f can be sent\n",
    i, (t+l)/2^20, t/2^20, "its pieces", l/2^20, m/2^20 }'
  if (( tree+load > limit )); then echo "call $i sends too much" >&2; status=1; fi
done
exit $status
