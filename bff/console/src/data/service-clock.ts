// Owns which time it is for the service: its answers say so, and the clock of the reader's machine may be wrong.

let aheadMs = 0;

/** Takes note of the time that an answer is of. */
export function noteServiceTime(asOfTime: string): void {
  aheadMs = Date.parse(asOfTime) - Date.now();
}

/** Returns the time of the service; until it has said something, that of this machine. */
export function serviceNow(): Date {
  return new Date(Date.now() + aheadMs);
}
