/** A package.json as read: only what says which commands there are is looked at, and nothing is trusted. */
export type Manifest = Readonly<Record<string, unknown>>;

/** Undefined when it is not a JSON object. */
export function readManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return isMap(value) ? value : undefined;
  } catch {
    return undefined; // Said by the caller.
  }
}

export function isMap(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined when there is none of that name, or an empty one. */
export function scriptOf(manifest: Manifest, name: string): string | undefined {
  const { scripts } = manifest;
  const script = isMap(scripts) && Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  return typeof script === 'string' && script.trim() !== '' ? script : undefined;
}

export function hasDependencies(manifest: Manifest): boolean {
  return ['dependencies', 'devDependencies'].some((key) => {
    const list = manifest[key];
    return isMap(list) && Object.keys(list).length > 0;
  });
}
