/**
 * What a keeper runs: one long-lived `/bin/sh` that takes jobs from its standard input one at a time,
 * runs each in a subshell, and writes its exit code first to the exit log and then to its standard
 * output. Any POSIX shell will do; dash and bash are tested.
 *
 * Why it is as it is:
 * - Traps are handlers. An ignored signal (`trap ''`) would be inherited by every job; a handler is
 *   reset when a job starts. A job that does `kill 0` signals its keeper too, which lives on.
 * - `read` gives up when a trap fires (dash), which looks like the end of input. `nudged` tells the
 *   two apart; without it a SIGTERM to an idle keeper would end it.
 * - The job's three descriptors are opened anew in the subshell, so that no grandchild can hold the
 *   keeper's pipes. Standard error comes first: a failure to open the others is then written there.
 * - A line for the exit log that could not be written is owed and written with the next one. What a
 *   full disk may have left of it is first closed by " !", which makes that line unreadable on
 *   purpose: `key 1` cut off `key 12` must not be believed.
 * - When nobody reads standard output any more, the write fails and SIGPIPE finds a handler; the next
 *   `read` finds the end of input, and the keeper ends.
 */

/** Run with `sh -c <this> orch-keeper <exit log>`. */
export const KEEPER_SCRIPT = `
trap 'nudged=1' PIPE TERM INT HUP QUIT USR1 USR2 ALRM
owed=
while :; do
  nudged=
  if IFS=' ' read -r key dir; then :; elif [ -n "$nudged" ]; then continue; else break; fi
  case $dir in *\\\\*) dir=$(printf '%b.' "$dir"); dir=\${dir%.} ;; esac
  ( . "$dir/job" ) </dev/null 2>>"$dir/err" >>"$dir/out"
  code=$?
  owed="$owed$key $code
"
  printf '%s' "$owed" >>"$1" && owed= || owed=" !
$owed"
  printf '%s %s\\n' "$key" "$code"
done
[ -z "$owed" ] || printf '%s' "$owed" >>"$1"
`;
