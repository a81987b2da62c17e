/**
 * Finding the file another file names: a template or a nested workflow, by path or by name.
 *
 * Reading is the caller's; here it is only decided which paths may be asked for. A path never leaves
 * the top of the repository, or, for a file from outside it, the folder that file lies in.
 */

/** A file that was found, and the folder which its own references may not leave ('' is the top). */
export interface Located {
  readonly file: string;
  readonly root: string;
}

export interface ReferenceRequest {
  /** As written: `./base.yaml`, `shared/base.yaml` or a name. */
  readonly reference: string;
  readonly from: Located;
  /** Where names are looked up, first wins; relative to the top, or absolute. */
  readonly folders: readonly string[];
  readonly exists: (path: string) => boolean;
}

export type ReferenceResult =
  | { readonly found: Located }
  | { readonly found?: never; readonly what: string; readonly fix: string };

const EXTENSIONS = ['.yaml', '.yml'];

/** The file as the entry of a load: its references stay below the top when it lies there. */
export function locateEntry(file: string): Located {
  const path = normalizePath(file);
  const isOutside = path.startsWith('/') || path === '..' || path.startsWith('../');
  return { file: path, root: isOutside ? folderOf(path) : '' };
}

export function resolveReference({
  reference,
  from,
  folders,
  exists,
}: ReferenceRequest): ReferenceResult {
  if (/^[/\\~]|^[A-Za-z]:[\\/]/.test(reference)) {
    return {
      what: `"${reference}" is an absolute path`,
      fix: 'write it relative to this file, such as ./base.yaml',
    };
  }
  const isPath = reference.includes('/') || /\.ya?ml$/.test(reference);
  return isPath ? resolvePath(reference, from, exists) : resolveName(reference, folders, exists);
}

/** A path is looked up beside the file that names it, then from the top. */
function resolvePath(
  reference: string,
  from: Located,
  exists: (path: string) => boolean,
): ReferenceResult {
  const isRelative = /^\.\.?\//.test(reference);
  const bases = isRelative ? [folderOf(from.file)] : [folderOf(from.file), from.root];
  const inside = bases
    .map((base) => normalizePath(`${base}/${reference}`, base.startsWith('/')))
    .filter((path) => isInside(path, from.root));
  if (inside.length === 0) {
    return {
      what: `"${reference}" leaves the repository`,
      fix: 'name a file below the top of the repository',
    };
  }
  const file = inside.find(exists);
  if (file !== undefined) return { found: { file, root: from.root } };
  return { what: `the file "${inside[0]}" does not exist`, fix: 'create it, or mend the path' };
}

function resolveName(
  name: string,
  folders: readonly string[],
  exists: (path: string) => boolean,
): ReferenceResult {
  for (const folder of folders) {
    for (const extension of EXTENSIONS) {
      const file = normalizePath(`${folder}/${name}${extension}`, folder.startsWith('/'));
      if (exists(file)) return { found: { file, root: folder.startsWith('/') ? folder : '' } };
    }
  }
  const [first = '.'] = folders;
  return {
    what: `"${name}" is not found in ${folders.join(', ')}`,
    fix: `create ${first}/${name}.yaml, or write a path such as ./${name}.yaml`,
  };
}

function isInside(path: string, root: string): boolean {
  if (root === '') return !path.startsWith('/') && path !== '..' && !path.startsWith('../');
  return root === '/' ? path.startsWith('/') : path.startsWith(`${root}/`);
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash === 0) return '/';
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Without `.`, empty parts and, as far as possible, `..`. */
function normalizePath(path: string, isAbsolute = path.startsWith('/')): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isAbsolute) parts.push('..');
  }
  return `${isAbsolute ? '/' : ''}${parts.join('/')}`;
}
