/**
 * Owns: signals to a process group.
 * Does not own: whether the group is still the one that is meant; callers know.
 */

/**
 * Signals a whole process group; signal 0 only asks. Returns false where the group has ended.
 * Throws RangeError for an id that would mean our own group or every process.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1) throw new RangeError(`${pid} is no id of a process group.`);
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
