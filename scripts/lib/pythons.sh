# Two Python environments: callbot's (3.11 or newer) and Rasa's (3.10 exactly). Sourced by setup.sh.
#
# Environments are built in place (a virtual environment holds its own path and cannot be renamed); an interrupted
# one is simply completed by the next run, since the stamp is only written at the end.

VENV=$RUNTIME/venv
NLU_VENV=$RUNTIME/nlu-venv
PIP=(install --progress-bar off --disable-pip-version-check --no-input --retries 5 --timeout 60)

# runs PYTHON VERSION-TEST: is it there, does it really start (pyenv's shims may answer "command not found"), can it
# make an environment, and has it what we need?
runs() {
  "$1" -c "import sys, ssl, sqlite3, venv, ensurepip; sys.exit(not ($2))" >/dev/null 2>&1
}

# first_python VERSION-TEST CANDIDATE...: the first that runs, as an absolute path.
first_python() {
  local test=$1 candidate
  shift
  for candidate in "$@"; do
    if runs "$candidate" "$test"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

# fetched_python VERSION: a Python brought by uv (itself from PyPI) into .runtime, for machines without one.
fetched_python() {
  local uv_env=$RUNTIME/uv-venv base
  base=$(first_python 'sys.version_info >= (3, 8)' python3 /usr/bin/python3) || return 1
  [ -x "$uv_env/bin/uv" ] || { "$base" -m venv "$uv_env" && "$uv_env/bin/pip" "${PIP[@]}" uv; } >&2 || return 1
  export UV_PYTHON_INSTALL_DIR=$RUNTIME/python UV_PYTHON_PREFERENCE=only-managed
  "$uv_env/bin/uv" python install "$1" >&2 || return 1
  "$uv_env/bin/uv" python find "$1"
}

find_python_for_callbot() {
  first_python 'sys.version_info >= (3, 11)' \
    "${CALLBOT_PYTHON:-python3}" /usr/bin/python3 python3.13 python3.12 python3.11 ||
    fetched_python 3.12 ||
    die "no Python 3.11 or newer here, and uv could not fetch one" \
      "install one (Debian 12: apt-get install python3 python3-venv) or set CALLBOT_PYTHON to its path"
}

find_python_for_rasa() {
  local candidates=("${CALLBOT_PYTHON310:-python3.10}" /usr/bin/python3.10) prefix
  if have pyenv && prefix=$(pyenv prefix 3.10 2>/dev/null); then candidates+=("$prefix/bin/python3.10"); fi
  for prefix in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*; do candidates+=("$prefix/bin/python3.10"); done
  first_python 'sys.version_info[:2] == (3, 10)' "${candidates[@]}" ||
    fetched_python 3.10 ||
    die "no Python 3.10 here (Rasa 3.6 needs exactly that), and uv could not fetch one" \
      "with network: make setup again; or pyenv install 3.10; or set CALLBOT_PYTHON310 to its path"
}

# environment FOLDER PYTHON: makes it, or makes it anew when its Python has gone.
environment() {
  "$1/bin/python" -c '' 2>/dev/null || "$2" -m venv --clear "$1"
  "$1/bin/python" -m pip "${PIP[@]}" --upgrade 'pip>=25.1,<27' # 25.1 brought --group
}

venv_digest() { digest "$REPO/pyproject.toml" "${BASH_SOURCE[0]}"; }
venv_present() { [ -x "$VENV/bin/callbot" ]; }
install_venv() {
  environment "$VENV" "$(find_python_for_callbot)"
  (cd "$REPO" && "$VENV/bin/python" -m pip "${PIP[@]}" --editable . --group dev)
}

# Only the pins matter to Rasa's environment, so an edit elsewhere in pyproject.toml does not reinstall 2.7 GB.
nlu_pins() { awk '/^\[/ {inside = ($0 == "[dependency-groups]")} inside' "$REPO/pyproject.toml"; }
nlu_venv_digest() { digest "$(nlu_pins)" "${BASH_SOURCE[0]}"; }
nlu_venv_present() { [ -x "$NLU_VENV/bin/rasa" ]; }
install_nlu_venv() {
  environment "$NLU_VENV" "$(find_python_for_rasa)"
  (cd "$REPO" && "$NLU_VENV/bin/python" -m pip "${PIP[@]}" --group nlu)
}
