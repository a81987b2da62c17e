/** Fills a small disk through FilesPort and prints as JSON what is then on it; see files.test.ts. */
import { readdirSync } from 'node:fs';
import { createFiles } from '../../../src/adapters/files/files.ts';

const disk = process.argv[2] ?? '';
const files = createFiles();
const failures: string[] = [];
const attempt = (work: () => void): void => {
  try {
    work();
  } catch (error) {
    failures.push((error as NodeJS.ErrnoException).code ?? String(error));
  }
};

files.replace(`${disk}/state`, 'old');
const journal = files.openAppend(`${disk}/journal`);
attempt(() => files.replace(`${disk}/state`, Buffer.alloc(1_000_000)));
attempt(() => files.createExclusive(`${disk}/lock`, Buffer.alloc(1_000_000)));
attempt(() => journal.append(Buffer.alloc(1_000_000)));
process.stdout.write(
  JSON.stringify({
    failures,
    state: files.readText(`${disk}/state`),
    names: readdirSync(disk).sort(),
    journalBytes: files.size(`${disk}/journal`),
  }),
);
