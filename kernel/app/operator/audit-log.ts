// Owns reading the audit log: its pages, and whether each write happened and why, where that stands elsewhere. Does not own
// how records come to be.

import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PriceStore } from '../catalog/ports.ts';
import type { SyncNoteStore } from '../catalog-sync/ports.ts';
import { postedEntryOf } from '../ledger/entry-list.ts';
import { openingKey } from '../ledger/request-identity.ts';
import type { LedgerStore, PlacedEntry } from '../ports.ts';
import type { TenantStore, WorkspaceLogStore, WorkspaceRecord } from '../tenant/ports.ts';
import { formatAuditToken, parseAuditToken } from './audit-token.ts';
import type { AuditFilter, AuditRecord, AuditStore } from './ports.ts';

/** What the log is read from. */
export interface AuditLogParts {
  readonly store: Pick<AuditStore, 'loadRecords'>;
  readonly ledger: Pick<LedgerStore, 'loadEntriesByKeys'>;
  readonly prices: Pick<PriceStore, 'loadPriceByRequestKey'>;
  readonly tenants: Pick<TenantStore, 'loadTenantByRequestKey' | 'loadWorkspace'>;
  readonly workspaceLog: Pick<WorkspaceLogStore, 'loadRecordByKey'>;
  readonly syncNotes: Pick<SyncNoteStore, 'loadSyncNote'>;
}

/** What became of a write; of one that consists of several, a part may stand. */
export type AuditOutcome = 'applied' | 'not_applied' | 'partly_applied';

/** A record with what became of its write. */
export interface AuditReading {
  readonly record: AuditRecord;
  readonly outcome: AuditOutcome;
  /** Empty where it was redacted, or nothing of the write stands. */
  readonly reason: string;
  /** The tenant that it is about, also where the write made it. */
  readonly tenantId?: TenantId;
  readonly entryId?: string;
}

export interface AuditPage {
  readonly readings: readonly AuditReading[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

type EntryFinder = (tenantId: TenantId, key: IdempotencyKey) => PlacedEntry | undefined;

/** Reads the audit log. */
export class AuditLog {
  readonly #parts: AuditLogParts;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
  }

  /**
   * Lists records, the newest first.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async listRecords(filter: AuditFilter, pageSize: number, pageToken: string): Promise<AuditPage> {
    const after = pageToken === '' ? undefined : parseAuditToken(pageToken, filter);
    const records = await this.#parts.store.loadRecords(filter, pageSize + 1, after);
    const page = records.slice(0, pageSize);
    const last = page.at(-1);
    const nextPageToken = records.length > page.length && last !== undefined ? formatAuditToken(last, filter) : '';
    const findEntry = await this.#loadEntries(page);
    return { readings: await Promise.all(page.map((record) => this.#read(record, findEntry))), nextPageToken };
  }

  /** Reads the entries behind records of accounts, with one query for each account. */
  async #loadEntries(records: readonly AuditRecord[]): Promise<EntryFinder> {
    const found = new Map<string, PlacedEntry>();
    const ofAccounts = Map.groupBy(
      records.filter(({ evidence }) => evidence === 'ledger_entry'),
      ({ tenantId }) => tenantId,
    );
    for (const [tenantId, own] of ofAccounts) {
      if (tenantId === undefined) continue;
      const keys = [...new Set(own.map(({ requestKey }) => requestKey))];
      for (const placed of await this.#parts.ledger.loadEntriesByKeys(tenantId, keys)) {
        found.set(`${tenantId}@${placed.entry.key}`, placed);
      }
    }
    return (tenantId, key) => found.get(`${tenantId}@${key}`);
  }

  async #read(record: AuditRecord, findEntry: EntryFinder): Promise<AuditReading> {
    const { evidence, requestKey, fingerprint, tenantId, reason = '' } = record;
    const known = { record, reason, ...present({ tenantId }) };
    switch (evidence) {
      case 'record':
        return { ...known, outcome: 'applied' };
      case 'action_price': {
        const price = await this.#parts.prices.loadPriceByRequestKey(requestKey);
        return { ...known, outcome: price?.fingerprint === fingerprint ? 'applied' : 'not_applied' };
      }
      case 'catalog_sync': {
        const note = await this.#parts.syncNotes.loadSyncNote(requestKey);
        if (note === undefined || note.fingerprint !== fingerprint) return { ...known, outcome: 'not_applied' };
        return { ...known, outcome: note.figures === undefined ? 'partly_applied' : 'applied' };
      }
      case 'tenant':
        return this.#readTenant(record);
      case 'workspace_record': {
        const done = await this.#findWorkspaceRecord(tenantId, requestKey);
        return { ...known, outcome: done?.fingerprint === fingerprint ? 'applied' : 'not_applied' };
      }
      case 'ledger_entry': {
        const placed = tenantId === undefined ? undefined : findEntry(tenantId, requestKey);
        if (tenantId === undefined || placed?.entry.fingerprint !== fingerprint)
          return { ...known, outcome: 'not_applied' };
        return { ...known, outcome: 'applied', ...entryPart(tenantId, placed) };
      }
    }
  }

  /** What was done last may stand in the workspace alone as yet. */
  async #findWorkspaceRecord(
    tenantId: TenantId | undefined,
    requestKey: IdempotencyKey,
  ): Promise<Pick<WorkspaceRecord, 'fingerprint'> | undefined> {
    if (tenantId === undefined) return undefined;
    const stored = await this.#parts.tenants.loadWorkspace(tenantId);
    if (stored?.lastRecord?.requestKey === requestKey) return stored.lastRecord;
    return this.#parts.workspaceLog.loadRecordByKey(tenantId, requestKey);
  }

  async #readTenant(record: AuditRecord): Promise<AuditReading> {
    const made = await this.#parts.tenants.loadTenantByRequestKey(record.requestKey);
    if (made === undefined || made.fingerprint !== record.fingerprint) {
      return { record, reason: '', outcome: 'not_applied' };
    }
    const { tenantId } = made.workspace;
    const [opening] = await this.#parts.ledger.loadEntriesByKeys(tenantId, [openingKey(tenantId)]);
    const part = opening === undefined ? { reason: '' } : entryPart(tenantId, opening);
    return { record, outcome: 'applied', tenantId, ...part };
  }
}

function entryPart(
  tenantId: TenantId,
  placed: PlacedEntry,
): Pick<AuditReading, 'reason'> & { readonly entryId: string } {
  const { entryId, entry } = postedEntryOf(tenantId, placed);
  return { entryId, reason: entry.personal?.reason ?? '' };
}
