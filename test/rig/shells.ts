/** POSIX shells of this machine: `/bin/sh` is another one on every system. */
import { spawnSync } from 'node:child_process';

export interface Shell {
  readonly name: string;
  /** Program and arguments that make it behave as `sh`. */
  readonly command: readonly string[];
}

/** At least `/bin/sh`. */
export function findShells(): Shell[] {
  const candidates: Shell[] = [
    { name: '/bin/sh', command: ['/bin/sh'] },
    { name: 'bash', command: ['bash', '--norc', '--posix'] },
    { name: 'busybox', command: ['busybox', 'sh'] },
    { name: 'mksh', command: ['mksh'] },
  ];
  return candidates.filter(({ command: [program = '', ...args] }) => {
    return spawnSync(program, [...args, '-c', ':']).status === 0;
  });
}
