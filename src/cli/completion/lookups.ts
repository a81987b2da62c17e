/**
 * What a TAB looks up: scripts of `sh` that all three shells call, so that they offer the same. Each
 * prints one name a line. None starts orch, which would take too long for a TAB.
 *
 * They stand between single quotes in bash, zsh and fish, so they hold no single quote and no
 * backslash before a backslash.
 */
export type LookUp = 'runs' | 'steps' | 'workflows';

/** Runs are branches `orch/<run>`. */
const RUNS = 'git for-each-ref --format="%(refname:lstrip=3)" refs/heads/orch/ 2>/dev/null';

const WORKFLOWS = `top=$(git rev-parse --show-toplevel 2>/dev/null) || top=.
for file in "$top"/.orch/workflows/*.yaml "$top"/.orch/workflows/*.yml; do
  name=\${file##*/}
  [ -e "$file" ] && printf "%s\\n" "\${name%.*}"
done`;

/**
 * Of the run whose id begins with $1, the newest for nothing or @latest: from its frozen plan, here or
 * on its branch. Instances of a matrix that came from outputs are not in it.
 */
const STEPS = `run=$1
[ "$run" = @latest ] && run=
dir=$(git rev-parse --git-common-dir 2>/dev/null) || exit 0
file=$(ls -t "$dir"/orch/runs/"$run"*/run.json 2>/dev/null | head -n 1)
if [ -n "$file" ]; then cat "$file"
else
  id=$(git for-each-ref --sort=-committerdate --count=1 --format="%(refname:lstrip=3)" "refs/heads/orch/$run*")
  git cat-file -p "orch/$id:.orch/runs/$id/run.json" 2>/dev/null
fi | grep -o "\\"id\\":\\"[^\\"]*\\",\\"step\\":\\"[^\\"]*\\",\\"index\\"" | cut -d "\\"" -f 4`;

/** The command line that prints them; for steps, the words that name the run follow it. */
export const LOOK_UPS: Readonly<Record<LookUp, string>> = {
  runs: RUNS,
  workflows: `sh -c '${WORKFLOWS}'`,
  steps: `sh -c '${STEPS}' sh`,
};
