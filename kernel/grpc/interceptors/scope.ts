// Owns whether a credential may make a call, and as whom. Does not own who is behind a BFF (person.ts).
// Invariant: a product comes from the credential, and metadata may only agree with it.

import { isIP } from 'node:net';
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { TenantVisibility } from '../../app/tenant/tenant-directory.ts';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { plainAddress } from '../../domain/remote-address.ts';
import { type MethodAccess, type MethodPath, shortMethodName } from '../access.ts';
import type { Caller } from '../caller.ts';
import type { Credential } from './authentication.ts';
import type { PersonGuard } from './person.ts';

const PORT = /:\d+$/;

const ALL_TENANTS: TenantVisibility = { kind: 'all' };

/** One method, as far as deciding about a call needs it. */
export interface GuardedMethod {
  readonly path: MethodPath;
  readonly access: MethodAccess;
}

/** What is known of a call before it is decided about. */
export type IncomingCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getPeer'>;

/** Decides who calls, for every method; made once, so that a call of a service costs no allocation. */
export class ScopeGuard {
  readonly #callers: ReadonlyMap<Credential, Caller>;
  readonly #people: PersonGuard;

  constructor(credentials: readonly Credential[], people: PersonGuard) {
    this.#people = people;
    this.#callers = new Map(credentials.map((credential) => [credential, serviceCallerOf(credential)]));
  }

  /**
   * Decides whether a credential may make a call, and as whom; of a service that is known at once, of a person behind a BFF
   * it may have to be looked up.
   * Throws DomainError SCOPE_DENIED, PRODUCT_SCOPE_MISMATCH; rejects as {@link PersonGuard.admit} does.
   */
  admit(credential: Credential, method: GuardedMethod, call: IncomingCall): Caller | Promise<Caller> {
    const { access } = method;
    const { metadata } = call;
    if (credential.scope === 'bff') {
      if (access.person === 'nobody') throw scopeDenied(credential, method);
      assertProduct(credential, metadata);
      return this.#people.admit(credential, { ...access, person: access.person }, metadata);
    }
    const isAllowed =
      credential.scope === 'sysadmin' ? access.sysadmin : access.internal && isGranted(credential, method);
    if (!isAllowed) throw scopeDenied(credential, method);
    if (metadata.get('x-product-code').length > 0) {
      throw scopeMismatch(
        `x-product-code is set, but a credential of scope ${credential.scope} is for every product: leave it out`,
      );
    }
    const caller = this.#callers.get(credential);
    if (caller === undefined) throw new Error(`credential ${credential.name} was not given to the guard`);
    // Operators are told apart by where they come from as well; services call too often to be.
    return caller.scope === 'sysadmin' ? { ...caller, ...present({ remoteAddress: addressOf(call) }) } : caller;
  }
}

/** Reads where a call comes from; undefined where its connection has none, or is gone. */
function addressOf(call: IncomingCall): string | undefined {
  const address = plainAddress(call.getPeer().replace(PORT, ''));
  return isIP(address) === 0 ? undefined : address;
}

function serviceCallerOf({ scope, name }: Credential): Caller {
  // For a BFF this is never answered: its caller depends on the person of each call.
  const serviceScope = scope === 'bff' ? 'internal' : scope;
  return { scope: serviceScope, callerScope: `${scope}/${name}`, visibility: ALL_TENANTS };
}

function isGranted({ methods }: Extract<Credential, { scope: 'internal' }>, { path }: GuardedMethod): boolean {
  return methods === undefined || methods.has(shortMethodName(path));
}

/** Throws DomainError PRODUCT_SCOPE_MISMATCH unless a BFF says, once, the product that it is bound to. */
function assertProduct({ productCode }: Extract<Credential, { scope: 'bff' }>, metadata: Metadata): void {
  const [stated, second] = metadata.get('x-product-code');
  if (stated === undefined)
    throw scopeMismatch('x-product-code is missing: a BFF sends the product that it is bound to');
  if (stated !== productCode || second !== undefined) {
    throw scopeMismatch(`x-product-code is ${quote(stated)}, but this credential is bound to another product`);
  }
}

function quote(value: string | Buffer): string {
  return JSON.stringify(String(value).slice(0, 64));
}

function scopeDenied({ scope, name }: Credential, { path }: GuardedMethod): DomainError {
  const method = shortMethodName(path);
  return new DomainError(
    'SCOPE_DENIED',
    `credential ${name} of scope ${scope} may not call ${method}: use one that may`,
    {
      metadata: { scope, method },
    },
  );
}

function scopeMismatch(message: string): DomainError {
  return new DomainError('PRODUCT_SCOPE_MISMATCH', message);
}
