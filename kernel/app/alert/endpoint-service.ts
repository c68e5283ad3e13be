// Owns the endpoints of a workspace: where its events are delivered to, and what deliveries are signed with. Does not own delivering
// (delivery-sender.ts), or which addresses nothing is sent to (kernel/alert).
// Invariants: a workspace never has more endpoints than ENDPOINTS_MAX: each has one of that many places, which a unique index gives
// once; a secret is answered once, to the request that made it; a secret that was replaced counts for a day more.

import type { BillingEventType } from '../../domain/billing-event.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, type Operation, requestKey } from '../ledger/request-identity.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock } from '../ports.ts';
import type { BillingAct, BillingJournal } from '../subscription/billing-act.ts';
import { noteAlertAct } from './alert-act.ts';
import type { AlertEndpoint, AlertEndpointStore, AlertIdSource, AlertTransport, StoredEndpoint } from './ports.ts';

/** How many endpoints a workspace may have. */
export const ENDPOINTS_MAX = 5;
/** How long a secret counts beside the one that took its place, in milliseconds. */
const SECRET_OVERLAP_MS = 86_400_000;
/** How many secrets count at once at most; of more the oldest goes. */
const SECRETS_MAX = 5;
const SECRET_BYTES = 32;
/** How often a write is tried over what others have just changed. */
const ATTEMPTS_MAX = 30;

/** What a person says of an endpoint. */
export interface EndpointInput {
  readonly url: string;
  readonly description: string;
  readonly types: readonly BillingEventType[];
}

/** An endpoint, and its new secret unless an earlier call with the same request id has answered it. */
export interface EndpointWithSecret {
  readonly endpoint: AlertEndpoint;
  readonly secret?: string;
  readonly replayed: boolean;
}

/** What endpoints are kept with. */
export interface EndpointServiceParts {
  readonly store: AlertEndpointStore;
  readonly transport: Pick<AlertTransport, 'findObjection'>;
  readonly journal: BillingJournal;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: AlertIdSource;
}

/** Keeps endpoints. */
export class EndpointService {
  readonly #parts: EndpointServiceParts;

  constructor(parts: EndpointServiceParts) {
    this.#parts = parts;
  }

