# An Asterisk: the machine's, the distribution's, or (Debian 12 and 13 carry none) Debian unstable's 22 LTS in a
# folder of ours. Sourced by setup.sh.

ASTERISK_ROOT=$RUNTIME/asterisk
ASTERISK_PACKAGES=(asterisk asterisk-core-sounds-fr-wav)
ASTERISK_OLDEST=18

# major VERSION: "1:22.10.0~dfsg" -> 22
major() { local version=${1#*:}; printf '%s' "${version%%[.~-]*}"; }

machine_asterisk() {
  local version
  have asterisk || return 1
  version=$(asterisk -V 2>/dev/null) && version=${version#Asterisk }
  [ "$(major "$version")" -ge $ASTERISK_OLDEST ] 2>/dev/null
}

asterisk_digest() { digest "${BASH_SOURCE[0]}"; }
asterisk_present() { [ -x "$ASTERISK_ROOT/usr/sbin/asterisk" ] || have asterisk; }

install_asterisk() {
  local candidate
  if machine_asterisk; then return; fi
  candidate=$(apt_candidate asterisk)
  if [ -n "$candidate" ] && [ "$(major "$candidate")" -ge $ASTERISK_OLDEST ]; then
    install_distribution_asterisk
  else
    unpack_asterisk
  fi
}

# The package starts a system-wide Asterisk on port 5060 at once and at every boot; a set-up for tests must not.
install_distribution_asterisk() {
  local systemd=
  [ -d /run/systemd/system ] && systemd=yes
  [ -z "$systemd" ] || as_root systemctl mask --runtime asterisk.service
  apt_get install --no-install-recommends "${ASTERISK_PACKAGES[@]}"
  [ -z "$systemd" ] || as_root systemctl unmask --runtime asterisk.service
  [ -z "$systemd" ] || as_root systemctl disable asterisk.service
}

unpack_asterisk() {
  local archive partial=$ASTERISK_ROOT.partial cache=$RUNTIME/debootstrap-cache packages
  packages=$(IFS=,; echo "${ASTERISK_PACKAGES[*]},python3-minimal,libpython3-stdlib")
  mkdir -p "$cache" # downloads survive an interruption
  archive=$(machine_archive)
  if [ -n "$archive" ]; then bootstrap "$archive" || bootstrap; else bootstrap; fi
  # Its own package archives are of no use to us (some 100 MB).
  as_root find "$partial/var/cache/apt/archives" -name '*.deb' -delete
  as_root rm -rf "$ASTERISK_ROOT"
  as_root mv "$partial" "$ASTERISK_ROOT"
  as_root rm -rf "$cache"
}

# bootstrap [ARCHIVE]. In a mount namespace of its own: debootstrap mounts /proc inside the folder, and an interrupted
# run must leave nothing mounted there, or deleting the folder would reach into the machine's.
bootstrap() {
  as_root rm -rf "$partial"
  as_root unshare --mount --propagation private \
    debootstrap --variant=minbase --cache-dir="$cache" --include="$packages" sid "$partial" "$@" || {
    as_root tail -n 20 "$partial/debootstrap/debootstrap.log" 2>/dev/null
    return 1
  }
}
