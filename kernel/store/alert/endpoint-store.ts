// Owns how alert endpoints are kept in MongoDB: collection `alert_endpoints`. Does not own which of them get what.
// Invariants: a place of a workspace has one endpoint, and a request made one, by unique indexes; a write names the revision that it
// was made from.

import type { Connection, mongo } from 'mongoose';
import type { AlertEndpointStore, AlertSecret, EndpointDisablement, StoredEndpoint } from '../../app/alert/ports.ts';
import type { BillingEventType } from '../../domain/billing-event.ts';
import type { Fingerprint, IdempotencyKey, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { toOptionalDate } from '../optional-date.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const INDEXES = [
  { name: 'place', key: { tenant_id: 1, place: 1 }, unique: true },
  { name: 'request_key', key: { request_key: 1 }, unique: true },
] as const;

interface EndpointDocument {
  /** The endpoint's id. */
  readonly _id: string;
  readonly tenant_id: string;
  readonly product_code: string;
  readonly url: string;
  readonly description: string;
  readonly types: readonly BillingEventType[];
  readonly disabled?: { readonly because: EndpointDisablement; readonly at: Date };
  readonly failing_since?: Date;
  readonly created_at: Date;
  /** In clear: deliveries are signed with them. */
  readonly secrets: readonly { readonly text: string; readonly expires_at?: Date }[];
  readonly place: number;
  readonly request_key: string;
  readonly request_fingerprint: string;
  readonly rotation_key?: string;
  readonly revision: number;
}

/**
 * Opens the collection of alert endpoints and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openAlertEndpointStore(connection: Connection): Promise<AlertEndpointStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the alert endpoints need an open database connection');
  const endpoints = database.collection<EndpointDocument>('alert_endpoints', COLLECTION_OPTIONS);
  const found = await ensureIndexes(endpoints, INDEXES);
  if (found === undefined) return new MongoAlertEndpointStore(endpoints);
  const message =
    `The index ${JSON.stringify(found.key)} of collection alert_endpoints ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoAlertEndpointStore implements AlertEndpointStore {
  readonly #endpoints: mongo.Collection<EndpointDocument>;

  constructor(endpoints: mongo.Collection<EndpointDocument>) {
    this.#endpoints = endpoints;
  }

  insertEndpoint: AlertEndpointStore['insertEndpoint'] = (stored) =>
    guardDatabase(async () => {
      try {
        await this.#endpoints.insertOne(toDocument(stored));
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  loadByRequestKey: AlertEndpointStore['loadByRequestKey'] = (key) => this.#findOne({ request_key: key });

  loadEndpoint: AlertEndpointStore['loadEndpoint'] = (tenantId, endpointId) =>
    this.#findOne({ _id: endpointId, tenant_id: tenantId });

  loadEndpoints: AlertEndpointStore['loadEndpoints'] = (tenantId) =>
    guardDatabase(async () => {
      const documents = await this.#endpoints
        .find({ tenant_id: tenantId }, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ tenant_id: 1, place: 1 })
        .toArray();
      return documents.map(fromDocument).toSorted((a, b) => a.endpoint.createdAt - b.endpoint.createdAt);
    });

  replaceEndpoint: AlertEndpointStore['replaceEndpoint'] = ({ endpoint: { endpointId }, revision }, after) =>
    guardDatabase(async () => {
      const document = toDocument({ ...after, revision: revision + 1 });
      const { matchedCount } = await this.#endpoints.replaceOne({ _id: endpointId, revision }, document);
      return matchedCount === 1;
    });

  removeEndpoint: AlertEndpointStore['removeEndpoint'] = (tenantId, endpointId) =>
    guardDatabase(async () => {
      return (await this.#endpoints.deleteOne({ _id: endpointId, tenant_id: tenantId })).deletedCount === 1;
    });

  #findOne(filter: mongo.Filter<EndpointDocument>): Promise<StoredEndpoint | undefined> {
    return guardDatabase(async () => {
      const document = await this.#endpoints.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });
  }
}

function toDocument({ endpoint, secrets, place, requestKey, fingerprint, rotationKey, revision }: StoredEndpoint) {
  const { disabled, failingSince } = endpoint;
  return {
    _id: endpoint.endpointId,
    tenant_id: endpoint.tenantId,
    product_code: endpoint.productCode,
    url: endpoint.url,
    description: endpoint.description,
    types: endpoint.types,
    ...(disabled === undefined ? {} : { disabled: { because: disabled.because, at: new Date(disabled.at) } }),
    ...present({ failing_since: toOptionalDate(failingSince) }),
    created_at: new Date(endpoint.createdAt),
    secrets: secrets.map(({ text, expiresAt }) => ({ text, ...present({ expires_at: toOptionalDate(expiresAt) }) })),
    place,
    request_key: requestKey,
    request_fingerprint: fingerprint,
    ...present({ rotation_key: rotationKey }),
    revision,
  };
}

function fromDocument(document: EndpointDocument): StoredEndpoint {
  const { disabled, secrets } = document;
  return {
    endpoint: {
      endpointId: document._id,
      tenantId: document.tenant_id as TenantId,
      productCode: document.product_code as ProductCode,
      url: document.url,
      description: document.description,
      types: document.types,
      ...(disabled === undefined ? {} : { disabled: { because: disabled.because, at: disabled.at.getTime() } }),
      ...present({ failingSince: document.failing_since?.getTime() }),
      createdAt: document.created_at.getTime(),
    },
    secrets: secrets.map(
      ({ text, expires_at }): AlertSecret => ({ text, ...present({ expiresAt: expires_at?.getTime() }) }),
    ),
    place: document.place,
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
    ...present({ rotationKey: document.rotation_key as IdempotencyKey | undefined }),
    revision: document.revision,
  };
}