  /** Lists the endpoints of a workspace, the oldest first. Throws DomainError DATABASE_UNAVAILABLE. */
  async list({ tenantId }: TenantRef): Promise<readonly AlertEndpoint[]> {
    return (await this.#parts.store.loadEndpoints(tenantId)).map(({ endpoint }) => endpoint);
  }

  /**
   * Makes an endpoint, once for each caller and request id; a replay has no secret.
   * Throws DomainError ALERT_TARGET_FORBIDDEN, ALERT_ENDPOINT_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async create(
    tenant: TenantRef,
    input: EndpointInput,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<EndpointWithSecret> {
    const { store, clock, ids } = this.#parts;
    const { url, description, types } = input;
    const requestFingerprint = computeFingerprint([
      ...['create_alert_endpoint', tenant.tenantId, url, description],
      [...types].sort().join(','),
    ]);
    const key = requestKey(context.callerScope, 'create_alert_endpoint', context.requestId);
    const findReplay = async (): Promise<EndpointWithSecret | undefined> => {
      const stored = await store.loadByRequestKey(key);
      if (stored === undefined) return undefined;
      if (stored.fingerprint !== requestFingerprint) throw keyReused(key);
      return { endpoint: stored.endpoint, replayed: true };
    };
    const before = await findReplay();
    if (before !== undefined) return before;
    await this.#assertAllowed(url);
    await this.#note(tenant, 'AlertEndpointService/CreateEndpoint', asker, key);
    const endpoint = { endpointId: ids.endpointId(), ...tenant, url, description, types, createdAt: clock.now() };
    const secret = this.#makeSecret();
    const draft = {
      endpoint,
      secrets: [{ text: secret }],
      requestKey: key,
      fingerprint: requestFingerprint,
      revision: 1,
    };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const taken = new Set((await store.loadEndpoints(tenant.tenantId)).map(({ place }) => place));
      const place = Array.from({ length: ENDPOINTS_MAX }, (_, index) => index).find((index) => !taken.has(index));
      if (place !== undefined && (await store.insertEndpoint({ ...draft, place }))) {
        return { endpoint, secret, replayed: false };
      }
      const replay = await findReplay();
      if (replay !== undefined) return replay;
      if (place === undefined) throw tooManyEndpoints();
    }
    throw tooBusy();
  }

  /**
   * Makes an endpoint what the input says; one that is switched on again, or has another address, counts as one that never failed.
   * Idempotent by nature.
   * Throws DomainError ALERT_ENDPOINT_NOT_FOUND, ALERT_TARGET_FORBIDDEN, QUEUE_FULL, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async update(
    tenant: TenantRef,
    endpointId: string,
    { isEnabled, ...input }: EndpointInput & { readonly isEnabled: boolean },
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<AlertEndpoint> {
    await this.#load(tenant, endpointId);
    await this.#assertAllowed(input.url);
    const key = keyOf(context, 'update_alert_endpoint', endpointId);
    await this.#note(tenant, 'AlertEndpointService/UpdateEndpoint', asker, key);
    const now = this.#parts.clock.now();
    const after = await this.#change(tenant, endpointId, (stored) => {
      const { disabled, failingSince, ...endpoint } = stored.endpoint;
      const isSame = endpoint.url === input.url && (disabled === undefined || !isEnabled);
      const state = {
        ...(isSame ? present({ failingSince }) : {}),
        ...(isEnabled ? {} : { disabled: disabled ?? { because: 'person' as const, at: now } }),
      };
      return { ...stored, endpoint: { ...endpoint, ...input, ...state } };
    });
    return after.endpoint;
  }

  /**
   * Makes another secret, once for each caller and request id; a replay has none. The one before counts for a day more.
   * Throws DomainError ALERT_ENDPOINT_NOT_FOUND, QUEUE_FULL, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async rotateSecret(
    tenant: TenantRef,
    endpointId: string,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<EndpointWithSecret> {
    await this.#load(tenant, endpointId);
    const key = keyOf(context, 'rotate_alert_secret', endpointId);
    await this.#note(tenant, 'AlertEndpointService/RotateEndpointSecret', asker, key);
    const now = this.#parts.clock.now();
    const text = this.#makeSecret();
    const after = await this.#change(tenant, endpointId, (stored) => {
      if (stored.rotationKey === key) return stored;
      return { ...stored, secrets: rotate(stored.secrets, text, now), rotationKey: key };
    });
    // Of two that came at once with one request id, one has made the secret.
    const isNew = after.secrets[0]?.text === text;
    return { endpoint: after.endpoint, replayed: !isNew, ...(isNew ? { secret: text } : {}) };
  }

  /**
   * Removes an endpoint: nothing more is delivered to it. A request that has removed it before is answered as then. Throws DomainError
   * ALERT_ENDPOINT_NOT_FOUND where it is not there, or not any more, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async remove(tenant: TenantRef, endpointId: string, asker: PersonAsker, context: WriteContext): Promise<void> {
    const key = keyOf(context, 'delete_alert_endpoint', endpointId);
    const isThere = (await this.#parts.store.loadEndpoint(tenant.tenantId, endpointId)) !== undefined;
    // It was noted while the endpoint was there, and is gone by now.
    if (!isThere && (await this.#parts.journal.isNoted(tenant.tenantId, key))) return;
    if (!isThere) throw endpointNotFound(endpointId);
    await this.#note(tenant, 'AlertEndpointService/DeleteEndpoint', asker, key);
    await this.#parts.store.removeEndpoint(tenant.tenantId, endpointId);
  }

  async #change(
    tenant: TenantRef,
    endpointId: string,
    decide: (stored: StoredEndpoint) => StoredEndpoint,
  ): Promise<Pick<StoredEndpoint, 'endpoint' | 'secrets'>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const before = await this.#load(tenant, endpointId);
      const after = decide(before);
      if (after === before || (await this.#parts.store.replaceEndpoint(before, after))) return after;
    }
    throw tooBusy();
  }

  async #load({ tenantId }: TenantRef, endpointId: string): Promise<StoredEndpoint> {
    const stored = await this.#parts.store.loadEndpoint(tenantId, endpointId);
    if (stored === undefined) throw endpointNotFound(endpointId);
    return stored;
  }

  async #assertAllowed(url: string): Promise<void> {
    const objection = await this.#parts.transport.findObjection(url);
    if (objection === undefined) return;
    throw new DomainError('ALERT_TARGET_FORBIDDEN', `url: ${objection}: name a public address of the web`);
  }

  #note(tenant: TenantRef, method: BillingAct['method'], asker: PersonAsker, key: IdempotencyKey): Promise<void> {
    return noteAlertAct(this.#parts.journal, tenant, method, asker, key);
  }

  #makeSecret(): string {
    return `whsec_${Buffer.from(this.#parts.ids.randomBytes(SECRET_BYTES)).toString('base64')}`;
  }
}

/** A request id that was used for one endpoint says nothing of another one. */
function keyOf({ callerScope, requestId }: WriteContext, operation: Operation, endpointId: string): IdempotencyKey {
  return requestKey(callerScope, operation, `${requestId}:${endpointId}`);
}

/** Answers the texts of the secrets that count at a time, the newest first. */
export function listSecretTexts(secrets: StoredEndpoint['secrets'], now: Instant): readonly string[] {
  return secrets.flatMap(({ text, expiresAt }) => (expiresAt === undefined || expiresAt > now ? [text] : []));
}

function rotate(secrets: StoredEndpoint['secrets'], text: string, now: Instant): StoredEndpoint['secrets'] {
  const before = secrets.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now);
  const ending = before.map((secret) => ({ ...secret, expiresAt: secret.expiresAt ?? now + SECRET_OVERLAP_MS }));
  return [{ text }, ...ending].slice(0, SECRETS_MAX);
}

/** Builds the error for an endpoint that a workspace does not have. */
export function endpointNotFound(endpointId: string): DomainError {
  const message = `endpoint_id: the workspace has no alert endpoint ${endpointId}: see ListEndpoints`;
  return new DomainError('ALERT_ENDPOINT_NOT_FOUND', message, { metadata: { endpoint_id: endpointId } });
}

function tooManyEndpoints(): DomainError {
  const limit = String(ENDPOINTS_MAX);
  const message = `the workspace has ${limit} alert endpoints, which is as many as it may have: delete one first`;
  return new DomainError('ALERT_ENDPOINT_LIMIT_REACHED', message, { metadata: { limit } });
}

function tooBusy(): DomainError {
  const message =
    'too many change the alert endpoints of this workspace at once: retry shortly, with the same request_id';
  return new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
}
