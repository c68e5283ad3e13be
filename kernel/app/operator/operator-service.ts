// Owns how the use cases of operators are put together.

import type { CatalogStore, PriceStore } from '../catalog/ports.ts';
import type { SyncNoteStore } from '../catalog-sync/ports.ts';
import type { Clock, LedgerStore, Pacing } from '../ports.ts';
import type { TenantStore, WorkspaceLogStore } from '../tenant/ports.ts';
import { AuditLog } from './audit-log.ts';
import { AuditNotebook } from './audit-notebook.ts';
import { CatalogAdmin } from './catalog-admin.ts';
import { ChangeBook } from './change-book.ts';
import { KillSwitchBoard, type KillSwitchValues } from './kill-switch-board.ts';
import { OperatorLedger, type OperatorWrites } from './operator-ledger.ts';
import type { AuditIdSource, AuditStore, KillSwitchStore } from './ports.ts';

/** What operators work with. */
export interface OperatorTools {
  readonly stores: {
    readonly audit: AuditStore;
    readonly switches: KillSwitchStore;
    readonly catalog: CatalogStore;
    readonly prices: PriceStore;
    readonly tenants: TenantStore;
    readonly workspaceLog: WorkspaceLogStore;
    readonly ledger: LedgerStore;
    readonly syncNotes: SyncNoteStore;
  };
  readonly ledger: OperatorWrites;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: AuditIdSource;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
  readonly killSwitches: KillSwitchValues;
}

/** The use cases of operators. */
export interface Operators {
  readonly admin: CatalogAdmin;
  readonly switches: KillSwitchBoard;
  readonly operatorLog: AuditLog;
  readonly notebook: AuditNotebook;
  readonly book: ChangeBook;
  readonly operatorLedger: OperatorLedger;
}

/** Builds the use cases of operators. */
export function createOperators(tools: OperatorTools): Operators {
  const { stores, clock, ids, pacing, ledger, killSwitches } = tools;
  const book = new ChangeBook({ store: stores.audit, clock, ids, pacing });
  const notebook = new AuditNotebook({ store: stores.audit, clock, ids });
  return {
    admin: new CatalogAdmin({ store: stores.catalog, prices: stores.prices, book }),
    switches: new KillSwitchBoard({ store: stores.switches, book, firstValues: killSwitches }),
    operatorLog: new AuditLog({ ...stores, store: stores.audit }),
    notebook,
    book,
    operatorLedger: new OperatorLedger(ledger, notebook),
  };
}
