#!/usr/bin/env bash
# Unpacks lavapipe of Mesa 25, from bookworm-backports, into a folder of its own, for tests of WebGPU on Debian 12 without
# a GPU: Dawn refuses the system's Mesa 22. The system's packages stay as they are. Needs root for apt.
#
#   export VK_ICD_FILENAMES=$(scripts/setup-lavapipe.sh [folder, default .vk])
set -euo pipefail

folder=$(realpath -m "${1:-.vk}")
manifest=$folder/lvp.json
if [ -f "$manifest" ]; then
  echo "$manifest"
  exit 0
fi

say() { echo "setup-lavapipe: $*" >&2; }

[ "$(dpkg --print-architecture)" = amd64 ] || { say "expected an amd64 machine"; exit 1; }

say "installing the Vulkan loader, and Mesa for the libraries that lavapipe needs"
apt-get update >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers >&2

# The backports suite lives on the mirror that the machine uses already. Apt gets a state of its own in the folder, so that
# nothing here can change what the system would upgrade to.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
[ -n "$mirror" ] || { say "apt knows no mirror of bookworm"; exit 1; }
mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror bookworm-backports main" > "$folder/backports.list"

backports() {
  apt-get -o Dir::Etc::sourcelist="$folder/backports.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$folder/state/lists" -o Dir::Cache="$folder/cache" \
    -o APT::Sandbox::User=root "$@" >&2
}

say "fetching mesa-vulkan-drivers from $mirror bookworm-backports"
backports update
(cd "$folder" && backports download mesa-vulkan-drivers/bookworm-backports)
dpkg-deb --extract "$folder"/mesa-vulkan-drivers_*.deb "$folder/mesa"

driver=$folder/mesa/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so
[ -f "$driver" ] || { say "the package holds no $driver"; exit 1; }
printf '{"file_format_version": "1.0.1", "ICD": {"library_path": "%s", "api_version": "1.4.305"}}\n' "$driver" > "$manifest"
echo "$manifest"
