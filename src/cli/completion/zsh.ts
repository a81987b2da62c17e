/** The completion script for zsh, with descriptions. */
import { quoteWord } from '../../base/shell.ts';
import { type CommandShape, flattenCommands } from '../command-tree.ts';
import { LOOK_UPS } from './lookups.ts';
import { argumentRows, isNothing, type Offer, ownName, valueOptions, walkBody } from './offers.ts';

function zshOffer(offer: Offer): string {
  if (offer.kind === 'words') return `compadd -- ${offer.words.map(quoteWord).join(' ')}`;
  return offer.found
    .map((what) => (what === 'files' ? '_files' : `_orch_${what} "$first"`))
    .join('; ');
}

/** `name:what it does`, as _describe wants it. */
function zshItem(name: string, description: string): string {
  return quoteWord(`${name.replaceAll(':', '\\:')}:${description}`);
}

export function zshScript(root: CommandShape): string {
  const values = valueOptions(root)
    .filter(({ offer }) => !isNothing(offer))
    .map(({ pattern, offer }) => `      ${pattern}) ${zshOffer(offer)} ;;`);
  const nodes = flattenCommands(root).map((command) => {
    const options = [...command.options, ...(command === root ? [] : root.options)].flatMap(
      (option) => option.names.map((name) => zshItem(name, option.description)),
    );
    const names = command.commands.map((child) => zshItem(ownName(child), child.description));
    return `    ${quoteWord(command.path)}) commands=(${names.join(' ')}) options=(${options.join(' ')} '--help:show help') ;;`;
  });
  const args = flattenCommands(root).flatMap((command) =>
    argumentRows(command).map(
      ({ position, offer }) =>
        `      ${quoteWord(`${command.path}|`)}${position}) ${zshOffer(offer)} ;;`,
    ),
  );
  return `#compdef orch git-orch
# zsh completion for orch; made by \`orch completion zsh\`.
_orch_runs() {
  compadd -- \${(f)"$(${LOOK_UPS.runs})"}
}
_orch_workflows() {
  compadd -- \${(f)"$(${LOOK_UPS.workflows})"}
}
_orch_steps() {
  compadd -- \${(f)"$(${LOOK_UPS.steps} "$1")"}
}
_orch() {
  local at='' arg=0 first='' value='' word
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
${walkBody(root)}
  done
  if [[ -n $value ]]; then
    case "$at|$value" in
${values.join('\n')}
    esac
    return
  fi
  case $at in
${nodes.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then _describe option options
  elif (( $#commands && arg == 0 )); then _describe command commands
  else
    case "$at|$arg" in
${args.join('\n')}
    esac
  fi
}
if [[ $funcstack[1] == _orch ]]; then _orch "$@"; else compdef _orch orch git-orch; fi
`;
}
