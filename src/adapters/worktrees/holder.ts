/** A process that holds something on disk, written down so that it can be told dead from alive later. */
import { count, optional, record, type Shape, text } from '../../base/shape.ts';
import type { ProcessIdentity, ProcessPlace, ProcessPort } from '../../ports/processes.ts';

export interface Holder extends ProcessIdentity, ProcessPlace {
  readonly boot: string;
}

export const isHolder: Shape = record({
  pid: count,
  start: text,
  boot: text,
  host: text,
  pid_ns: optional(text),
});

export function describeSelf(processes: ProcessPort): Holder {
  return { ...processes.self(), ...processes.place(), boot: processes.bootId() };
}

/** Of another container or machine: its pid means nothing here. */
export function isElsewhere(processes: ProcessPort, holder: Holder): boolean {
  const here = processes.place();
  return holder.host !== here.host || holder.pid_ns !== here.pid_ns;
}

/** One of another container or machine, which nobody can see from here, counts as living. */
export function isHolderAlive(processes: ProcessPort, holder: Holder): boolean {
  const here = processes.place();
  if (holder.boot !== processes.bootId()) return holder.host !== here.host;
  return holder.pid_ns !== here.pid_ns || processes.isAlive(holder);
}
