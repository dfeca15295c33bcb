#!/usr/bin/env bash
# Computes the score functions' reference for all 2^32 inputs and writes packages/conformance/scores/hashes.json: worst
# errors against MPFR and SHA-256 of the results, as little-endian float32 in the order of the inputs' bits, whole and in
# 256 chunks. Fails if an error is above 0.53 ulp or a function is not monotonic. Needs libmpfr-dev and libssl-dev.
set -euo pipefail
cd "$(dirname "$0")/../packages/conformance/scores"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cc -std=gnu11 -O2 -Wall -Wextra -fopenmp -o "$work/prove" prove.c -lmpfr -lcrypto -lm
"$work/prove" > "$work/hashes.json"
cp "$work/hashes.json" hashes.json
