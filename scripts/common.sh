# Shared by the scripts: where things are, how steps are announced and timed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
started=$(date +%s)

# step "what" command…: says what happens, runs it with its output in build/log/, and says how long it took.
step() {
  local what=$1 log
  shift
  mkdir -p build/log
  log=build/log/$(echo "$what" | tr -cs 'a-zA-Z0-9' '-' | cut -c1-40).log
  printf '==> %s … ' "$what"
  local begin
  begin=$(date +%s)
  if "$@" >"$log" 2>&1; then
    printf 'done, %d s\n' $(($(date +%s) - begin))
  else
    local code=$?
    printf 'failed (exit %d); the end of %s:\n' "$code" "$log"
    tail -n 25 "$log"
    return "$code"
  fi
}
