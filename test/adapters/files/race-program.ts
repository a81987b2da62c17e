/** Tries to create 100 names as soon as it is told to, and prints those it got; see files.test.ts. */
import { once } from 'node:events';
import { createFiles } from '../../../src/adapters/files/files.ts';

const [, , folder, content = ''] = process.argv;
const files = createFiles();
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const names = Array.from({ length: 100 }, (_, n) => `lock.${n}`);
process.stdout.write(
  JSON.stringify(names.filter((name) => files.createExclusive(`${folder}/${name}`, content))),
);
process.stdin.unref();
