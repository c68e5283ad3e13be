// Owns the form of the audit log in MongoDB: collection `audit_log`; and which document each change is made to. Does not own
// what a change means (app/operator/ports.ts).
// Invariant: a change is stored as it will be done, value by value, so that any kernel can do it.

import type { mongo } from 'mongoose';
import type {
  AuditRecord,
  ChangeEffect,
  ChangeRecord,
  ChangeTarget,
  Evidence,
  FieldChange,
  ProductChange,
} from '../../app/operator/ports.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { contractNameOf } from '../../domain/plan-policy.ts';
import { toDocumentPolicy, toDocumentPolicyChange } from '../catalog/catalog-document.ts';
import { toPromotionFields } from '../promotion/promotion-store.ts';

/** The collections that changes are made to. */
export type ChangedCollection =
  | 'products'
  | 'plans'
  | 'plan_policies'
  | 'kill_switches'
  | 'stripe_events'
  | 'mail_outbox'
  | 'promotions';

/** What is done to a document. */
export interface EffectDocument {
  readonly collection: ChangedCollection;
  /** Names the document. */
  readonly key: Readonly<Record<string, string>>;
  readonly set: mongo.Document;
  /** The fields that are taken away. */
  readonly unset?: readonly string[];
  /** The further fields of a document that is not there yet; absent: one must be there. */
  readonly on_insert?: mongo.Document;
}

/** What is done to a plan beside, whose changes have numbers of their own. */
export interface PlanEffectDocument extends EffectDocument {
  readonly revision: number;
}

export interface AuditDocument {
  /** The record's id. */
  readonly _id: string;
  readonly record_key: string;
  readonly method: string;
  readonly credential: string;
  readonly actor: string;
  readonly remote_address?: string;
  readonly reason?: string;
  readonly request_id: string;
  readonly request_key: string;
  readonly request_fingerprint: string;
  readonly product_code?: string;
  readonly plan_code?: string;
  readonly tenant_id?: string;
  readonly changes: readonly FieldChange[];
  readonly evidence: Evidence;
  readonly created_at: Date;
  /** The fields from here on are those of a change: what it is made to, its number there, and what is done. */
  readonly target?: string;
  readonly revision?: number;
  readonly effect?: EffectDocument;
  readonly plan_effect?: PlanEffectDocument;
}

export function toDocumentRecord(record: AuditRecord): AuditDocument {
  return {
    _id: record.recordId,
    record_key: record.recordKey,
    method: record.method,
    credential: record.credential,
    actor: record.actor,
    ...present({ remote_address: record.remoteAddress, reason: record.reason }),
    request_id: record.requestId,
    request_key: record.requestKey,
    request_fingerprint: record.fingerprint,
    ...present({ product_code: record.productCode, plan_code: record.planCode, tenant_id: record.tenantId }),
    changes: record.changes,
    evidence: record.evidence,
    created_at: new Date(record.createdAt),
  };
}

export function fromDocumentRecord(document: AuditDocument): AuditRecord {
  return {
    recordId: document._id,
    recordKey: document.record_key,
    method: document.method,
    credential: document.credential,
    actor: document.actor,
    ...present({ remoteAddress: document.remote_address, reason: document.reason }),
    requestId: document.request_id,
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
    ...present({
      productCode: document.product_code as ProductCode | undefined,
      planCode: document.plan_code as PlanCode | undefined,
      tenantId: document.tenant_id as TenantId | undefined,
    }),
    changes: document.changes,
    evidence: document.evidence,
    createdAt: document.created_at.getTime(),
  };
}

export function toDocumentChange({ audit, target, revision, effect }: ChangeRecord): AuditDocument {
  const createdAt = new Date(audit.createdAt);
  return {
    ...toDocumentRecord(audit),
    target: targetName(target),
    revision,
    effect: { ...placeOf(target), ...toDocumentEffect(effect, createdAt) },
    ...present({ plan_effect: toPlanEffect(target, effect, createdAt) }),
  };
}

