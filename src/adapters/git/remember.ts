/**
 * Remembers what git said of objects: an object never changes, so what held once holds for as long as
 * this process lives. One git process saved is some milliseconds, and a merge asks for many.
 */

/** The newest answers are kept; an isolated step asks for the same few commits again and again. */
const MOST = 64;

/**
 * @param ask what is asked of git; a failure is not remembered
 * @param isKept false for an answer that is too large to be held
 */
export function remember<A extends readonly string[], T>(
  ask: (...oids: A) => Promise<T>,
  isKept: (answer: T) => boolean = () => true,
): (...oids: A) => Promise<T> {
  const answers = new Map<string, T>();
  return async (...oids) => {
    // Names that may mean something else tomorrow are asked for each time.
    if (!oids.every((oid) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(oid)))
      return await ask(...oids);
    const key = oids.join(' ');
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = await ask(...oids);
    if (!isKept(answer)) return answer;
    answers.set(key, answer);
    const [oldest] = answers.keys();
    if (answers.size > MOST && oldest !== undefined) answers.delete(oldest);
    return answer;
  };
}
