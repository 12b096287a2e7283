# Shared by the scripts: where the tree is, and how a step says what it does. Sourced, never run.
SIGNET_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# The loader refuses what others can write, so nothing built or made here may be.
umask 022

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}
# jobs: how many compilers at once. gRPC and protobuf headers want about 1 GiB each.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  [ "$memory" -lt "$cores" ] && cores=$memory
  [ "$cores" -lt 1 ] && cores=1
  echo "${SIGNET_JOBS:-$cores}"
}
