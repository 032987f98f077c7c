#!/bin/sh
# The OpenTelemetry Collector of collector-config/builder-config.yaml, built from Go modules into the user's cache.
#
#   collector.sh build   build it unless it is there, then print the path of the binary
#   collector.sh find    print that path, or say what is missing and exit with 3; nothing is built
#
# Cached by the hash of the manifest, of this file and of the Go version, so that a change of any makes a new one. About 8
# minutes cold on two cores, seconds when Go has compiled the modules before.

set -eu
cd "$(dirname "$0")/.."

MANIFEST=$PWD/collector-config/builder-config.yaml
MODULE=example.org/fastagentic/otelcol
OLDEST_GO=26  # of Go 1.x: what the modules' own go.mod files ask for
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/fastagentic/collector
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -buildvcs=false"

say() { printf '%s\n' "$*" >&2; }
missing() { say "$*"; exit 3; }

require_go() {
    command -v go >/dev/null 2>&1 ||
        missing "The collector is built with Go 1.$OLDEST_GO or newer, and there is no go on the PATH: https://go.dev/dl/"
    version=$(go env GOVERSION)  # go1.26.8
    minor=${version#go1.}
    minor=${minor%%[!0-9]*}
    [ "${minor:-0}" -ge "$OLDEST_GO" ] ||
        missing "The collector is built with Go 1.$OLDEST_GO or newer; $(command -v go) is $version."
}

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-16
}

built_path() {
    key=$({ cat "$MANIFEST" scripts/collector.sh; printf '%s' "$version"; } | digest)
    printf '%s\n' "$CACHE/$key/otelcol"
}

# `ocb` would run `go mod tidy`, which also resolves the tests of every dependency, and modules that only those need are not
# always to be had. So it only generates the sources; go.mod is written from the manifest, and `go build -mod=mod` resolves
# what is really imported.
build() {
    folder=$(dirname "$binary")
    mkdir -p "$CACHE"
    scratch=$(mktemp -d "$CACHE/.build-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
    core=$(sed -n 's/.*receiver\/otlpreceiver \(v[0-9.]*\).*/\1/p' "$MANIFEST")

    say "Building the collector $core with $version (about 8 minutes the first time) ..."
    GOBIN=$scratch go install "go.opentelemetry.io/collector/cmd/builder@$core"
    cp "$MANIFEST" "$scratch/manifest.yaml"
    (cd "$scratch" && ./builder --config manifest.yaml --skip-compilation --skip-get-modules >generate.log 2>&1) ||
        { cat "$scratch/generate.log" >&2; exit 1; }
    say "Compiling ..."
    (
        cd "$scratch/_build"
        go mod init "$MODULE" 2>/dev/null
        # One argument a module; their paths hold no spaces.
        # shellcheck disable=SC2046
        go mod edit -go="1.$OLDEST_GO.0" \
            -require="go.opentelemetry.io/collector/otelcol@$core" -require="go.opentelemetry.io/collector/service@$core" \
            $(sed -n 's/^ *- gomod: \([^ ]*\) \([^ ]*\).*/-require=\1@\2/p' "$MANIFEST")
        go build -mod=mod -trimpath -ldflags="-s -w" -tags grpcnotrace -o "$scratch/otelcol" .
    )
    "$scratch/otelcol" components >/dev/null
    mkdir -p "$folder"
    mv "$scratch/otelcol" "$binary"  # whole or not at all: two builds side by side disturb nobody
}

require_go
binary=$(built_path)
case ${1:-build} in
    build) [ -x "$binary" ] || build ;;
    find) [ -x "$binary" ] || missing "The collector is not built: make collector (about 8 minutes the first time)." ;;
    *) say "usage: collector.sh build | find"; exit 2 ;;
esac
printf '%s\n' "$binary"
