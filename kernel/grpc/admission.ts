// Owns what every call meets on its way to a handler, whatever its kind: who calls, whether it may, under which id it is
// answered and logged. Does not own how answers travel (unary-pipeline.ts, stream-pipeline.ts).
// Invariants: what a handler throws never reaches the caller as it is; a call that succeeds at log level info writes
// nothing, unless an operator changed something.

import type { Metadata } from '@grpc/grpc-js';
import { v7 as newUuid } from 'uuid';
import { DomainError } from '../domain/error.ts';
import { fieldOf } from '../domain/field-of.ts';
import type { CallContext, Caller } from './caller.ts';
import { authenticate, type Credential } from './interceptors/authentication.ts';
import { Gate } from './interceptors/gate.ts';
import type { CallLog, CallRecord } from './interceptors/logging.ts';
import type { CallMeter } from './interceptors/metrics.ts';
import { PersonGuard, type PersonGuardParts } from './interceptors/person.ts';
import { type GuardedMethod, type IncomingCall, ScopeGuard } from './interceptors/scope.ts';
import { toDomainError } from './status.ts';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const TENANT_ID_LENGTH_MAX = 128;

/** What the pipelines work with. */
export interface PipelineParts extends PersonGuardParts {
  readonly credentials: readonly Credential[];
  readonly meter: CallMeter;
  readonly log: CallLog;
  /** How long a unary call without a deadline of its own may take, in milliseconds. */
  readonly deadlineDefaultMs: number;
}

/** Lets calls in, until it is closed; one for all pipelines of a server. */
export class Admission {
  readonly parts: PipelineParts;
  readonly guard: ScopeGuard;
  readonly gate: Gate;
  #isClosed = false;

  constructor(parts: PipelineParts) {
    this.parts = parts;
    this.guard = new ScopeGuard(parts.credentials, new PersonGuard(parts));
    this.gate = new Gate({ ...parts, requestIdOf });
  }

  /** Says whether calls are refused because the kernel ends. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Refuses calls from now on. */
  close(): void {
    this.#isClosed = true;
  }
}

/** A call that arrived: what is known of it and of who makes it. */
export abstract class ArrivedCall implements CallContext {
  readonly startMs = performance.now();
  deadlineAtMs = Number.POSITIVE_INFINITY;
  protected readonly admission: Admission;
  protected readonly method: GuardedMethod;
  readonly #call: IncomingCall;
  #credential: Credential | undefined;
  #caller: Caller | undefined;
  #requestId: string | undefined;

  constructor(admission: Admission, method: GuardedMethod, call: IncomingCall) {
    this.admission = admission;
    this.method = method;
    this.#call = call;
  }

  get caller(): Caller {
    if (this.#caller === undefined) throw new Error('a handler ran before its caller was known');
    return this.#caller;
  }

  /** Who calls, as credentials are named: several tokens of one name are one. */
  protected get credentialName(): string {
    const credential = this.#credential;
    if (credential === undefined) throw new Error('a credential was asked for before it was known');
    return `${credential.scope}/${credential.name}`;
  }

  /** Only a call that is logged or refused needs its id, so only then one is made. */
  get requestId(): string {
    this.#requestId ??= requestIdOf(this.#call.metadata);
    return this.#requestId;
  }

  reportFailure(error: unknown): void {
    this.logFailed(toDomainError(error));
  }

  /** What a line of the log says beside the caller and the time. */
  protected abstract describe(): Partial<CallRecord>;

  /**
   * Finds out who calls. Throws DomainError where the call may not be made, or answers a promise that rejects so where that
   * has to be looked up.
   */
  protected admit(): Promise<void> | undefined {
    const { admission } = this;
    if (admission.isClosed) throw shuttingDown();
    const { credentials } = admission.parts;
    const { metadata } = this.#call;
    this.#credential = admission.gate.credentialOf(metadata) ?? authenticate(credentials, metadata);
    const caller = admission.guard.admit(this.#credential, this.method, this.#call);
    if (!(caller instanceof Promise)) {
      this.#caller = caller;
      return undefined;
    }
    return caller.then((found) => {
      this.#caller = found;
    });
  }

  protected logSucceeded(): void {
    const { log } = this.admission.parts;
    if (this.method.access.writes && this.#caller?.scope === 'sysadmin') log.operatorWrote(this.record());
    else if (log.logsSuccess) log.succeeded(this.record());
  }

  protected logFailed(error: DomainError): void {
    this.admission.parts.log.failed(error, () => this.record());
  }

  protected record(): CallRecord {
    return {
      path: this.method.path,
      requestId: this.requestId,
      ...(this.#credential === undefined ? {} : { caller: this.credentialName }),
      ...this.describe(),
      durationMs: Math.round((performance.now() - this.startMs) * 1_000) / 1_000,
    };
  }
}

/** What the log says of a request: its tenant, where it names one. */
export function describeRequest(request: unknown): Pick<CallRecord, 'tenantId'> {
  const tenantId = fieldOf(request, 'tenantId');
  return typeof tenantId === 'string' ? { tenantId: tenantId.slice(0, TENANT_ID_LENGTH_MAX) } : {};
}

/** Builds the error for a call that this kernel does not take, or does not go on with, because it ends. */
export function shuttingDown(): DomainError {
  return new DomainError('SHUTTING_DOWN', 'this kernel is ending: retry at once, with the same request_id');
}

function requestIdOf(metadata: Metadata): string {
  const [stated] = metadata.get('x-request-id');
  return typeof stated === 'string' && REQUEST_ID.test(stated) ? stated : newUuid();
}
