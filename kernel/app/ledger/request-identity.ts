// Owns what makes a request this one request: its namespaced key, the fingerprint of what it means, and the salted digest
// of its personal text. Callers can't produce keys of the kernel's own, since theirs all begin with `req:`.

import { hash } from 'node:crypto';
import type { Entry, PersonalText } from '../../domain/entry.ts';
import type { EntryId, Fingerprint, HoldId, IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';

/** The form of fingerprints that this release makes. */
const FINGERPRINT_VERSION = 1;
/** So many base64url characters are 132 bits. */
const FINGERPRINT_LENGTH = 22;
const REQUEST_PREFIX = 'req:';

/** The operations whose request ids are kept apart. */
export type Operation =
  | 'debit'
  | 'report_run'
  | 'grant'
  | 'adjust'
  | 'reserve'
  | 'extend'
  | 'release'
  | 'reverse'
  | 'redact'
  | 'start_trial'
  | 'cancel_trial'
  | 'consent_to_trial'
  | 'activate_subscription'
  | 'change_plan'
  | 'cancel_subscription'
  | 'resume_subscription'
  | 'convert_trial'
  | 'provision_contract'
  | 'start_setup'
  | 'set_default_payment_method'
  | 'open_portal'
  | 'create_top_up'
  | 'cancel_top_up'
  | 'set_auto_top_up'
  | 'apply_code'
  | 'create_promotion'
  | 'revoke_promotion'
  | 'set_alert_thresholds'
  | 'create_alert_endpoint'
  | 'update_alert_endpoint'
  | 'rotate_alert_secret'
  | 'delete_alert_endpoint'
  | 'send_test_alert'
  | 'resend_alert'
  | 'create_tenant'
  | 'set_action_price'
  | 'sync_catalog'
  | 'redrive_webhook_event'
  | 'register_product'
  | 'update_product'
  | 'upsert_plan'
  | 'upsert_plan_policy'
  | 'set_kill_switch'
  | 'update_tenant'
  | 'update_member'
  | 'remove_member'
  | 'put_member'
  | 'create_invitation'
  | 'create_project'
  | 'update_project'
  | 'create_access_token'
  | 'start_signup'
  | 'resend_signup'
  | 'redrive_mail'
  | 'refresh_workspace';

/** Text of a request that may be about a person. */
export interface PersonalInput {
  readonly reason?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
}

/** Builds the key of a caller's request. `callerScope` and `operation` hold no colon, so no two requests meet in one key. */
export function requestKey(callerScope: string, operation: Operation, requestId: string): IdempotencyKey {
  return `${REQUEST_PREFIX}${callerScope}:${operation}:${requestId}` as IdempotencyKey;
}

/** Builds the key of the one opening that an account has. */
export function openingKey(tenantId: TenantId): IdempotencyKey {
  return `open:${tenantId}` as IdempotencyKey;
}

/** Builds the effect key of the one trial that a workspace has. */
export function trialKey(tenantId: TenantId): IdempotencyKey {
  return `trial:${tenantId}` as IdempotencyKey;
}

/** Builds the key of the start of a trial that nobody asked for. */
export function automaticTrialKey(tenantId: TenantId): IdempotencyKey {
  return `trial-automatic:${tenantId}` as IdempotencyKey;
}

/** Builds the key of the one consent to be charged that storing a card by a setup of Stripe's gives. */
export function setupConsentKey(stripeSetupIntentId: string): IdempotencyKey {
  return `consent:${stripeSetupIntentId}` as IdempotencyKey;
}

/** Builds the key of one part of the work behind a hold. A hold id has one form, so no two parts meet in one key. */
export function settlementKey(holdId: HoldId, partId: string): IdempotencyKey {
  return `settle:${holdId}:${partId}` as IdempotencyKey;
}

/** Builds the key of the one reversal that an entry can have. */
export function reversalKey(entryId: EntryId): IdempotencyKey {
  return `reverse:${entryId}:1` as IdempotencyKey;
}

/** Reads the caller's request id out of a key; undefined for a key of the kernel's own. */
export function requestIdOf(key: IdempotencyKey): string | undefined {
  if (!key.startsWith(REQUEST_PREFIX)) return undefined;
  const scopeEnd = key.indexOf(':', REQUEST_PREFIX.length);
  return key.slice(key.indexOf(':', scopeEnd + 1) + 1);
}

/** Computes the digest of the fields that give a request its meaning, in a fixed order; personal text is not among them. */
export function computeFingerprint(fields: readonly (string | number | boolean | bigint | undefined)[]): Fingerprint {
  const text = JSON.stringify(fields.map((field) => (typeof field === 'bigint' ? `${field}` : (field ?? null))));
  return `${FINGERPRINT_VERSION}:${hash('sha256', text, 'base64url').slice(0, FINGERPRINT_LENGTH)}` as Fingerprint;
}

/** Seals personal text with a salt; undefined where there is none. */
export function sealPersonalText(input: PersonalInput, salt: () => string): PersonalText | undefined {
  const text = normalise(input);
  if (text.reason === undefined && text.dimensions === undefined) return undefined;
  const drawn = salt();
  return { digest: computePersonalDigest(drawn, text), salt: drawn, ...text };
}

/** Says whether a command with this fingerprint and text is the request that made the entry. */
export function isSameRequest(
  entry: Entry,
  fingerprint: Fingerprint | undefined,
  text: PersonalText | undefined,
): boolean {
  // An effect key names the effect itself, so whoever comes with it means the same.
  if (fingerprint === undefined) return true;
  if (entry.fingerprint !== fingerprint) return false;
  const stored = entry.personal;
  if (stored === undefined || text === undefined) return stored === undefined && text === undefined;
  // After a redaction nobody can tell any more what the text was.
  return stored.salt === undefined || computePersonalDigest(stored.salt, normalise(text)) === stored.digest;
}

/** Says whether stored text and salt give the digest that stands beside them. */
export function isPersonalTextGenuine(stored: PersonalText): boolean {
  return stored.salt !== undefined && computePersonalDigest(stored.salt, stored) === stored.digest;
}

function computePersonalDigest(salt: string, text: PersonalInput): string {
  const dimensions = Object.entries(text.dimensions ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([salt, text.reason ?? null, dimensions]), 'base64url');
}

/** "No dimensions" has one form only. */
function normalise({ reason, dimensions }: PersonalInput): PersonalInput {
  const isEmpty = dimensions === undefined || Object.keys(dimensions).length === 0;
  return present({ reason, dimensions: isEmpty ? undefined : dimensions });
}
