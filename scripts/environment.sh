#!/bin/sh
# Makes .venv from uv.lock, called by the Makefile and by .ci/run. POSIX sh: Debian's dash and macOS's sh run it.
#
#   environment.sh python         print a Python that can make the environment, or say what to install
#   environment.sh install STAMP  make or refresh .venv, then write STAMP
#   environment.sh add STAMP GROUP  add a dependency group of pyproject.toml to .venv, then write STAMP
#
# Only paths relative to the repository are used, so a checkout may lie under a path with spaces.

set -eu
cd "$(dirname "$0")/.."

VENV=.venv
UNFINISHED=$VENV/.unfinished  # there while an install runs: an environment that has it was killed half way
OLDEST=3.11

say() { printf '%s\n' "$*" >&2; }

# What is wrong with the Python "$1": prints nothing when it will do. A pyenv shim without a version behind it fails here too.
shortcoming() {
    "$1" - 2>/dev/null <<'PYTHON' || printf 'broken'
import sys

version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("old " + version)
else:
    try:
        import ensurepip, venv
    except ImportError:
        print("no-venv " + version)
PYTHON
}

find_python() {
    without_venv=
    too_old=
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        found=$(shortcoming "$candidate")
        case $found in
            "") printf '%s\n' "$candidate"; return 0 ;;
            no-venv*) without_venv=${without_venv:-"$candidate ${found#no-venv }"} ;;
            old*) too_old=${too_old:-"$candidate is ${found#old }"} ;;
        esac
    done
    if [ -n "$without_venv" ]; then
        name=${without_venv%% *}
        package=python3-venv
        [ "$name" = python3 ] || package=python${without_venv##* }-venv
        say "$name (${without_venv##* }) has no venv module, so .venv cannot be made. On Debian and Ubuntu:"
        say "    sudo apt install $package"
    elif [ -n "$too_old" ]; then
        say "fastagentic needs Python $OLDEST or newer; $too_old, and no newer one is on the PATH."
        say "Install one (Debian 12 or newer: sudo apt install python3 python3-venv; macOS: brew install python),"
        say "or name it: make PYTHON=/path/to/python3.12"
    else
        say "No Python found. fastagentic needs Python $OLDEST or newer."
        say "Install one (Debian 12 or newer: sudo apt install python3 python3-venv; macOS: brew install python)."
    fi
    return 1
}

# Whether .venv is whole and belongs to this checkout: not left half-made, not moved here with its folder (scripts and
# the editable install hold absolute paths), its Python alive and new enough.
is_usable() {
    [ ! -e "$UNFINISHED" ] || return 1
    for other in "$VENV"/.installed-*; do
        [ ! -e "$other" ] || [ "$other" = "$stamp" ] || return 1
    done
    [ -z "$(shortcoming "$VENV/bin/python")" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1
}

make_venv() {
    python=$(find_python) || exit 1
    if [ -e "$VENV" ]; then
        say "$VENV is not usable here (moved, half-made, or its Python is gone): making it anew."
        rm -rf "$VENV"
    fi
    say "Making $VENV with $("$python" --version 2>&1) ..."
    mkdir -p "$VENV"
    : >"$UNFINISHED"
    "$python" -m venv "$VENV"
}

# Settings of the installers, for this project alone.
set_up_installers() {
    # An active environment, or a setting meant for another project, must not lead the installers elsewhere.
    unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_ROOT UV_SYSTEM_PYTHON
    export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
    export UV_PROJECT_ENVIRONMENT="$VENV" UV_PYTHON="$VENV/bin/python" UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
}

install() {
    stamp=$1
    set_up_installers
    is_usable || make_venv
    : >"$UNFINISHED"
    "$VENV/bin/python" -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r scripts/uv-requirements.txt
    leave_cache_alone_if_read_only
    say "Installing what uv.lock names ..."
    # Two steps: the project itself is built by the hatchling of uv.lock, not by one fetched without a hash.
    "$VENV/bin/uv" sync --frozen --all-extras --quiet --no-install-project
    "$VENV/bin/uv" sync --frozen --all-extras --quiet --no-build-isolation-package fastagentic
    : >"$stamp"
    rm -f "$UNFINISHED"
}

# What a tier needs beside the rest; --inexact, so that one group does not take another away.
add() {
    set_up_installers
    leave_cache_alone_if_read_only
    say "Installing the group $2 of uv.lock ..."
    "$VENV/bin/uv" sync --frozen --all-extras --group "$2" --inexact --quiet --no-install-project
    : >"$1"
}

leave_cache_alone_if_read_only() {
    if ! cache_is_writable; then
        export UV_NO_CACHE=1
    fi
}

cache_is_writable() {
    folder=$("$VENV/bin/uv" cache dir 2>/dev/null) && mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ]
}

case ${1:-} in
    python) find_python ;;
    install) install "$2" ;;
    add) add "$2" "$3" ;;
    *) say "usage: environment.sh python | install STAMP | add STAMP GROUP"; exit 2 ;;
esac
