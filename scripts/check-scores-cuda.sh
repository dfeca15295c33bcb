#!/usr/bin/env bash
# Compares all 2^32 results of the CUDA score functions with packages/conformance/scores/hashes.json. With --build DIR only
# builds what a host with a GPU needs, for it to run DIR/check-scores-cuda.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -e "$here/../packages" ]; then
  packages="$here/../packages"; dir=${2:-$(mktemp -d)}; mkdir -p "$dir"
  nvcc -std=c++17 -O3 -arch=sm_90 -o "$dir/scores-cuda" "$packages/backend-cuda/native/check/scores.cu"
  cp "$packages/conformance/scores/hashes.json" "$0" "$dir"
  if [ "${1:-}" = --build ]; then exit; fi
  here=$dir
fi
for function in exp sigmoid sqrtsoftplus; do
  found=$("$here/scores-cuda" "$function" | sha256sum | cut -d' ' -f1)
  grep -A3 "\"$function\"" "$here/hashes.json" | grep -q "\"sha256\": \"$found\"" || { echo "$function differs: $found" >&2; exit 1; }
  echo "$function: $found, as the reference"
done
