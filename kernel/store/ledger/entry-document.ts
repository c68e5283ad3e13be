// Owns the form of an entry inside a commit document.

import type { Totals } from '../../domain/account.ts';
import type { PriceRule } from '../../domain/action-price.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { Debited, Entry, EntryType, PersonalText, RunStatus } from '../../domain/entry.ts';
import { DomainError } from '../../domain/error.ts';
import type { Grant, GrantDraw } from '../../domain/grant.ts';
import type { Fingerprint, GrantId, IdempotencyKey, PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toInt64 } from './int64.ts';

/** The sums after an entry or commit, in microcredits. */
export interface TotalsDocument {
  readonly trial: bigint;
  readonly included: bigint;
  readonly payg: bigint;
  readonly held: bigint;
  readonly deficit: bigint;
}

export interface GrantDocument {
  readonly grant_id: GrantId;
  readonly bucket: Bucket;
  readonly granted: bigint;
  readonly remaining: bigint;
  readonly effective_at: Date;
  readonly expires_at?: Date | undefined;
  readonly source: string;
}

interface DrawDocument {
  readonly grant_id: GrantId;
  readonly bucket: Bucket;
  readonly microcredits: bigint;
}

interface PriceDocument {
  readonly microcredits_per_unit: bigint;
  readonly unit: string;
  readonly rule: PriceRule;
  readonly effective_at: Date;
}

/** Names and values stand in a list: a name that a caller chose must never become a field name. */
interface DimensionDocument {
  readonly name: string;
  readonly value: string;
}

interface PersonalDocument {
  readonly digest: string;
  readonly salt?: string | undefined;
  readonly reason?: string | undefined;
  readonly dimensions?: readonly DimensionDocument[] | undefined;
}

/** An entry as MongoDB has it: the fields of its type, and those that every entry has. */
export interface EntryDocument {
  readonly type: EntryType;
  readonly key: IdempotencyKey;
  readonly fingerprint?: Fingerprint | undefined;
  readonly personal?: PersonalDocument | undefined;
  readonly after: TotalsDocument;
  readonly product_code?: ProductCode | undefined;
  readonly plan_code?: PlanCode | undefined;
  readonly actor?: string | undefined;
  readonly grant?: GrantDocument | undefined;
  readonly grant_id?: GrantId | undefined;
  readonly deficit_paid?: bigint | undefined;
  readonly scheduled?: boolean | undefined;
  readonly due_at?: Date | undefined;
  readonly expired?: DrawDocument | undefined;
  readonly action?: string | undefined;
  readonly quantity?: string | undefined;
  readonly price?: PriceDocument | undefined;
  readonly cost?: bigint | undefined;
  readonly draws?: readonly DrawDocument[] | undefined;
  readonly deficit?: bigint | undefined;
  readonly project_id?: string | undefined;
  readonly workflow_id?: string | undefined;
  readonly run_id?: string | undefined;
  readonly run_status?: RunStatus | undefined;
  readonly already_performed?: boolean | undefined;
  readonly bucket?: Bucket | undefined;
  readonly delta?: bigint | undefined;
}

/** Translates an entry into its document; throws RangeError where an amount is not an int64. */
export function toDocumentEntry(entry: Entry): EntryDocument {
  const common = {
    type: entry.type,
    key: entry.key,
    fingerprint: entry.fingerprint,
    personal: entry.personal === undefined ? undefined : toDocumentPersonal(entry.personal),
    after: toDocumentTotals(entry.after),
  };
  switch (entry.type) {
    case 'account_opened':
      return { ...common, product_code: entry.productCode, plan_code: entry.planCode, actor: entry.actor };
    case 'granted':
      return {
        ...common,
        grant: toDocumentGrant(entry.grant),
        deficit_paid: toInt64(entry.deficitPaid),
        scheduled: entry.scheduled,
        actor: entry.actor,
      };
    case 'grant_started':
      return {
        ...common,
        grant_id: entry.grantId,
        deficit_paid: toInt64(entry.deficitPaid),
        due_at: new Date(entry.dueAt),
      };
    case 'grant_expired':
      return { ...common, expired: toDocumentDraw(entry.expired), due_at: new Date(entry.dueAt) };
    case 'debited':
      return { ...common, ...toDocumentDebit(entry) };
    case 'adjusted':
      return {
        ...common,
        bucket: entry.bucket,
        delta: toInt64(entry.delta),
        draws: entry.draws.map(toDocumentDraw),
        grant: entry.grant === undefined ? undefined : toDocumentGrant(entry.grant),
        deficit_paid: toInt64(entry.deficitPaid),
        actor: entry.actor,
      };
  }
}

function toDocumentDebit(entry: Debited): Partial<EntryDocument> {
  const { price } = entry;
  return {
    action: entry.action,
    quantity: entry.quantity,
    price: {
      microcredits_per_unit: toInt64(price.microcreditsPerUnit),
      unit: price.unit,
      rule: price.rule,
      effective_at: new Date(price.effectiveAt),
    },
    cost: toInt64(entry.cost),
    draws: entry.draws.map(toDocumentDraw),
    deficit: toInt64(entry.deficit),
    project_id: entry.projectId,
    workflow_id: entry.workflowId,
    run_id: entry.runId,
    run_status: entry.runStatus,
    already_performed: entry.alreadyPerformed,
  };
}

