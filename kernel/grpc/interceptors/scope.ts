// Owns whether a credential may make a call, and as whom. Does not own which tenants there are.
// Invariants: a product comes from the credential, and metadata may only agree with it; the kernel judges roles, a BFF
// only passes on what a person's token says.

import type { Metadata } from '@grpc/grpc-js';
import type { TenantVisibility } from '../../app/tenant/tenant-directory.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  type MethodAccess,
  type MethodPath,
  type PersonRequirement,
  ROLES,
  type Role,
  shortMethodName,
} from '../access.ts';
import type { BffCaller, Caller } from '../caller.ts';
import type { Credential } from './authentication.ts';

const ALL_TENANTS: TenantVisibility = { kind: 'all' };
const SUBJECT = /^[\x21-\x7e]{1,128}$/;

/** One method, as far as deciding about a call needs it. */
export interface GuardedMethod {
  readonly path: MethodPath;
  readonly access: MethodAccess;
}

/** Decides who calls, for every method; made once, so that a call of a service costs no allocation. */
export class ScopeGuard {
  readonly #callers: ReadonlyMap<Credential, Caller>;

  constructor(credentials: readonly Credential[]) {
    this.#callers = new Map(credentials.map((credential) => [credential, serviceCallerOf(credential)]));
  }

  /**
   * Decides whether a credential may make a call, and as whom.
   * Throws DomainError SCOPE_DENIED, PRODUCT_SCOPE_MISMATCH, ROLE_REQUIRED, INVALID_FIELD `x-subject`.
   */
  admit(credential: Credential, method: GuardedMethod, metadata: Metadata): Caller {
    const { access } = method;
    if (credential.scope === 'bff') {
      const { person } = access;
      if (person === 'nobody') throw scopeDenied(credential, method);
      return admitPerson(credential, person, metadata);
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
    return caller;
  }
}

function serviceCallerOf({ scope, name }: Credential): Caller {
  // For a BFF this is never answered: its caller depends on the person of each call.
  const serviceScope = scope === 'bff' ? 'internal' : scope;
  return { scope: serviceScope, callerScope: `${scope}/${name}`, visibility: ALL_TENANTS };
}

function isGranted({ methods }: Extract<Credential, { scope: 'internal' }>, { path }: GuardedMethod): boolean {
  return methods === undefined || methods.has(shortMethodName(path));
}

function admitPerson(
  { name, productCode }: Extract<Credential, { scope: 'bff' }>,
  requirement: Exclude<PersonRequirement, 'nobody'>,
  metadata: Metadata,
): BffCaller {
  const [stated, second] = metadata.get('x-product-code');
  if (stated === undefined)
    throw scopeMismatch('x-product-code is missing: a BFF sends the product that it is bound to');
  if (stated !== productCode || second !== undefined) {
    throw scopeMismatch(`x-product-code is ${quote(stated)}, but this credential is bound to another product`);
  }
  const subject = textOf(metadata, 'x-subject');
  if (subject === undefined) throw roleRequired('signed_in', 'nobody is signed in: x-subject is missing');
  if (!SUBJECT.test(subject)) {
    throw invalidField({ field: 'x-subject', description: 'must be 1 to 128 visible ASCII characters without blanks' });
  }
  const tenantId = textOf(metadata, 'x-tenant-id') as TenantId | undefined;
  assertRole(requirement, tenantId === undefined ? undefined : textOf(metadata, 'x-role'), tenantId);
  return {
    scope: 'bff',
    // Escaped, since a subject of some issuer may hold a colon or a slash.
    callerScope: `bff/${name}/${encodeURIComponent(subject)}`,
    productCode,
    visibility: { kind: 'workspace', productCode, ...present({ tenantId }) },
  };
}

function assertRole(
  requirement: Exclude<PersonRequirement, 'nobody'>,
  role: string | undefined,
  tenantId: TenantId | undefined,
): void {
  if (requirement === 'signed_in') return;
  if (requirement === 'contributor_or_newcomer') {
    if (tenantId !== undefined) assertRole('project_contributor', role, tenantId);
    return;
  }
  const held = ROLES.indexOf(role as Role);
  if (held === -1 || held > ROLES.indexOf(requirement)) {
    throw roleRequired(
      requirement,
      role === undefined ? 'the caller has no role in a workspace' : `the caller is ${quote(role)}`,
    );
  }
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
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

function roleRequired(role: string, problem: string): DomainError {
  return new DomainError('ROLE_REQUIRED', `${problem}; this needs ${role}: ask an administrator of the workspace`, {
    metadata: { required_role: role },
  });
}
