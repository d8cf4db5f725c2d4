# Shared by the set-up steps: where things lie, saying what happens, running as root, remembering what is done.
# Sourced, never run.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RUNTIME=$REPO/.runtime
STAMPS=$RUNTIME/stamps
LOGS=$RUNTIME/logs

started_at=$SECONDS

say() { printf '[%4d s] %s\n' $((SECONDS - started_at)) "$*" >&2; }

# die MESSAGE REMEDY...: one line for what is wrong, one for what to do about it.
die() {
  say "error: $1"
  shift
  local remedy
  for remedy in "$@"; do printf '         -> %s\n' "$remedy" >&2; done
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

# Asks for the password once, in the foreground: the steps themselves run in the background, away from the keyboard.
require_root() {
  [ "$(id -u)" -eq 0 ] && return
  have sudo || die "set-up needs root for Debian packages, and there is no sudo here" \
    "run it as root, or install sudo and allow $(id -un) to use it"
  sudo -n true 2>/dev/null || sudo -v || die "sudo refused" "run as root: make setup"
}

# digest FILE-OR-WORD...: what a step depends on, as one hash. Words that name a file stand for its content.
digest() {
  local item
  for item in "$@"; do
    if [ -f "$item" ]; then cat "$item"; else printf '%s\n' "$item"; fi
  done | sha256sum | cut -d' ' -f1
}

is_done() { # is_done STEP DIGEST
  [ -f "$STAMPS/$1" ] && [ "$(<"$STAMPS/$1")" = "$2" ]
}

mark_done() { # mark_done STEP DIGEST; written aside and renamed, so a stamp is whole or absent
  printf '%s\n' "$2" >"$STAMPS/.$1.$$" && mv -f "$STAMPS/.$1.$$" "$STAMPS/$1"
}
