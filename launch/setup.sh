# Sourced by the other scripts: enters the repository and makes .venv ready there.
# Usage: EXTRA=test source setup.sh. Sets PYTHON. EXTRA, not an argument, names an extra
# of setup.py beside the network: a sourced file without arguments would see those of its caller. Installs
# again only when the files that list the requirements have changed.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON="$PWD/.venv/bin/python"

new_enough() {
    "$1" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! new_enough "$PYTHON"; then
    for candidate in python3.12 python3.11 python3 ""; do
        if [ -n "$candidate" ] && new_enough "$candidate"; then break; fi
    done
    if [ -z "$candidate" ]; then
        echo "error: Python 3.11 or newer, with its venv module, is not on the PATH;" \
            "install it (Debian: apt-get install python3 python3-venv)" >&2
        exit 2
    fi
    echo "set-up: making .venv with $("$candidate" --version)"
    "$candidate" -m venv --clear .venv
fi

target="-e .[network${EXTRA:+,$EXTRA}]"
stamp=".venv/.installed${EXTRA:+-$EXTRA}"
# The folder is part of the state: an editable install points into it.
state="$( (pwd && cat requirements.txt setup.py) | cksum)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$state" ]; then
    echo "set-up: installing $target (a minute or two the first time)"
    rm -f "$stamp"
    # shellcheck disable=SC2086  # "-e" and the folder are two words
    if ! "$PYTHON" -m pip install -qq --disable-pip-version-check $target; then
        echo "error: the requirements were not installed; see pip's message above" >&2
        exit 2
    fi
    echo "$state" >"$stamp"
fi
