/** The completion script for bash 3.2 and newer; `git orch` included. */
import { quoteWord } from '../../base/shell.ts';
import { type CommandShape, flattenCommands } from '../command-tree.ts';
import { LOOK_UPS } from './lookups.ts';
import { argumentRows, isNothing, type Offer, ownName, valueOptions, walkBody } from './offers.ts';

function bashOffer(offer: Offer): string {
  if (offer.kind === 'words') return `words=${quoteWord(offer.words.join(' '))}`;
  return `${offer.found.map((what) => `_orch_${what} "$cur" "$first"; `).join('')}return`;
}

function globalNames(root: CommandShape): string[] {
  return [...root.options.flatMap((option) => option.names), '-h', '--help'];
}

export function bashScript(root: CommandShape): string {
  const values = valueOptions(root)
    .filter(({ offer }) => !isNothing(offer))
    .map(({ pattern, offer }) => `      ${pattern}) ${bashOffer(offer)} ;;`);
  const nodes = flattenCommands(root).map((command) => {
    const options = [...command.options.flatMap((option) => option.names), ...globalNames(root)];
    const names = command.commands.map((child) => ownName(child));
    return `    ${quoteWord(command.path)}) commands=${quoteWord(names.join(' '))} options=${quoteWord([...new Set(options)].join(' '))} ;;`;
  });
  const args = flattenCommands(root).flatMap((command) =>
    argumentRows(command).map(
      ({ position, offer }) =>
        `      ${quoteWord(`${command.path}|`)}${position === '*' ? '*' : position}) ${bashOffer(offer)} ;;`,
    ),
  );
  return `# bash completion for orch; made by \`orch completion bash\`.
# Adds the lines of stdin that begin with $1.
_orch_add() {
  local name
  while IFS= read -r name; do
    [[ $name == "$1"* ]] && COMPREPLY+=("$name")
  done
}
_orch_files() {
  _orch_add "$1" < <(compgen -f -- "$1")
  compopt -o filenames 2>/dev/null
}
_orch_workflows() {
  _orch_add "$1" < <(${LOOK_UPS.workflows})
}
_orch_runs() {
  _orch_add "$1" < <(${LOOK_UPS.runs})
}
# $2: the run. The id of an instance has brackets: it is offered as it has to be typed.
_orch_steps() {
  local name
  while IFS= read -r name; do
    case $1 in
      [\\'\\"]*) [[ $name == "\${1:1}"* ]] && COMPREPLY+=("$name") ;;
      *) printf -v name %q "$name"; [[ $name == "$1"* ]] && COMPREPLY+=("$name") ;;
    esac
  done < <(${LOOK_UPS.steps} "$2")
}
# $1: the word at the cursor; the others: the words before it, without the program.
_orch_complete() {
  local cur=$1 at='' arg=0 first='' value='' word words='' commands='' options=''
  shift
  COMPREPLY=()
  for word in "$@"; do
${walkBody(root)}
  done
  if [[ -n $value ]]; then
    case "$at|$value" in
${values.join('\n')}
      *) return ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    return
  fi
  case $at in
${nodes.join('\n')}
  esac
  if [[ $cur == -* ]]; then words=$options
  elif [[ -n $commands && $arg == 0 ]]; then words=$commands
  else
    case "$at|$arg" in
${args.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
# The words from place $1 on. Readline breaks words at "@" and "=" too: what had no space between is joined.
_orch_words() {
  local line=$COMP_LINE rest word place=0 count=0
  local -a joined
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    rest=\${line#"\${line%%[! ]*}"}
    if (( place > $1 )) && [[ $rest == "$line" && -n $word ]]; then joined[count-1]+=$word
    elif (( place >= $1 )); then joined[count++]=$word; fi
    line=\${rest#"$word"} place=$((place + 1))
  done
  unset "joined[count-1]"
  _orch_complete "\${COMP_WORDS[COMP_CWORD]}" \${joined[@]+"\${joined[@]}"}
}
_orch() {
  _orch_words 1
}
# git's own completion calls this for \`git orch\`.
_git_orch() {
  _orch_words $((\${__git_cmd_idx:-1} + 1))
}
complete -F _orch orch git-orch
`;
}
