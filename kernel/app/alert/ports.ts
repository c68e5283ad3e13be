// Owns what alerts need of the database. Does not own how it is done.

import type { BalancePoint, BalanceThreshold } from '../../domain/balance-threshold.ts';
import type { BillingEvent, BillingEventType } from '../../domain/billing-event.ts';
import type { Fingerprint, IdempotencyKey, Instant, ProductCode, TenantId } from '../../domain/id.ts';

/** What became of an event that was to be stored. */
export type EventInsertion =
  | 'inserted'
  /** An event with this id is stored already. */
  | 'known'
  /** Another event has this number. */
  | 'number_taken';

/** Limits which events are read; every part that is set must match. */
export interface EventFilter {
  readonly tenantId?: TenantId;
  readonly productCode?: ProductCode;
  readonly type?: BillingEventType;
}

/** Which events exist. */
export interface EventRange {
  /** The number of the oldest that is kept. */
  readonly oldest: number;
  readonly newest: number;
}

/**
 * Keeps billing events. Every read is primary + majority, every write majority + journal. Every method throws DomainError
 * DATABASE_UNAVAILABLE.
 */
export interface BillingEventStore {
  insertEvent(event: BillingEvent): Promise<EventInsertion>;
  /** Says whether there is an event of this id. */
  hasEvent(eventId: string): Promise<boolean>;
  /** Reads which numbers there are; undefined where there never was an event. */
  loadRange(): Promise<EventRange | undefined>;
  /** Reads the events with a greater number, in their order, at most `limit`. */
  loadEventsAfter(number: number, filter: EventFilter, limit: number): Promise<readonly BillingEvent[]>;
  /** Reads the events with a smaller number, the newest first, at most `limit`. */
  loadEventsBefore(number: number, filter: EventFilter, limit: number): Promise<readonly BillingEvent[]>;
  /** Removes events that were made before a time, but never the newest of all: the next number comes after it. */
  removeEventsBefore(at: Instant): Promise<void>;
}

/** The thresholds of a workspace, and up to which commit its balance was compared with them. */
export interface BalanceMark {
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  readonly seq: number;
  /** Highest first; empty where somebody took all away. */
  readonly thresholds: readonly BalanceThreshold[];
  /** The requests that have set them. */
  readonly applied?: readonly string[];
  /** Counts the writes of this mark for ever, so that no write is based on what is not there any more. */
  readonly revision: number;
}

/**
 * Keeps marks, and reads the balances that they are compared with. Every read is primary + majority, every write majority +
 * journal. Every method throws DomainError DATABASE_UNAVAILABLE.
 */
