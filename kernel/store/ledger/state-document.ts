// Owns the form of an account's state inside a commit document, and the upgrade of older forms.

import type { AccountState } from '../../domain/account.ts';
import { BUCKETS, type Bucket } from '../../domain/bucket.ts';
import { STATE_VERSION } from '../../domain/commit.ts';
import type { Grant } from '../../domain/grant.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import {
  fromDocumentGrant,
  fromDocumentTotals,
  type GrantDocument,
  type TotalsDocument,
  toDocumentGrant,
  toDocumentTotals,
} from './entry-document.ts';

/** A state as MongoDB has it, in the form of the version that this release writes. */
export interface StateDocument {
  readonly product_code: ProductCode;
  readonly plan_code: PlanCode;
  readonly grants: readonly GrantDocument[];
  readonly scheduled: readonly GrantDocument[];
  readonly totals: TotalsDocument;
}

/** Turns the form of one version into the form of the next; the key is the version that it reads. */
type Upgrade = (document: unknown) => unknown;
const UPGRADES: ReadonlyMap<number, Upgrade> = new Map();

/** Translates the state of an open account into its document. */
export function toDocumentState(state: AccountState): StateDocument {
  return {
    product_code: state.productCode,
    plan_code: state.planCode,
    grants: BUCKETS.flatMap((bucket) => state.grants[bucket].map(toDocumentGrant)),
    scheduled: state.scheduled.map(toDocumentGrant),
    totals: toDocumentTotals(state.totals),
  };
}

/** Translates a document of any version up to this release's back into a state. */
export function fromDocumentState(document: unknown, version: number): AccountState {
  // A form of the current version was written by `toDocumentState`, or made by the upgrade from the one before.
  const current = upgrade(document, version) as StateDocument;
  const grants: Record<Bucket, Grant[]> = { trial: [], included: [], payg: [] };
  for (const grant of current.grants.map(fromDocumentGrant)) grants[grant.bucket].push(grant);
  return {
    status: 'open',
    productCode: current.product_code,
    planCode: current.plan_code,
    grants,
    scheduled: current.scheduled.map(fromDocumentGrant),
    totals: fromDocumentTotals(current.totals),
  };
}

function upgrade(document: unknown, version: number): unknown {
  let form = document;
  for (let from = version; from < STATE_VERSION; from += 1) form = UPGRADES.get(from)?.(form) ?? form;
  return form;
}
