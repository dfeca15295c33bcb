#!/usr/bin/env bash
# Runs every test of the CUDA backend on this host's first GPU and writes a report into a folder (default: gpu-report).
# Part of the bundle that `pnpm gpu:bundle` makes. MOE_SOAK_SECONDS (600), MOE_RANDOM_CASES (20000) and
# MOE_SANITIZER_FILTER (all of the suite) shorten it. MOE_BEFORE: the folder of an older bundle, whose benchmark runs before
# and after this one's, so that the two commits can be compared.
set -uo pipefail
mkdir -p "${1:-gpu-report}"
report=$(realpath "${1:-gpu-report}")
before=${MOE_BEFORE:+$(realpath "$MOE_BEFORE")}
cd "$(dirname "$0")"
export PATH="$PWD:$PATH" CI=true NO_COLOR=1
soak=${MOE_SOAK_SECONDS:-600}
random=${MOE_RANDOM_CASES:-20000}
summary="$report/gpu-report.md"
status=0

# note TITLE RC LOG LINES: a paragraph of the report from the last lines of a log
note() {
  [ "$2" -eq 0 ] || status=1
  printf '\n## %s\n\n%s\n\n```text\n%s\n```\n' "$1" "$([ "$2" -eq 0 ] && echo passed || echo "FAILED ($2)")" "$(tail -n "$4" "$3")" >>"$summary"
}

cuda=packages/backend-cuda/dist/index.js
# Compiling and the sanitizer take their time.
conformance() { node packages/conformance/bin/moe-conformance.js run --timeout 1800 --backend "./$cuda" "$@"; }
{
  echo '# CUDA backend: report of one run'
  echo
  echo "$(date -u +%Y-%m-%dT%H:%MZ), commit $(cat commit 2>/dev/null || echo unknown). Command: \`run-all.sh\` with MOE_SOAK_SECONDS=$soak MOE_RANDOM_CASES=$random MOE_SANITIZER_FILTER='${MOE_SANITIZER_FILTER:-}'"
  echo
  echo '```text'
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  node packages/backend-cuda/bin/moe-dispatch-cuda.js inspect
  echo '```'
} >"$summary"

# benchmark FOLDER TITLE LOG
benchmark() {
  (cd "$1" && PATH="$PWD:$PATH" node packages/backend-cuda/bench/table.mjs) >"$report/$3" 2>&1
  note "$2" $? "$report/$3" 14
}
[ -z "$before" ] || benchmark "$before" "Benchmark of commit $(cat "$before/commit"), first" bench-before-1.md
benchmark . 'Benchmark' bench.md
[ -z "$before" ] || benchmark "$before" "Benchmark of commit $(cat "$before/commit"), again" bench-before-2.md

MOE_SOAK_SECONDS=5 MOE_REQUIRE=cuda node scripts/test.mjs --no-build --project cuda --reporter=verbose >"$report/tests.txt" 2>&1
note 'Tests: conformance suite, streams, capture, memory, Workers' $? "$report/tests.txt" 14

# The long soak runs beside all that follows; the tests before it include one that takes all of the device's memory.
MOE_SOAK_SECONDS=$soak node scripts/test.mjs --no-build --project cuda memory.test -t 'memory stays flat' >"$report/soak.txt" 2>&1 &
soaking=$!

conformance --json "$report/conformance.json" --random 2000 >"$report/conformance.txt" 2>&1
note 'Conformance suite with 2000 random cases' $? "$report/conformance.txt" 5

# Random cases of any size against the CPU backend, in as many processes as there are cores, at most 12.
jobs=$(($(nproc) < 12 ? $(nproc) : 12))
each=$(((random + jobs - 1) / jobs))
pids=()
for ((i = 0; i < jobs; i++)); do
  MOE_RANDOM=$each MOE_SEED=$((1 + i * each)) node scripts/test.mjs --no-build --project cuda random-against-cpu >"$report/random-$i.txt" 2>&1 &
  pids+=($!)
done
rc=0
for pid in "${pids[@]}"; do wait "$pid" || rc=1; done
tail -qn 1 "$report"/random-*.txt >"$report/random.txt"
grep -hE 'seed [0-9]+:' "$report"/random-[0-9]*.txt | sort -u | head -20 >>"$report/random.txt"
rm -f "$report"/random-[0-9]*.txt
note "$((each * jobs)) random cases by seed (1 to $((each * jobs))) against the CPU backend, $jobs processes of batches of 100" $rc "$report/random.txt" 40

checks=()
for tool in memcheck racecheck initcheck synccheck; do
  command -v compute-sanitizer >/dev/null || { echo 'no compute-sanitizer on the path' >"$report/$tool.txt"; note "compute-sanitizer $tool" 1 "$report/$tool.txt" 1; continue; }
  compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all --print-limit 20 \
    node packages/conformance/bin/moe-conformance.js run --timeout 1800 --backend "./$cuda" --filter "${MOE_SANITIZER_FILTER:-}" --random 50 \
    >"$report/$tool.txt" 2>&1 &
  checks+=($!)
done
for check in "${checks[@]}"; do wait "$check"; done
for tool in memcheck racecheck initcheck synccheck; do
  grep -qE '(ERROR SUMMARY: 0 errors|RACECHECK SUMMARY: 0 hazards)' "$report/$tool.txt" && grep -qE '^[0-9]+ passed, 0 failed' "$report/$tool.txt"
  note "compute-sanitizer $tool" $? "$report/$tool.txt" 4
done
wait "$soaking"
rc=$?
grep -E 'soak:|passed|failed' "$report/soak.txt" >"$report/soak-end.txt"
note "Soak of $soak s" $rc "$report/soak-end.txt" 10
cat "$summary"
exit $status
