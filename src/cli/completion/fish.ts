/** The completion script for fish, with descriptions. */
import { quoteWord } from '../../base/shell.ts';
import { type CommandShape, flattenCommands } from '../command-tree.ts';
import { LOOK_UPS } from './lookups.ts';
import { argumentRows, type Offer, optionOffer, ownName } from './offers.ts';

export function fishScript(root: CommandShape): string {
  const all = flattenCommands(root);
  const paths = all.filter((command) => command !== root).map((command) => quoteWord(command.path));
  const takers = all.flatMap((command) =>
    command.options.filter((option) => option.takesValue).flatMap((option) => option.names),
  );
  const lines = all.flatMap((command) => fishLines(command, command === root));
  return `# fish completion for orch; made by \`orch completion fish\`.
function __orch_walk --description 'the command typed so far, the number of its arguments, the first'
    set -l at
    set -l arg 0
    set -l first
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${[...new Set(takers)].map(quoteWord).join(' ')}
            set skip 1
        else if string match -q -- '-*' $word
            continue
        else if contains -- (string join ' ' $at $word) ${paths.join(' ')}
            set -a at $word
        else
            test $arg = 0; and set first $word
            set arg (math $arg + 1)
        end
    end
    echo "$at"
    echo $arg
    echo "$first"
end
function __orch_at
    set -l state (__orch_walk)
    test "$state[1]" = "$argv[1]"; and begin
        test (count $argv) = 1; or test "$argv[2]" = '*'; or test "$state[2]" = "$argv[2]"
    end
end
function __orch_runs
    ${LOOK_UPS.runs}
end
function __orch_workflows
    ${LOOK_UPS.workflows}
end
function __orch_steps
    set -l state (__orch_walk)
    ${LOOK_UPS.steps} "$state[3]"
end
complete -c orch -f
${lines.join('\n')}
`;
}

function fishLines(command: CommandShape, isRoot: boolean): string[] {
  const here = (position?: string) =>
    `-n ${quoteWord(`__orch_at ${quoteWord(command.path)}${position === undefined ? '' : ` ${quoteWord(position)}`}`)}`;
  const commands = command.commands.map((child) => {
    const name = ownName(child);
    return `complete -c orch ${here('0')} -a ${quoteWord(name)} -d ${quoteWord(child.description)}`;
  });
  const options = command.options.map((option) => {
    const spellings = option.names.map((name) =>
      name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
    );
    const value = option.takesValue ? ` -r ${fishOffer(optionOffer(option))}` : '';
    const where = isRoot ? '' : `${here()} `;
    return `complete -c orch ${where}${spellings.join(' ')}${value} -d ${quoteWord(option.description)}`;
  });
  const args = argumentRows(command).map(
    ({ position, offer }) => `complete -c orch ${here(position)} ${fishOffer(offer)}`,
  );
  return [...commands, ...options, ...args];
}

function fishOffer(offer: Offer): string {
  if (offer.kind === 'words') return `-a ${quoteWord(offer.words.join(' '))}`;
  const calls = offer.found.filter((what) => what !== 'files').map((what) => `__orch_${what}`);
  return [
    ...(calls.length === 0 ? [] : [`-a '(${calls.join('; ')})'`]),
    ...(offer.found.includes('files') ? ['-F'] : []),
  ].join(' ');
}
