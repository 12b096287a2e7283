#!/bin/sh
# Compiles every header of the SDK alone: the C ABI as C99, C++17 and C++20 without a warning and
# without a padding hole, the C++ layer as C++20.
#
#   headers_test.sh gcc|clang INCLUDE_DIR       exit 77: that compiler is not installed
set -eu
family=$1
include=$(cd "$2" && pwd)

first() { # the first of the given programs that is installed
  for program in "$@"; do
    if command -v "$program" >/dev/null 2>&1; then
      echo "$program"
      return
    fi
  done
}
case $family in
  gcc) c=$(first gcc) cxx=$(first g++) ;;
  clang) c=$(first clang-16 clang) cxx=$(first clang++-16 clang++) ;;
  *) echo "usage: $0 gcc|clang INCLUDE_DIR" >&2; exit 2 ;;
esac
if [ -z "$c" ] || [ -z "$cxx" ]; then
  echo "SKIPPED: $family is not installed, so the headers are NOT checked with it" >&2
  exit 77
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strict="-pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only"
failed=0

check() { # check FILE compiler options...
  file=$1
  shift
  if ! "$@" -I "$include" "$file"; then
    echo "FAILED: $* with $(head -1 "$file")" >&2
    failed=1
  fi
}

cd "$include"
for header in signet/abi/*.h; do
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" > "$folder/one.c"
  cp "$folder/one.c" "$folder/one.cc"
  check "$folder/one.c" "$c" -std=c99 $strict
  check "$folder/one.cc" "$cxx" -std=c++17 $strict
  check "$folder/one.cc" "$cxx" -std=c++20 $strict
done

# All of them together, and the macros a plugin uses.
for header in signet/abi/*.h; do printf '#include "%s"\n' "$header"; done > "$folder/all.c"
cat >> "$folder/all.c" <<'END'
SIGNET_PLUGIN_NOTE("name=a\0abi=1.0\0services=signet.key_manager/1");
int has_fail(const signet_call_ops *ops);
int has_fail(const signet_call_ops *ops) { return SIGNET_HAS(ops, signet_call_ops, fail) != 0; }
END
cp "$folder/all.c" "$folder/all.cc"
check "$folder/all.c" "$c" -std=c99 $strict
check "$folder/all.cc" "$cxx" -std=c++17 $strict
check "$folder/all.cc" "$cxx" -std=c++20 $strict

# Each alone costs seconds, and once is enough to see that it includes what it needs.
if [ "$family" = gcc ]; then
  for header in signet/*.h signet/rpc/*.h signet/testing/*.h; do
    printf '#include "%s"\n' "$header" > "$folder/one.cc"
    check "$folder/one.cc" "$cxx" -std=c++20 -Wall -Wextra -Werror -fsyntax-only
  done
else
  for header in signet/*.h signet/rpc/*.h signet/testing/*.h; do
    printf '#include "%s"\n' "$header"
  done > "$folder/layer.cc"
  check "$folder/layer.cc" "$cxx" -std=c++20 -Wall -Wextra -Werror -fsyntax-only
fi
exit $failed
