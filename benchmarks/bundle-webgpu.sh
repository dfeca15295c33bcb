#!/usr/bin/env bash
# Puts all that the WebGPU conformance run and benchmark need into one folder, for a Linux x64 machine without network:
# node, Dawn, the built packages, the benchmark as one file, and Debian's loaders for Vulkan, GL and EGL.
# Usage, after `pnpm build`: benchmarks/bundle-webgpu.sh DIR; then on the machine: DIR/run.sh OUT
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd); mkdir -p "$1"; dir=$(realpath "$1"); modules="$dir/node_modules"
rm -rf "$modules"; mkdir -p "$modules/@moe-dispatch" "$modules/webgpu/dist"
xz -T0 -3 -c "$(readlink -f "$(command -v node)")" > "$dir/node.xz"
webgpu="$root/packages/backend-webgpu/node_modules/webgpu"
cp "$webgpu/package.json" "$webgpu/index.js" "$modules/webgpu/"; cp -r "$webgpu/dist/linux-x64" "$modules/webgpu/dist/"
xz -T0 -3 "$modules/webgpu/dist/linux-x64/"*.node
for name in core backend-cpu backend-webgpu models safetensors conformance; do
  mkdir "$modules/@moe-dispatch/$name"
  for part in package.json dist bin fixtures report.schema.json bench.schema.json; do
    if [ -e "$root/packages/$name/$part" ]; then cp -rL "$root/packages/$name/$part" "$modules/@moe-dispatch/$name/"; fi
  done
done
# Beside each of them, pnpm keeps what it depends on.
for name in ajv fast-check jsonc-parser; do
  cp -rL "$(dirname "$(realpath "$root/packages/conformance/node_modules/$name")")/." "$modules/"
done
"$root/node_modules/.bin/esbuild" "$root/benchmarks/src/webgpu.ts" --bundle --platform=node --format=esm \
  --external:webgpu --external:@moe-dispatch/* --outfile="$dir/bench.mjs" --log-level=warning
"$root/node_modules/.bin/esbuild" "$root/scripts/check-scores-webgpu.mjs" --bundle --platform=node --format=esm \
  --external:webgpu --outfile="$dir/check-scores.mjs" --log-level=warning
(cd "$dir" && apt-get download -q libvulkan1 libegl1 libglvnd0 libgl1 libglx0 libopengl0 libgles2 >/dev/null)
cat > "$dir/run.sh" <<'RUN'
#!/usr/bin/env bash
# Usage: run.sh OUT [bench|conformance|scores]: writes reports into OUT. The score functions' check runs only if asked for.
cd "$(dirname "$0")"; out=$1; what=${2:-all}
xz -dc node.xz > /tmp/node && chmod +x /tmp/node; xz -dkf node_modules/webgpu/dist/linux-x64/*.xz
# NVIDIA's Vulkan driver needs the GL and EGL loaders too.
ldconfig -p | grep -q libvulkan || { for deb in *.deb; do dpkg -x "$deb" /tmp/vulkan; done
  export LD_LIBRARY_PATH="/tmp/vulkan/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; }
icd=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json; [ -e "$icd" ] && export VK_DRIVER_FILES="${VK_DRIVER_FILES:-$icd}"
export XDG_RUNTIME_DIR=/tmp
if [ "$what" = scores ]; then timeout 580 /tmp/node check-scores.mjs | tee "$out/webgpu-scores.txt"; exit "${PIPESTATUS[0]}"; fi
if [ "$what" != conformance ]; then timeout 240 /tmp/node bench.mjs --json "$out/webgpu-bench.json" | tee "$out/webgpu-bench.md"; fi
if [ "$what" != bench ]; then
  timeout 330 /tmp/node node_modules/@moe-dispatch/conformance/bin/moe-conformance.js run \
    --backend @moe-dispatch/backend-webgpu --json "$out/webgpu-conformance.json" | tee "$out/webgpu-conformance.txt" | tail -40
fi
RUN
chmod +x "$dir/run.sh"; du -sh "$dir"
