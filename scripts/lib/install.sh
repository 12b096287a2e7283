# Installs the Debian packages a script needs, and only those that are missing. Sourced.
#
#   install_packages scripts/lib/packages-demo.txt [more lists...]
#
# As root or through sudo without a question; otherwise the exact line to run is printed and the
# script ends with 1. Nothing is asked of the network when nothing is missing.

# read_list FILE...: package names, one a line; `#` starts a comment.
read_list() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@" | sort -u; }

# missing_packages NAME...: those of the names that dpkg does not have in a working state.
missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

install_names() {
  local missing run
  missing=$(missing_packages "$@" | tr '\n' ' ')
  missing=${missing% }
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    run=""
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    run="sudo"
  elif command -v sudo >/dev/null && [ -t 0 ]; then
    run="sudo" # a person is there to type the password
  else
    printf 'These packages are missing, and installing them needs root. As root, run:\n\n' >&2
    printf '  apt-get update && apt-get install -y --no-install-recommends %s\n\n' "$missing" >&2
    exit 1
  fi
  say "installing: $missing"
  # A machine that has just been started may still hold the lock; the wait is bounded.
  $run env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update -q
  # shellcheck disable=SC2086  # the names are words
  $run env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q \
    --no-install-recommends $missing
}

install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system; needed are: $(read_list "$@" | tr '\n' ' ')" >&2
    exit 1
  fi
  # shellcheck disable=SC2046
  install_names $(read_list "$@")
}
