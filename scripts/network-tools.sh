#!/usr/bin/env bash
# Installs what the proof in tests/e2e/network_test.go needs (ip from iproute2, nft from nftables), where it is missing and
# can be installed: on Debian and its kin, as root. Elsewhere it says what to install; the test then skips, or fails with CI
# set.
set -euo pipefail
need=()
command -v ip >/dev/null || need+=(iproute2)
command -v nft >/dev/null || [ -x /usr/sbin/nft ] || need+=(nftables)
[ ${#need[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the network proof needs ${need[*]}; install with: sudo apt-get install ${need[*]}" >&2
  exit 0
fi
echo "==> installing ${need[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
