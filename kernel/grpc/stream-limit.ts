// Owns how many streams a kernel carries at once. Each holds memory and a connection for as long as its caller likes, so
// unlike calls they are bounded by number. Does not own how many watches one account may have (app/ledger/balance-watch.ts).
// Invariant: no credential alone can keep the others out, except operators each other.

import { DomainError } from '../domain/error.ts';
import { type MethodPath, type StreamPath, shortMethodName } from './access.ts';

/** How many streams of one method may be open at once; beyond: QUEUE_FULL. */
export interface StreamBound {
  /** In this kernel. */
  readonly kernel: number;
  /** Of one credential name, in this kernel. */
  readonly credential: number;
}

export type StreamBounds = Readonly<Partial<Record<MethodPath, StreamBound>>>;

/** A stream of debits carries as much as its service has, so each process needs one; it may hold a window of answers. */
const STREAM_DEBITS_MAX: StreamBound = { kernel: 256, credential: 128 };
/** A watch holds little, and there are as many as people who look at a balance. */
const WATCHES_MAX: StreamBound = { kernel: 10_000, credential: 5_000 };
/** A service watches all events with one stream for each of its processes. */
const EVENT_WATCHES_MAX: StreamBound = { kernel: 256, credential: 128 };
/** Verifications and exports read whole accounts, for operators alone, who share their credential. */
const AUDITS_MAX: StreamBound = { kernel: 32, credential: 32 };
/** Syncs take turns anyway, and each holds what it has read of Stripe. */
const SYNCS_MAX: StreamBound = { kernel: 8, credential: 8 };

/** What a kernel carries; a stream without a line does not compile. */
export const STREAM_BOUNDS: Readonly<Record<StreamPath, StreamBound>> = {
  '/wheelhouse.ledger.v1.LedgerStreamService/StreamDebits': STREAM_DEBITS_MAX,
  '/wheelhouse.ledger.v1.LedgerStreamService/WatchBalance': WATCHES_MAX,
  '/wheelhouse.alert.v1.AlertService/WatchEvents': EVENT_WATCHES_MAX,
  '/wheelhouse.ledger.v1.LedgerAuditService/VerifyLedger': AUDITS_MAX,
  '/wheelhouse.ledger.v1.LedgerAuditService/ExportAccount': AUDITS_MAX,
  '/wheelhouse.ledger.v1.LedgerAuditService/ExportHeads': AUDITS_MAX,
  '/wheelhouse.catalog.v1.CatalogSyncService/SyncCatalog': SYNCS_MAX,
  // Each asks Stripe about every workspace.
  '/wheelhouse.operator.v1.ReconciliationService/VerifyStripe': SYNCS_MAX,
};

const RETRY_DELAY_MS = 1_000;

/** Counts the streams of one method that are open. */
export class StreamLimit {
  readonly #path: MethodPath;
  readonly #bound: StreamBound;
  readonly #openByCredential = new Map<string, number>();
  #open = 0;

  /** Throws Error where the bounds have no line for the method. */
  constructor(bounds: StreamBounds, path: MethodPath) {
    const bound = bounds[path];
    if (bound === undefined) throw new Error(`nothing says how many streams of ${path} may be open`);
    this.#path = path;
    this.#bound = bound;
  }

  /**
   * Takes a place for a stream of a credential; to be left once, when the stream has ended.
   * Throws DomainError QUEUE_FULL where there is none.
   */
  enter(credentialName: string): void {
    const { kernel, credential } = this.#bound;
    const open = this.#openByCredential.get(credentialName) ?? 0;
    if (this.#open >= kernel) throw this.#full('this kernel', kernel);
    if (open >= credential) throw this.#full('this credential', credential);
    this.#open += 1;
    this.#openByCredential.set(credentialName, open + 1);
  }

  /** Gives a place back. */
  leave(credentialName: string): void {
    const left = (this.#openByCredential.get(credentialName) ?? 0) - 1;
    this.#open -= 1;
    if (left > 0) this.#openByCredential.set(credentialName, left);
    else this.#openByCredential.delete(credentialName);
  }

  #full(whose: string, limit: number): DomainError {
    const what = shortMethodName(this.#path);
    const message = `${whose} has ${limit} streams of ${what} open, the most that may be: end some, or retry through another kernel`;
    return new DomainError('QUEUE_FULL', message, {
      metadata: { limit: String(limit) },
      retryDelayMs: RETRY_DELAY_MS,
    });
  }
}