export interface BalanceMarkStore {
  loadMark(tenantId: TenantId): Promise<BalanceMark | undefined>;
  /** Stores a mark where there is none; answers false where there is. */
  insertMark(mark: Omit<BalanceMark, 'revision'>): Promise<boolean>;
  /** Puts a mark in the place of one that was read, whose requests stay where none are named; answers false where it is not there as it was read. */
  replaceMark(before: BalanceMark, after: Pick<BalanceMark, 'seq' | 'thresholds' | 'applied'>): Promise<boolean>;
  /** Reads marks that have thresholds, in the order of their tenants' ids, after one, at most `limit`. */
  loadMarksAfter(tenantId: string, limit: number): Promise<readonly BalanceMark[]>;
  /** Reads what was available after the commits of one tenant with `fromSeq` ≤ seq ≤ `toSeq`, in order. */
  loadBalancePoints(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly BalancePoint[]>;
}

/** Why an endpoint gets nothing. */
export type EndpointDisablement =
  /** A person switched it off. */
  | 'person'
  /** Nothing could be delivered to it for days. */
  | 'failing'
  /** It answered that it is gone for good. */
  | 'gone';

/** Where events of a workspace are delivered to. */
export interface AlertEndpoint {
  readonly endpointId: string;
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  readonly url: string;
  /** For people; may be empty. */
  readonly description: string;
  /** Which events it gets; empty: all. */
  readonly types: readonly BillingEventType[];
  /** Absent while it is enabled. */
  readonly disabled?: { readonly because: EndpointDisablement; readonly at: Instant };
  /** Since when nothing could be delivered; absent while that works. */
  readonly failingSince?: Instant;
  readonly createdAt: Instant;
}

/** What deliveries are signed with. */
export interface AlertSecret {
  /** `whsec_` and Base64 of its bytes. */
  readonly text: string;
  /** Until when it counts beside the one that took its place; absent for the newest. */
  readonly expiresAt?: Instant;
}

/** An endpoint as it is stored. */
export interface StoredEndpoint {
  readonly endpoint: AlertEndpoint;
  /** The newest first. */
  readonly secrets: readonly AlertSecret[];
  /** Which of the workspace's places it has, from 0. No two have the same. */
  readonly place: number;
  /** The namespaced key of the request that made it. */
  readonly requestKey: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  /** That of the last request for another secret. */
  readonly rotationKey?: IdempotencyKey;
  /** Counts writes. */
  readonly revision: number;
}

/**
 * Keeps endpoints. Every read is primary + majority, every write majority + journal. Every method throws DomainError
 * DATABASE_UNAVAILABLE; a write may be repeated.
 */
export interface AlertEndpointStore {
  /** Stores a new endpoint; answers false where its place or its request key is taken. */
  insertEndpoint(stored: StoredEndpoint): Promise<boolean>;
  loadByRequestKey(key: IdempotencyKey): Promise<StoredEndpoint | undefined>;
  loadEndpoint(tenantId: TenantId, endpointId: string): Promise<StoredEndpoint | undefined>;
  /** Loads the endpoints of a workspace, the oldest first. */
  loadEndpoints(tenantId: TenantId): Promise<readonly StoredEndpoint[]>;
  /** Puts an endpoint in the place of one that was read; answers false where it is not there as it was read. */
  replaceEndpoint(before: StoredEndpoint, after: Omit<StoredEndpoint, 'revision'>): Promise<boolean>;
  /** Removes an endpoint; answers false where there is none. */
  removeEndpoint(tenantId: TenantId, endpointId: string): Promise<boolean>;
}

/** Where a delivery stands. */
export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** What is delivered: a billing event, or one that somebody sent to try an endpoint. */
export type DeliveredEvent = Pick<BillingEvent, 'eventId' | 'tenantId' | 'productCode' | 'data' | 'createdAt'> & {
  readonly type: BillingEventType | 'alert.test';
};

/** One event for one endpoint. */
export interface AlertDelivery {
  readonly deliveryId: string;
  readonly endpointId: string;
  readonly event: DeliveredEvent;
  readonly state: DeliveryState;
  readonly createdAt: Instant;
  /** How often it was begun since it was last put in. */
  readonly attempts: number;
  /** When a pending one is tried next, or given up by who tries it now. */
  readonly dueAt?: Instant;
  /** Why the last attempt failed. */
  readonly failure?: string;
  /** The HTTP status that the last attempt was answered with; absent where it had no answer. */
  readonly status?: number;
  readonly deliveredAt?: Instant;
}

/** Where a list of deliveries goes on. */
export interface DeliveryPlace {
  readonly createdAt: Instant;
  readonly id: string;
}

/** Limits a list of deliveries; every part that is set must match. */
export interface DeliveryFilter {
  readonly endpointId?: string;
  readonly state?: DeliveryState;
}

/** For whom nothing is to be taken now. */
export interface BusyReceivers {
  readonly endpointIds: readonly string[];
  readonly tenantIds: readonly TenantId[];
}

/** What an attempt came to. */
export interface AttemptOutcome {
  readonly failure?: string;
  readonly status?: number;
}

/**
 * Keeps deliveries. Every read is primary + majority, every write majority + journal. Every method throws DomainError
 * DATABASE_UNAVAILABLE; a write may be repeated.
 */
export interface AlertDeliveryStore {
  /** Stores deliveries; those that are there stay as they are. */
  insertDeliveries(deliveries: readonly AlertDelivery[]): Promise<void>;
  loadDelivery(tenantId: TenantId, deliveryId: string): Promise<AlertDelivery | undefined>;
  /** Loads deliveries of a workspace, the newest first, after a place, at most `limit`. */
  loadDeliveries(
    tenantId: TenantId,
    filter: DeliveryFilter & { readonly after?: DeliveryPlace },
    limit: number,
  ): Promise<readonly AlertDelivery[]>;
  /** Takes the pending delivery that is due first, and for none of `busy`, and counts the attempt. */
  claimDue(now: Instant, dueAt: Instant, busy: BusyReceivers): Promise<AlertDelivery | undefined>;
  /** Counts the events of type `alert.test` that a workspace has sent since then, up to `limit`. */
  countTests(tenantId: TenantId, since: Instant, limit: number): Promise<number>;
  saveDelivered(delivery: AlertDelivery, outcome: AttemptOutcome, at: Instant): Promise<void>;
  /** Notes a failed attempt, which is still the last one; without `dueAt` it was the last of all. */
  saveFailed(delivery: AlertDelivery, outcome: AttemptOutcome, dueAt: Instant | undefined): Promise<void>;
  /** Makes a delivery pending again, once for each key; answers false where there is none. */
  resend(tenantId: TenantId, deliveryId: string, key: IdempotencyKey, dueAt: Instant): Promise<boolean>;
  /** Reads up to which event deliveries were made; 0 where none were. */
  loadFanOutMark(): Promise<number>;
  /** Moves that forward, never back. */
  saveFanOutMark(number: number): Promise<void>;
}

/** What goes out to an endpoint. */
export interface AlertMessage {
  readonly url: string;
  /** Is the same for every attempt, so that a receiver can tell a second copy. */
  readonly eventId: string;
  readonly body: string;
  readonly sentAt: Instant;
  /** What it is signed with: once with each. */
  readonly secrets: readonly string[];
}

/** Brings messages to endpoints. */
export interface AlertTransport {
  /** Answers the HTTP status, whatever it is. Throws Error with one sentence for people where there is no answer. */
  send(message: AlertMessage): Promise<number>;
  /** Says why nothing is ever sent to an address; undefined where nothing is known against it. */
  findObjection(url: string): Promise<string | undefined>;
}

/** Makes ids and secrets of endpoints. */
export interface AlertIdSource {
  endpointId(): string;
  /** So many random bytes. */
  randomBytes(count: number): Uint8Array;
}

/** Counts and reports what happens to alerts. */
export interface AlertObserver {
  delivered(delivery: AlertDelivery): void;
  /** An attempt failed. `isLast`: none follows. */
  failed(delivery: AlertDelivery, failure: string, isLast: boolean): void;
  disabled(endpoint: AlertEndpoint, because: EndpointDisablement): void;
  backgroundFailed(work: string, error: unknown): void;
}
