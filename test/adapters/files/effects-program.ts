/** Performs every effect of FilesPort once, and once more where that needs nothing done. */
import { createFiles } from '../../../src/adapters/files/files.ts';

const folder = process.argv[2] ?? '';
const files = createFiles();
files.makeFolder(folder);
files.makeFolder(folder);
files.replace(`${folder}/state`, 'x');
files.createExclusive(`${folder}/lock`, 'x');
const journal = files.openAppend(`${folder}/journal`);
files.openAppend(`${folder}/journal`).close();
journal.append(Buffer.from('x'));
journal.close();
files.truncate(`${folder}/journal`, 0);
files.remove(folder);
files.remove(folder);
