# shellcheck shell=bash
# Shared by scripts/test and .ci/run: what they say, what they install, how they count. Sourced from the repository's root.

# shellcheck source=scripts/apt.sh
source scripts/apt.sh

cache=$PWD/.cache
mkdir -p "$cache"

passed=0
failed=0
skipped=0

# What comes now, and how long it took to get there.
say() { printf '\n== %s (after %d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# Whether this run must be complete: on a developer's machine something that cannot be had is skipped, in CI it fails.
in_ci() { [[ ${CI:-} == true || ${CI:-} == 1 ]]; }

missing() {
    echo "missing: $1"
    if in_ci; then failed=$((failed + 1)); else skipped=$((skipped + 1)); fi
}

# install COMMAND PACKAGE...: Debian packages, if the command is not there.
install() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    say "apt-get install $*"
    apt_install "$@" >"$cache/apt.log" 2>&1 || { tail -n 20 "$cache/apt.log"; return 1; }
}

need_rust() {
    if ! command -v cargo >/dev/null; then
        echo "missing: cargo. Install Rust 1.95 or newer: https://rustup.rs"
        exit 1
    fi
    install cc gcc libc6-dev || { echo "missing: a C linker. Install gcc."; exit 1; }
}

# A Python with the original libraries in .cache/venv, made again when their versions change.
need_python() {
    # shellcheck disable=SC2034 # for those who source this
    python=$cache/venv/bin/python
    local wanted=(tests/requirements.txt tests/flask/requirements.txt)
    cat "${wanted[@]}" | cmp -s - "$cache/venv/requirements.txt" && return
    install python3 python3 || { echo "missing: python3, 3.11 or newer"; exit 1; }
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "missing: Python 3.11 or newer"; exit 1; }
    environment python3 "$cache/venv" "${wanted[@]}"
}

# environment PYTHON FOLDER REQUIREMENTS...: a venv with what is required, made again when that changes.
environment() {
    local of=$1 folder=$2
    shift 2
    if cat "$@" | cmp -s - "$folder/requirements.txt"; then return; fi
    # Debian's python3 comes without the module that puts pip into a venv.
    "$of" -c 'import ensurepip' 2>/dev/null || install python-venv-is-missing python3-venv || true
    say "Python environment in ${folder#"$PWD/"}"
    "$of" -m venv --clear "$folder" &&
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${@/#/--requirement=}" &&
        cat "$@" >"$folder/requirements.txt"
}

# build_program NAME: a program of the workspace. CI has built it with everything else; by itself, with fewer features of the
# libraries, it would be built once more.
build_program() {
    local what=(-p "$1")
    if in_ci; then what=(--workspace --examples --bins --all-features); fi
    cargo build --quiet --locked "${what[@]}"
}

# counted NAME COMMAND...: runs a command, adds up the tests that it reports, and counts its failure if it reports none.
counted() {
    local log=$cache/$1.log before=$failed status=0
    shift
    "$@" 2>&1 | tee "$log" || status=$?
    count <"$log"
    if [[ $status != 0 && $failed == "$before" ]]; then failed=$((failed + 1)); fi
}

# Adds up the summaries on standard input: cargo's "test result: ok. 3 passed; 0 failed; 1 ignored; ...",
# pytest's "3 passed, 1 skipped in 0.5s", and our own "3 passed, 0 failed". Cargo's may stand behind what a test printed.
count() {
    local number what
    while read -r number what; do
        case $what in
            passed) passed=$((passed + number)) ;;
            failed | error | errors) failed=$((failed + number)) ;;
            ignored | skipped) skipped=$((skipped + number)) ;;
        esac
    done < <(sed 's/\x1b\[[0-9;]*m//g; s/.*test result: /test result: /' |
        grep -E '^test result: |^(=+ )?[0-9]+ [a-z]+(, [0-9]+ [a-z]+)*( in [0-9.]+s.*)?$' |
        grep -oE '[0-9]+ (passed|failed|errors?|ignored|skipped)\b')
}

# The last line, and the exit status.
tally() {
    echo
    if ((skipped)); then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    ((failed == 0))
}
