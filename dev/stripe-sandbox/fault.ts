/**
 * Owns: faults of the API on request: slow answers, errors, answers that never arrive.
 * Does not own: carrying them out (`api.ts`). Faults are not kept: a restart begins without any.
 */

/** Says what goes wrong with which requests. */
export interface Fault {
  /** Is the method; absent: any. */
  readonly method?: string;
  /** Is how the path begins, with `{id}` for an id that is not known, such as `/v1/invoices/{id}/pay`; absent: any. */
  readonly path?: string;
  /** Is how many requests it is for; absent: all to come. */
  readonly times?: number;
  /** Is how long the answer takes; default 0. */
  readonly delayMs?: number;
  /**
   * Is what is answered instead: `refused` answers the status before anything is done and keeps no idempotency key;
   * `failed` does nothing, and a retry with the same key gets the same status; `done_but_failed` does it, and so answers;
   * `done_but_lost` does it and closes the connection without an answer. Absent: the true answer.
   */
  readonly outcome?: 'refused' | 'failed' | 'done_but_failed' | 'done_but_lost';
  /** Is the status of a failure; default 500. */
  readonly status?: number;
}

/** Holds the faults; the first that fits is carried out. */
export class Faults {
  #faults: Fault[] = [];

  /** Adds a fault after those that are there. */
  add(fault: Fault): void {
    this.#faults.push(fault);
  }

  /** Takes all faults away. */
  clear(): void {
    this.#faults = [];
  }

  /** Returns the faults that are left. */
  list(): readonly Fault[] {
    return [...this.#faults];
  }

  /** Returns what goes wrong with a request, if anything does. */
  take(method: string, path: string): Fault | undefined {
    const index = this.#faults.findIndex(
      (fault) => (fault.method ?? method) === method && beginsWith(path.split('/'), (fault.path ?? '').split('/')),
    );
    const fault = this.#faults[index];
    if (fault?.times === undefined) return fault;
    if (fault.times <= 1) this.#faults.splice(index, 1);
    else this.#faults[index] = { ...fault, times: fault.times - 1 };
    return fault;
  }
}

/** Says whether a path begins so; the last part of the beginning may be the beginning of a part. */
function beginsWith(parts: readonly string[], beginning: readonly string[]): boolean {
  const last = beginning.length - 1;
  return beginning.every((wanted, index) => {
    const part = parts[index];
    if (part === undefined || wanted === '{id}') return part !== undefined;
    return index === last ? part.startsWith(wanted) : part === wanted;
  });
}
