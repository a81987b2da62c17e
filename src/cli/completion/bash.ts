/** The completion script for bash 3.2 and newer; `git orch` included. */
import { type CommandShape, flattenCommands } from '../command-tree.ts';
import { argumentRows, type Offer, ownName, quote, valueOptions, walkBody } from './offers.ts';

function bashOffer(offer: Offer): string {
  if (offer.kind === 'words') return `words=${quote(offer.words.join(' '))}`;
  return `_orch_${offer.kind} "$cur"; return`;
}

function globalNames(root: CommandShape): string[] {
  return [...root.options.flatMap((option) => option.names), '-h', '--help'];
}

export function bashScript(root: CommandShape): string {
  const values = valueOptions(root)
    .filter(({ offer }) => offer.kind !== 'nothing')
    .map(({ pattern, offer }) => `      ${pattern}) ${bashOffer(offer)} ;;`);
  const nodes = flattenCommands(root).map((command) => {
    const options = [...command.options.flatMap((option) => option.names), ...globalNames(root)];
    const names = command.commands.map((child) => ownName(child));
    return `    ${quote(command.path)}) commands=${quote(names.join(' '))} options=${quote([...new Set(options)].join(' '))} ;;`;
  });
  const args = flattenCommands(root).flatMap((command) =>
    argumentRows(command).map(
      ({ position, offer }) =>
        `      ${quote(`${command.path}|`)}${position === '*' ? '*' : position}) ${bashOffer(offer)} ;;`,
    ),
  );
  return `# bash completion for orch; made by \`orch completion bash\`.
_orch_files() {
  local name
  COMPREPLY=()
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$1")
  compopt -o filenames 2>/dev/null
}
_orch_runs() {
  local name
  COMPREPLY=()
  while IFS= read -r name; do
    [[ $name == "$1"* ]] && COMPREPLY+=("$name")
  done < <(git for-each-ref --format='%(refname:lstrip=3)' refs/heads/orch/ 2>/dev/null)
}
# $1: the word at the cursor; the others: the words before it, without the program.
_orch_complete() {
  local cur=$1 at='' arg=0 value='' word words='' commands='' options=''
  shift
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
_orch() {
  _orch_complete "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
}
# git's own completion calls this for \`git orch\`.
_git_orch() {
  local first=$((\${__git_cmd_idx:-1} + 1))
  _orch_complete "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[@]:first:COMP_CWORD-first}"
}
complete -F _orch orch git-orch
`;
}
