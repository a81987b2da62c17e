/** Text for shells, in one place: every other way to quote has a hole somewhere. */

/** Text as one word of any POSIX shell: inside single quotes nothing is special but the quote itself. */
export function quoteWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
