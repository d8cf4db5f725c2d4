# Debian packages, from the machine's own sources, which stay as they are. Sourced by setup.sh.
#
# The French MBROLA voices and pico live in non-free, which a stock Debian does not list. So apt is given a list of
# its own, derived from the machine's: same addresses, same suites, same keys, more components, lists kept apart.

PACKAGES=(ca-certificates debootstrap espeak-ng libespeak-ng1 sox python3 python3-venv procps)
# The weekly report as PDF: WeasyPrint sets its text with Pango.
PACKAGES+=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core)
# What only the tests need: certificates of their own, a real browser; many callers at once and what is on the wire;
# clocks that jump, packets that are lost.
TESTS=(openssl chromium fonts-dejavu-core sip-tester tcpdump faketime nftables)
# What the files of systemd/, logrotate/, containers/ and kamailio/ are tried with.
OPERATIONS=(systemd logrotate docker-compose kamailio)
# The bot's own voice and the test callers'. fr4, fr5 and pico only ever call; they never trained the speech model.
VOICES=(mbrola mbrola-fr1 mbrola-fr2 mbrola-fr3 mbrola-fr4 mbrola-fr5 mbrola-fr6 mbrola-fr7 libttspico-utils)

APT_DIR=$RUNTIME/apt

# The machine's entries for its own distribution, with every component, in apt's one-line form.
derive_sources() {
  local codename components files=()
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  # shellcheck source=/dev/null
  case "$(. /etc/os-release && printf '%s' "${ID:-}")" in
    ubuntu) components="main universe restricted multiverse" ;;
    *) components="main contrib non-free" ;;
  esac
  shopt -s nullglob
  files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list)
  for file in "${files[@]}"; do
    [ -f "$file" ] && awk -v codename="$codename" -v components="$components" '
      $1 == "deb" {
        options = ""; field = 2
        if ($2 ~ /^\[/) { while ($field !~ /\]$/) { options = options $field " "; field++ }; options = options $field " "; field++ }
        if (ours($(field + 1))) print "deb " options $field " " $(field + 1) " " components
      }
      function ours(suite) { return suite == codename || index(suite, codename "-updates") == 1 \
        || index(suite, codename "-security") == 1 || suite ~ /^stable(-updates|-security)?$/ }' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    # deb822: paragraphs of fields; a list of addresses times a list of suites.
    awk -v codename="$codename" -v components="$components" '
      function ours(suite) { return suite == codename || index(suite, codename "-updates") == 1 \
        || index(suite, codename "-security") == 1 || suite ~ /^stable(-updates|-security)?$/ }
      function flush_paragraph(   i, j, n, m, uri, suite, options) {
        if (types ~ /(^| )deb( |$)/ && tolower(enabled) != "no") {
          options = ""
          if (signed ~ /^\//) options = "[signed-by=" signed "] "
          n = split(uris, uri, " "); m = split(suites, suite, " ")
          for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
            if (ours(suite[j])) print "deb " options uri[i] " " suite[j] " " components
        }
        types = uris = suites = signed = enabled = ""
      }
      /^#/ { next }
      /^[ \t]*$/ { flush_paragraph(); next }
      { value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
      tolower($1) == "types:" { types = value }
      tolower($1) == "uris:" { uris = value }
      tolower($1) == "suites:" { suites = value }
      tolower($1) == "signed-by:" { signed = value }
      tolower($1) == "enabled:" { enabled = value }
      END { flush_paragraph() }' "$file"
  done
  shopt -u nullglob
}

# apt-get with our list instead of the machine's. The lock wait lets two installs on one machine take turns.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o Dir::Etc::sourcelist="$APT_DIR/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$APT_DIR/lists" -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

apt_candidate() { # apt_candidate PACKAGE: the version our list would install, empty when none
  apt-cache -o Dir::Etc::sourcelist="$APT_DIR/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$APT_DIR/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'
}

# The archive the machine itself uses, for debootstrap; empty when it is not a Debian archive.
machine_archive() {
  # shellcheck source=/dev/null
  [ "$(. /etc/os-release && printf '%s' "${ID:-}")" = debian ] || return 0
  sed -E 's/^deb (\[[^]]*\] )?//' "$APT_DIR/sources.list" | awk '$2 !~ /-/ {print $1; exit}'
}

# PostgreSQL's programs, for the servers that the tests start themselves; none of the machine's is made or started.
install_postgresql() {
  local config=/etc/postgresql-common/createcluster.conf code=0
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  apt_get install --no-install-recommends postgresql-common || return
  as_root sed -i.callbot '$a create_main_cluster = false' "$config"
  apt_get install --no-install-recommends postgresql || code=$?
  as_root mv "$config.callbot" "$config" # whoever wants a database later gets it as Debian makes it
  return "$code"
}

# Kamailio's package starts one on port 5060 at once and at every boot; a set-up for tests must not.
install_operations() {
  local systemd= code=0
  if [ -d /run/systemd/system ] && ! have kamailio; then systemd=yes; fi
  [ -z "$systemd" ] || as_root systemctl mask --runtime kamailio.service
  apt_get install --no-install-recommends "${OPERATIONS[@]}" || code=$?
  [ -z "$systemd" ] || as_root systemctl unmask --runtime kamailio.service
  [ -z "$systemd" ] || as_root systemctl disable kamailio.service
  return "$code"
}

packages_digest() { digest "${BASH_SOURCE[0]}"; }

packages_present() { have espeak-ng && have sox && have debootstrap; }

install_packages() {
  have apt-get || die "this set-up knows Debian and Ubuntu only: there is no apt-get here" \
    "install espeak-ng, sox, mbrola voices and Asterisk 18 to 22 by hand, see README.md"
  mkdir -p "$APT_DIR/lists/partial"
  derive_sources | sort -u >"$APT_DIR/sources.list"
  [ -s "$APT_DIR/sources.list" ] || die "no apt source of this machine names its own release" \
    "look at /etc/apt/sources.list and /etc/apt/sources.list.d"
  apt_get update
  apt_get install --no-install-recommends "${PACKAGES[@]}"
  # The ear's new words (scripts/asr/learn_words.py); without them a training says what it could not do.
  apt_get install --no-install-recommends libfst-tools ||
    echo "warning: libfst-tools could not be installed; the bot's ear will learn no new words"
  # A mirror without non-free is no reason to stop: espeak-ng's own French voice remains.
  apt_get install --no-install-recommends "${VOICES[@]}" ||
    echo "warning: the MBROLA and pico voices could not be installed; espeak-ng's own French voice will do"
  [ -z "${CALLBOT_WITHOUT_TESTS:-}" ] || return 0
  apt_get install --no-install-recommends "${TESTS[@]}" ||
    echo "warning: no browser could be installed; the console's browser tests will say so"
  install_operations ||
    echo "warning: systemd, logrotate, docker-compose or Kamailio could not be installed; the tests will say so"
  install_postgresql ||
    echo "warning: PostgreSQL could not be installed; the journal's tests will say so"
}
