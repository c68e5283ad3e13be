// Owns noting a write of an operator before it begins, where what it makes carries the evidence: an entry of a ledger, a
// price, a tenant. Does not own the write, or changes whose record is the decision (change-book.ts).
// Invariants: what an operator writes is noted before; a retry notes nothing new; a note holds no personal text.

import type { Fingerprint, IdempotencyKey } from '../../domain/id.ts';
import type { Clock } from '../ports.ts';
import type { AuditIdSource, AuditRecord, AuditStore, AuditSubject, Evidence, FieldChange } from './ports.ts';

/** How many notes are stored at once. */
const NOTES_PER_INSERT_MAX = 500;

/** A write that is to begin. */
export interface WriteNote extends AuditSubject {
  /** The method, as credentials name it. */
  readonly method: string;
  readonly callerScope: string;
  readonly actor: string;
  /** The address that the call came from. */
  readonly remoteAddress?: string;
  /** Only where what is written is not a ledger: that can redact its reasons. */
  readonly reason?: string;
  readonly requestId: string;
  readonly requestKey: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  /** The figures of the write, by name. */
  readonly figures: Readonly<Record<string, string | undefined>>;
  readonly evidence: Evidence;
}

/** What notes are made with. */
export interface AuditNotebookParts {
  readonly store: Pick<AuditStore, 'insertNotes'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: AuditIdSource;
}

/** A note that waits to be stored. */
interface WaitingNote {
  readonly record: AuditRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Notes writes of operators. What comes while notes are being stored is stored together after them. */
export class AuditNotebook {
  readonly #parts: AuditNotebookParts;
  readonly #waiting: WaitingNote[] = [];
  #isStoring = false;

  constructor(parts: AuditNotebookParts) {
    this.#parts = parts;
  }

  /** Notes a write. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: then it must not begin. */
  async note({ callerScope, figures, ...write }: WriteNote): Promise<void> {
    const { clock, ids } = this.#parts;
    // A request that was refused may come again with another meaning, under a key that is still free.
    const recordKey = `${write.requestKey}@${write.tenantId ?? ''}@${write.fingerprint}`;
    const recordId = ids.auditRecordId();
    const changes = changesOf(figures);
    const record = { ...write, recordId, recordKey, credential: callerScope, changes, createdAt: clock.now() };
    const stored = new Promise<void>((resolve, reject) => this.#waiting.push({ record, resolve, reject }));
    if (!this.#isStoring) void this.#storeAll();
    await stored;
  }

  /** Never rejects: whoever waits for a note is told what it meets. */
  async #storeAll(): Promise<void> {
    this.#isStoring = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, NOTES_PER_INSERT_MAX);
      // Two that are the same, of a caller who asked twice at once, are one note.
      const records = new Map(batch.map(({ record }) => [record.recordKey, record]));
      try {
        await this.#parts.store.insertNotes([...records.values()]);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isStoring = false;
  }
}

function changesOf(figures: WriteNote['figures']): readonly FieldChange[] {
  return Object.entries(figures).flatMap(([field, after]) =>
    after === undefined ? [] : [{ field, before: '', after }],
  );
}
