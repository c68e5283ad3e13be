// Owns what is logged of each call. A call that went well, or that its caller got wrong, is worth a line at debug only:
// the hot path must not write. What concerns operators is logged at its level, but never more than a few lines a second
// of a kind: a database that is down must not also fill the disk.
// Invariant: no token, no text of a person: ids, names of services and figures only.

import type { Logger } from 'pino';
import type { DomainError, Reason } from '../../domain/error.ts';
import type { MethodPath } from '../access.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: Readonly<Partial<Record<Reason, Level>>> = {
  INTERNAL: 'error',
  LEDGER_CORRUPT: 'error',
  HEAD_FROM_FUTURE: 'error',
  DATABASE_UNAVAILABLE: 'warn',
  OUTCOME_UNKNOWN: 'warn',
  CLOCK_UNCERTAIN: 'warn',
  STATE_VERSION_UNSUPPORTED: 'warn',
  QUEUE_FULL: 'warn',
  CREDENTIAL_INVALID: 'info',
  SCOPE_DENIED: 'info',
  PRODUCT_SCOPE_MISMATCH: 'info',
};

const WINDOW_MS = 1_000;
const LINES_PER_WINDOW = 10;

/** What is known of a call when it ends. */
export interface CallRecord {
  readonly path: MethodPath;
  readonly requestId: string;
  /** The scope and name of the credential; absent where there was none. */
  readonly caller?: string;
  readonly tenantId?: string;
  /** How many messages of a stream were read. */
  readonly received?: number;
  /** How many messages of a stream were sent. */
  readonly sent?: number;
  readonly durationMs: number;
}

interface Window {
  beganMs: number;
  lines: number;
  suppressed: number;
}

/** Writes the log of calls. */
export class CallLog {
  readonly #logger: Logger;
  readonly #windows = new Map<Reason, Window>();
  /** Says whether calls that went well are logged; read before a record is made for it. */
  readonly logsSuccess: boolean;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.logsSuccess = logger.isLevelEnabled('debug');
  }

  succeeded(record: CallRecord): void {
    this.#logger.debug(record, 'call');
  }

  /** An operator changed something: always worth a line. */
  operatorWrote(record: CallRecord): void {
    this.#logger.info(record, 'operator call');
  }

  /** The caller of a stream went away before its end, which is nothing out of order. */
  left(describe: () => CallRecord): void {
    if (this.logsSuccess) this.#logger.debug(describe(), 'caller went away');
  }

  /** @param describe Is asked for the record only where a line is written. */
  failed(error: DomainError, describe: () => CallRecord): void {
    const level = LEVELS[error.reason] ?? 'debug';
    if (!this.#logger.isLevelEnabled(level)) return;
    const suppressed = this.#admitLine(error.reason);
    if (suppressed === undefined) return;
    const record = describe();
    // What callers may not see of a failure (driver errors, stacks) is what operators need.
    const cause = level === 'error' || level === 'warn' ? (error.cause ?? error) : undefined;
    const detail = level === 'debug' ? { message: error.message } : {};
    this.#logger[level](
      {
        ...record,
        reason: error.reason,
        ...detail,
        ...(cause === undefined ? {} : { err: cause }),
        ...(suppressed === 0 ? {} : { suppressed }),
      },
      'call failed',
    );
  }

  /** Answers how many lines of this kind were left out before this one; undefined where this one is left out. */
  #admitLine(reason: Reason): number | undefined {
    const nowMs = performance.now();
    const window = this.#windows.get(reason);
    if (window === undefined || nowMs - window.beganMs >= WINDOW_MS) {
      this.#windows.set(reason, { beganMs: nowMs, lines: 1, suppressed: 0 });
      return window?.suppressed ?? 0;
    }
    if (window.lines < LINES_PER_WINDOW) {
      window.lines += 1;
      return 0;
    }
    window.suppressed += 1;
    return undefined;
  }
}