/** Translates a document back into an entry; throws DomainError LEDGER_CORRUPT where its fields are not its type's. */
export function fromDocumentEntry(document: EntryDocument): Entry {
  const { type } = document;
  const common = {
    key: document.key,
    ...present({ fingerprint: document.fingerprint }),
    ...present({ personal: document.personal === undefined ? undefined : fromDocumentPersonal(document.personal) }),
    after: fromDocumentTotals(document.after),
  };
  const actor = present({ actor: document.actor });
  const field = <Name extends keyof EntryDocument>(name: Name) => required(document, name);
  switch (type) {
    case 'account_opened':
      return { ...common, type, productCode: field('product_code'), planCode: field('plan_code'), ...actor };
    case 'granted': {
      const grant = fromDocumentGrant(field('grant'));
      return { ...common, type, grant, deficitPaid: field('deficit_paid'), scheduled: field('scheduled'), ...actor };
    }
    case 'grant_started': {
      const dueAt = field('due_at').getTime();
      return { ...common, type, grantId: field('grant_id'), deficitPaid: field('deficit_paid'), dueAt };
    }
    case 'grant_expired':
      return { ...common, type, expired: fromDocumentDraw(field('expired')), dueAt: field('due_at').getTime() };
    case 'debited':
      return { ...common, type, ...fromDocumentDebit(document) };
    case 'adjusted':
      return {
        ...common,
        type,
        bucket: field('bucket'),
        delta: field('delta'),
        draws: field('draws').map(fromDocumentDraw),
        ...present({ grant: document.grant === undefined ? undefined : fromDocumentGrant(document.grant) }),
        deficitPaid: field('deficit_paid'),
        actor: field('actor'),
      };
    default:
      throw corrupt(document, `has the unknown type ${JSON.stringify(type satisfies never)}`);
  }
}

function fromDocumentDebit(
  document: EntryDocument,
): Omit<Debited, 'type' | 'key' | 'fingerprint' | 'personal' | 'after'> {
  const price = required(document, 'price');
  return {
    action: required(document, 'action'),
    quantity: required(document, 'quantity'),
    price: {
      microcreditsPerUnit: price.microcredits_per_unit,
      unit: price.unit,
      rule: price.rule,
      effectiveAt: price.effective_at.getTime(),
    },
    cost: required(document, 'cost'),
    draws: required(document, 'draws').map(fromDocumentDraw),
    deficit: required(document, 'deficit'),
    ...present({
      projectId: document.project_id,
      workflowId: document.workflow_id,
      runId: document.run_id,
      runStatus: document.run_status,
    }),
    alreadyPerformed: required(document, 'already_performed'),
  };
}

function required<Name extends keyof EntryDocument>(
  document: EntryDocument,
  name: Name,
): Exclude<EntryDocument[Name], undefined> {
  const value = document[name];
  if (value === undefined || value === null) throw corrupt(document, `has no ${name}`);
  // Not undefined was checked just now; TypeScript does not narrow an indexed access by a generic name.
  return value as Exclude<EntryDocument[Name], undefined>;
}

function corrupt(document: EntryDocument, problem: string): DomainError {
  return new DomainError('LEDGER_CORRUPT', `the stored entry ${document.key} ${problem}: an operator must look`);
}

/** Translates sums, checking that each fits into 64 bits. */
export function toDocumentTotals(totals: Totals): TotalsDocument {
  return {
    trial: toInt64(totals.trial),
    included: toInt64(totals.included),
    payg: toInt64(totals.payg),
    held: toInt64(totals.held),
    deficit: toInt64(totals.deficit),
  };
}

export function fromDocumentTotals(document: TotalsDocument): Totals {
  const { trial, included, payg, held, deficit } = document;
  return { trial, included, payg, held, deficit };
}

export function toDocumentGrant(grant: Grant): GrantDocument {
  return {
    grant_id: grant.grantId,
    bucket: grant.bucket,
    granted: toInt64(grant.granted),
    remaining: toInt64(grant.remaining),
    effective_at: new Date(grant.effectiveAt),
    expires_at: grant.expiresAt === undefined ? undefined : new Date(grant.expiresAt),
    source: grant.source,
  };
}

export function fromDocumentGrant(document: GrantDocument): Grant {
  return {
    grantId: document.grant_id,
    bucket: document.bucket,
    granted: document.granted,
    remaining: document.remaining,
    effectiveAt: document.effective_at.getTime(),
    ...present({ expiresAt: document.expires_at?.getTime() }),
    source: document.source,
  };
}

function toDocumentDraw(draw: GrantDraw): DrawDocument {
  return { grant_id: draw.grantId, bucket: draw.bucket, microcredits: toInt64(draw.microcredits) };
}

function fromDocumentDraw(document: DrawDocument): GrantDraw {
  return { grantId: document.grant_id, bucket: document.bucket, microcredits: document.microcredits };
}

function toDocumentPersonal(personal: PersonalText): PersonalDocument {
  const { digest, salt, reason, dimensions } = personal;
  const list =
    dimensions === undefined ? undefined : Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  return { digest, salt, reason, dimensions: list };
}

function fromDocumentPersonal(document: PersonalDocument): PersonalText {
  const { digest, salt, reason } = document;
  const list = document.dimensions?.map(({ name, value }): [string, string] => [name, value]);
  return {
    digest,
    ...present({ salt, reason, dimensions: list === undefined ? undefined : Object.fromEntries(list) }),
  };
}
