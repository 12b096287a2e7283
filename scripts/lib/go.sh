# Finds a Go that is new enough for the test peers, or gets one. Sourced; needs common.sh, install.sh.
#
#   ensure_go DIR    afterwards $SIGNET_GO is the `go` to run and GOTOOLCHAIN=local holds.
#
# Debian 12 has Go 1.19, which cannot build SPIRE and does not switch toolchains by itself. But the
# newer toolchain is published as a Go module, and 1.19 can download a module. Its files arrive
# without their x bits.
SIGNET_GO_MINIMUM=1.26.6
SIGNET_GO_FETCH=1.26.8

# go_is_new_enough GO: whether the program GO is at least $SIGNET_GO_MINIMUM.
go_is_new_enough() {
  local version
  version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  version=${version#go}
  [ "$(printf '%s\n%s\n' "$SIGNET_GO_MINIMUM" "${version%% *}" | sort -V | head -n 1)" = "$SIGNET_GO_MINIMUM" ]
}

ensure_go() {
  local cache=$1 arch module root debian
  export GOTOOLCHAIN=local
  if command -v go >/dev/null && go_is_new_enough go; then
    SIGNET_GO=$(command -v go)
    return 0
  fi
  arch=$(dpkg --print-architecture)
  module=golang.org/toolchain@v0.0.1-go$SIGNET_GO_FETCH.linux-$arch
  root=$cache/toolchain/$module
  if [ ! -x "$root/bin/go" ] || [ ! -e "$root/.complete" ]; then
    debian=/usr/bin/go
    [ -x "$debian" ] || install_names golang-go
    say "fetching the Go $SIGNET_GO_FETCH toolchain"
    mkdir -p "$cache/toolchain"
    # In a module cache of its own, so that nobody else's is changed by the chmod.
    (cd "$cache/toolchain" && GOMODCACHE=$cache/toolchain GOFLAGS=-modcacherw "$debian" mod download "$module")
    chmod -R u+w "$root"
    chmod +x "$root"/bin/*
    find "$root/pkg/tool" -type f -exec chmod +x {} +
    go_is_new_enough "$root/bin/go" || fail "the downloaded Go toolchain does not run"
    touch "$root/.complete"
  fi
  SIGNET_GO=$root/bin/go
}
