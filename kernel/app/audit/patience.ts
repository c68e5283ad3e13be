import { DomainError } from '../../domain/error.ts';
import type { Pacing } from '../ports.ts';

/** A verification can run for hours: a failover in between must not make it begin again. */
const ATTEMPTS_MAX = 6;
const DELAY_FIRST_MS = 250;

/** Reads, and where the database can't be reached waits and reads again for some seconds. Throws what the last try threw. */
export async function readPatiently<T>(pacing: Pacing, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await read();
    } catch (error) {
      const mayRecover = error instanceof DomainError && error.reason === 'DATABASE_UNAVAILABLE';
      if (!mayRecover || attempt === ATTEMPTS_MAX) throw error;
      await pacing.delay(DELAY_FIRST_MS * 2 ** (attempt - 1));
    }
  }
}
