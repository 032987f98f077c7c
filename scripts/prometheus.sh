#!/bin/sh
# Prometheus and promtool for the tests, unpacked or built into the user's cache; nothing is installed, no service is started.
#
#   prometheus.sh build [2|3]   get it unless it is there, then print the folder that holds both programs
#   prometheus.sh find [2|3]    print that folder, or say what is missing and exit with 3
#
# 2 (the default) is Debian's package, 2.42 on Debian 12; where there is no apt, whatever lies on the PATH. 3 is Prometheus 3.16,
# built from its Go modules: about 8 minutes cold on two cores.

set -eu

GO_VERSION=v0.316.0  # Prometheus 3.16: its Go modules count 0.3xx
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/fastagentic/prometheus

say() { printf '%s\n' "$*" >&2; }
missing() { say "$*"; exit 3; }
is_whole() { [ -x "$1/prometheus" ] && [ -x "$1/promtool" ]; }
has() { command -v "$1" >/dev/null 2>&1; }

scratch_folder() {
    mkdir -p "$CACHE"
    scratch=$(mktemp -d "$CACHE/.build-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
}

# Both programs appear at once, so that nobody finds half of it.
keep() {
    is_whole "$folder" || mv "$1" "$folder" 2>/dev/null || is_whole "$folder"
}

get_2() {
    has apt-get && has dpkg ||
        missing "There is no apt-get here to fetch Debian's prometheus with: put prometheus and promtool (2.42 or newer) on the PATH."
    scratch_folder
    say "Fetching Debian's prometheus package ..."
    (cd "$scratch" && apt-get -q download prometheus >apt.log 2>&1) || {
        tail -n 3 "$scratch/apt.log" >&2
        missing "apt-get download prometheus failed: run apt-get update as root, or put prometheus and promtool on the PATH."
    }
    (cd "$scratch" && dpkg -x prometheus_*.deb unpacked)
    keep "$scratch/unpacked/usr/bin"
}

get_3() {
    has go || missing "Prometheus 3 is built with Go, and there is no go on the PATH: https://go.dev/dl/"
    scratch_folder
    say "Building Prometheus $GO_VERSION (about 8 minutes the first time) ..."
    mkdir "$scratch/bin"
    GOTOOLCHAIN=local GOBIN=$scratch/bin go install \
        "github.com/prometheus/prometheus/cmd/prometheus@$GO_VERSION" "github.com/prometheus/prometheus/cmd/promtool@$GO_VERSION"
    keep "$scratch/bin"
}

line=${2:-2}
case $line in
    2) folder=$CACHE/debian ;;
    3) folder=$CACHE/$GO_VERSION ;;
    *) say "usage: prometheus.sh build | find [2 | 3]"; exit 2 ;;
esac
if [ "$line" = 2 ] && ! is_whole "$folder" && has prometheus && has promtool; then
    folder=$(dirname "$(command -v prometheus)")
fi
case ${1:-build} in
    build) is_whole "$folder" || "get_$line" ;;
    find) is_whole "$folder" || missing "Prometheus $line is not here: scripts/prometheus.sh build $line" ;;
    *) say "usage: prometheus.sh build | find [2 | 3]"; exit 2 ;;
esac
printf '%s\n' "$folder"
