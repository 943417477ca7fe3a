#!/usr/bin/env bash
# Runs ghmigrate export for action.yml. The INPUT_ variables hold the inputs of the action. The
# outputs of the action are written to GITHUB_OUTPUT.
set -euo pipefail
shopt -s inherit_errexit

: "${INPUT_TOKEN:?the input token is empty}" "${INPUT_OUT:?the input out is empty}"

args=(export --json --progress lines --out "$INPUT_OUT")
# add_flags NAME TEXT adds the flag NAME once for each line of TEXT that is not blank.
add_flags() {
	local line
	while IFS= read -r line; do
		line=${line%$'\r'}
		[[ -z ${line//[[:space:]]/} ]] || args+=("$1=$line")
	done <<<"$2"
}
while IFS= read -r flag; do
	flag=${flag%$'\r'}
	[[ -z ${flag//[[:space:]]/} ]] || args+=("$flag")
done <<<"${INPUT_FLAGS:-}"
[[ -z ${INPUT_ORG:-} ]] || args+=("--org=$INPUT_ORG")
[[ -z ${INPUT_STATE:-} ]] || args+=("--state=$INPUT_STATE")
[[ -z ${INPUT_HOST:-} ]] || args+=("--host=$INPUT_HOST")
[[ -z ${INPUT_TIMEOUT:-} ]] || args+=("--timeout=$INPUT_TIMEOUT")
if [[ -n ${INPUT_REPOS:-} ]]; then
	add_flags --repos "$INPUT_REPOS"
else
	args+=(--all)
	add_flags --skip "${INPUT_SKIP:-}"
fi
case ${INPUT_LOCK:-false} in
true) args+=(--lock) ;;
false) ;;
*)
	printf '::error::the input lock is %q: want true or false\n' "$INPUT_LOCK"
	exit 2
	;;
esac

# The host decides which of the two variables ghmigrate reads. Without GH_HOST, the host comes from
# --host or from the workflow, and the token goes to no other host.
export GH_TOKEN=$INPUT_TOKEN GH_ENTERPRISE_TOKEN=$INPUT_TOKEN
unset INPUT_TOKEN GH_HOST GITHUB_TOKEN GITHUB_ENTERPRISE_TOKEN

tmp=$(mktemp -d "${RUNNER_TEMP:-/tmp}/ghmigrate.XXXXXX") # each use of the action in a job has its own page
ghmigrate "${args[@]}" >"$tmp/export.json" &
# When a workflow is canceled, the runner sends SIGINT and then SIGTERM to this process only. A
# background process ignores SIGINT.
trap 'signaled=true; kill -TERM $! 2>/dev/null || true' INT TERM
signaled=true
while [[ $signaled = true ]]; do # a signal ends the command wait
	signaled=false status=0
	wait $! || status=$?
done
if [[ ! -s $tmp/export.json ]]; then
	printf '::error::the export failed with exit status %d: see the log of this step\n' "$status"
	exit "$status"
fi
page=$tmp/export.html
location=$(jq -r .location "$tmp/export.json")
finished=$(jq -r .finished "$tmp/export.json")
if [[ $finished != true ]] || ! ghmigrate inspect --html "$page" "$location" >/dev/null; then
	page=
fi
jq -r --arg page "$page" \
	'"location=\(.location)", "finished=\(.finished)", "covered=\(.manifest.covered)", "requested=\(.manifest.requested)", "page=\($page)"' \
	"$tmp/export.json" >>"$GITHUB_OUTPUT"
{
	jq -r '"### \(.manifest.covered) of \(.manifest.requested) repositories exported\n\nRun: `\(.location)`\n"' "$tmp/export.json"
	jq -r 'limit(100; .manifest.repositories[] | select(.error)) | "- \(.repository): \(.error)"' "$tmp/export.json"
} >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
if ((status == 3)); then
	echo '::warning::the export is not finished: the next job continues the run if it has the journal'
fi
exit "$status"
