#!/usr/bin/env bash
# fuzz.sh FOLDER SECONDS SUMMARY: runs each fuzz target of FOLDER on its kept corpus
# (tests/fuzz/corpus/NAME) and SECONDS beyond, two at once, and appends `passed failed skipped` to
# SUMMARY. The kept corpus is only read.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
folder=$1 seconds=$2 summary=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
symbolizer=$(command -v llvm-symbolizer-16 llvm-symbolizer addr2line | head -n 1)
export ASAN_OPTIONS=external_symbolizer_path=$symbolizer  # a finding names its lines

one() { # TARGET
  local name runs
  name=$(basename "$1")
  mkdir -p "$work/$name" "tests/fuzz/corpus/$name"
  if "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$work/$name-" \
    "$work/$name" "tests/fuzz/corpus/$name" >"$work/$name.log" 2>&1; then
    runs=$(sed -nE 's/^Done ([0-9]+) runs in .*/\1/p' "$work/$name.log" | tail -n 1)
    echo "  ok      $name: $runs runs"
    echo "1 0 0" >"$work/$name.sum"
    [ -z "${SIGNET_FIGURES:-}" ] || echo "{\"target\": \"$name\", \"runs\": ${runs:-0}}" >>"$SIGNET_FIGURES"
  else
    echo "  FAILED  $name"
    tail -n 40 "$work/$name.log"
    for f in "$work/$name"-*; do [ -f "$f" ] && echo "input: $(base64 -w0 "$f" | head -c 4000)"; done
    echo "0 1 0" >"$work/$name.sum"
  fi
}

targets=0
for target in "$folder"/*; do
  [ -f "$target" ] && [ -x "$target" ] || continue
  targets=$((targets + 1))
  one "$target" &
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
done
wait
[ "$targets" -gt 0 ] || {
  echo "no fuzz target in $folder"
  exit 1
}
cat "$work"/*.sum >>"$summary"
! grep -q '^0 1' "$work"/*.sum
