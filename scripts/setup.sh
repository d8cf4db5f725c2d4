#!/usr/bin/env bash
# Sets up everything callbot needs on a bare Debian: packages, an Asterisk, callbot's environment and Rasa's.
#
#   scripts/setup.sh            whatever is missing
#   scripts/setup.sh venv ...   these steps only: packages, venv, nlu_venv, asterisk
#
# May be interrupted and repeated at any time: a step is stamped with the hash of what it depends on only once it is
# complete, and a complete step is skipped in milliseconds. Everything lies in .runtime/ (git-ignored) but the Debian
# packages.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common packages pythons asterisk; do
  # shellcheck source=/dev/null
  . "$here/lib/$part.sh"
done

declare -A TITLE=(
  [packages]="system packages"
  [venv]="callbot's environment"
  [nlu_venv]="Rasa's environment (TensorFlow, 2.7 GB)"
  [asterisk]="Asterisk"
)

mkdir -p "$STAMPS" "$LOGS"

is_current() { "$1_present" && is_done "$1" "$("$1_digest")"; }

# run_step NAME: in the background's own shell, its chatter in a log.
run_step() {
  local name=$1 hash
  hash=$("${name}_digest") # before the work: an edit made meanwhile counts as not yet done
  "install_$name"
  "${name}_present"
  mark_done "$name" "$hash"
}

declare -A pids=() begun=()

start_step() {
  say "${TITLE[$1]}: started"
  begun[$1]=$SECONDS
  set -m # its own process group, so that an interruption reaches all of it
  (set -e; run_step "$1") >"$LOGS/$1.log" 2>&1 </dev/null &
  pids[$1]=$!
  set +m
}

interrupted() {
  trap - INT TERM
  local name
  for name in "${!pids[@]}"; do
    kill -TERM -- "-${pids[$name]}" 2>/dev/null || as_root kill -TERM -- "-${pids[$name]}" 2>/dev/null || true
  done
  say "interrupted; what is complete stays, run it again to go on"
  exit 130
}
trap interrupted INT TERM

latest() { # latest STEP: its last line worth a person's eye
  grep -v -e '^WARNING' -e '^DEPRECATION' -e '^ *$' "$LOGS/$1.log" | tail -n 1 | cut -c1-80
}

# wait_steps: until every started step has ended; a word now and then, so that nobody thinks it hangs.
wait_steps() {
  local name failed=() spoken=$SECONDS
  while [ ${#pids[@]} -gt 0 ]; do
    sleep 0.5
    for name in "${!pids[@]}"; do
      kill -0 "${pids[$name]}" 2>/dev/null && continue
      if wait "${pids[$name]}"; then
        say "${TITLE[$name]}: done in $((SECONDS - begun[$name])) s"
      else
        failed+=("$name")
        say "${TITLE[$name]}: FAILED after $((SECONDS - begun[$name])) s; the end of $LOGS/$name.log:"
        tail -n 15 "$LOGS/$name.log" | cut -c1-300 | sed 's/^/         | /' >&2
      fi
      unset "pids[$name]"
    done
    if [ ${#pids[@]} -gt 0 ] && [ $((SECONDS - spoken)) -ge 20 ]; then
      spoken=$SECONDS
      for name in "${!pids[@]}"; do
        say "${TITLE[$name]}: $((SECONDS - begun[$name])) s so far: $(latest "$name")"
      done
    fi
  done
  [ ${#failed[@]} -eq 0 ] || die "set-up is not complete: ${failed[*]}" "read the lines above, then: make setup"
}

missing() { # missing STEP...: those of them that are not current
  local name
  for name in "$@"; do is_current "$name" || printf '%s\n' "$name"; done
}

[ $# -gt 0 ] || set -- packages venv nlu_venv asterisk
for name in "$@"; do
  [ -n "${TITLE[$name]:-}" ] || die "no step is called $name" "steps: packages, venv, nlu_venv, asterisk"
done

mapfile -t todo < <(missing "$@")
# Our own Asterisk runs in a chroot, so whoever starts it (demo, tests) needs root as well: ask now, not in the middle.
if [ ${#todo[@]} -gt 0 ] || [ -x "$ASTERISK_ROOT/usr/sbin/asterisk" ]; then require_root; fi
[ ${#todo[@]} -gt 0 ] || exit 0

exec 9>"$RUNTIME/setup.lock"
if ! flock --nonblock 9; then
  say "another set-up is running here: waiting for it"
  flock 9
fi
mapfile -t todo < <(missing "$@")
[ ${#todo[@]} -gt 0 ] || exit 0

for name in "${todo[@]}"; do
  [ "$name" = packages ] && { start_step packages; wait_steps; }
done
for name in "${todo[@]}"; do
  [ "$name" = packages ] || start_step "$name"
done
wait_steps
say "set-up complete"
