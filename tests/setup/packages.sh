#!/bin/bash
# Installs the Debian packages that are missing for a purpose: build, run (demo) or check.
#
#   packages.sh build|run|check
#
# As root it says what it will fetch and installs; as anybody else it prints the one line to run.
set -euo pipefail

build=(gcc make pkg-config gawk librdkafka-dev libhiredis-dev libavro-dev libyaml-dev libmicrohttpd-dev
       libjansson-dev libcurl4-openssl-dev libssl-dev zlib1g-dev libxxhash-dev)
run=("${build[@]}" python3 python3-confluent-kafka redis-server openjdk-17-jre-headless maven tzdata procps)
check=("${run[@]}" libcriterion-dev cppcheck clang-tidy clang-format shellcheck systemd git openssl)

case ${1:-} in
build) wanted=("${build[@]}") ;;
run) wanted=("${run[@]}") ;;
check) wanted=("${check[@]}") ;;
*) echo "usage: packages.sh build|run|check" >&2; exit 64 ;;
esac

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
present() { # a package, or what it is wanted for by another name
    installed "$1" && return
    case $1 in
    openjdk-17-jre-headless) java_version="$(java -version 2>&1 | sed -n '1s/.*"\([0-9]*\).*/\1/p')" || true
        [ "${java_version:-0}" -ge 17 ] ;;
    maven) command -v mvn >/dev/null ;;
    gcc) command -v "${CC:-gcc}" >/dev/null ;;
    gawk) awk --version 2>/dev/null | grep -q GNU || command -v mawk >/dev/null ;;
    python3 | make | git) command -v "$1" >/dev/null ;;
    *) false ;;
    esac
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system: install the equivalents of: ${wanted[*]}" >&2
    exit 0
fi
missing=()
for package in "${wanted[@]}"; do present "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    printf 'setup: Debian packages are missing. Run:\n  sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 69
fi
echo "setup: Debian packages to install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
plan() { apt-get install -y --no-install-recommends --print-uris "${missing[@]}" 2>/dev/null; }
if ! uris=$(plan); then apt-get update -q >/dev/null; uris=$(plan); fi
awk '/^\x27/ { n++; bytes += $3 } END { printf "setup: %d packages, %.0f MB to download\n", n, bytes / 1e6 }' <<<"$uris"
apt-get install -y -q --no-install-recommends "${missing[@]}" >/tmp/journeyd-apt.$$ 2>&1 ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } >/tmp/journeyd-apt.$$ 2>&1 ||
    { tail -20 /tmp/journeyd-apt.$$ >&2; exit 69; }
rm -f /tmp/journeyd-apt.$$