/** Names a target within the log. Codes hold neither `:` nor `/`, and an event's id stands alone. */
export function targetName(target: ChangeTarget): string {
  const kind = target.kind === 'plan' ? 'product' : target.kind;
  return `${kind}:${Object.values(placeOf(target).key).join('/')}`;
}

/** The document that has the number of the change: a plan's changes are numbered with those of its product. */
function placeOf(target: ChangeTarget): Pick<EffectDocument, 'collection' | 'key'> {
  switch (target.kind) {
    case 'product':
    case 'plan':
      return { collection: 'products', key: { product_code: target.productCode } };
    case 'policy':
      return { collection: 'plan_policies', key: { product_code: target.productCode, plan_code: target.planCode } };
    case 'switch':
      return { collection: 'kill_switches', key: { name: target.name } };
    case 'webhook_event':
      return { collection: 'stripe_events', key: { _id: target.eventId } };
    case 'mail':
      return { collection: 'mail_outbox', key: { _id: target.mailId } };
    case 'promotion':
      return { collection: 'promotions', key: { product_code: target.productCode, code: target.code } };
  }
}

function toDocumentEffect(effect: ChangeEffect, createdAt: Date): Pick<EffectDocument, 'set' | 'unset' | 'on_insert'> {
  switch (effect.kind) {
    case 'product':
      return { set: toProductFields(effect.fields), on_insert: { created_at: createdAt } };
    case 'plan':
      return { set: {} };
    case 'policy': {
      const { base, change, pinnedFields } = effect;
      const changed = toDocumentPolicyChange(base, change);
      const rest = Object.entries(toDocumentPolicy(base)).filter(([name]) => !Object.hasOwn(changed, name));
      return {
        set: { ...changed, pinned_fields: [...pinnedFields].map(contractNameOf) },
        on_insert: { ...Object.fromEntries(rest), created_at: createdAt },
      };
    }
    case 'switch':
      return { set: { enabled: effect.enabled }, on_insert: {} };
    case 'webhook_event':
      // An attempt that came to its end all the same, after it was given up, has left marks of that.
      return { set: { state: 'pending', attempts: 0, due_at: createdAt }, unset: ['processed_at', 'expires_at'] };
    case 'mail':
      return { set: { state: 'pending', attempts: 0, due_at: createdAt } };
    case 'promotion':
      return { set: toPromotionFields(effect.promotion), on_insert: { created_at: createdAt } };
    case 'revocation':
      return { set: { revoked_at: new Date(effect.revokedAt) } };
  }
}

function toPlanEffect(target: ChangeTarget, effect: ChangeEffect, createdAt: Date): PlanEffectDocument | undefined {
  if (target.kind === 'plan' && effect.kind === 'plan') {
    const { fields, planRevision: revision } = effect;
    const onInsert = { created_at: createdAt };
    return { ...planPlace(target), set: toPlanFields(fields), on_insert: onInsert, revision };
  }
  if (target.kind !== 'product' || effect.kind !== 'product' || effect.keptPlan === undefined) return undefined;
  const { planCode, planRevision: revision } = effect.keptPlan;
  return { ...planPlace({ productCode: target.productCode, planCode }), set: { archived: false }, revision };
}

function planPlace({ productCode, planCode }: { readonly productCode: ProductCode; readonly planCode: PlanCode }) {
  return { collection: 'plans', key: { product_code: productCode, plan_code: planCode } } as const;
}

function toProductFields(fields: ProductChange): mongo.Document {
  const { displayName, fallbackPlanCode, onboardingPinned, currency } = fields;
  return {
    ...present({
      display_name: displayName,
      fallback_plan_code: fallbackPlanCode,
      onboarding_pinned: onboardingPinned,
      currency,
    }),
    ...('onboardingPlanCode' in fields ? { onboarding_plan_code: fields.onboardingPlanCode ?? null } : {}),
  };
}

function toPlanFields(fields: Extract<ChangeEffect, { readonly kind: 'plan' }>['fields']): mongo.Document {
  const { productName, price, archived } = fields;
  return {
    product_name: productName,
    amount: price?.minorUnits ?? null,
    currency: price?.currency ?? null,
    ...{ stripe_price_id: null, interval: null, interval_count: 0, source: 'operator' },
    archived,
  };
}
