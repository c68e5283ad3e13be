// Owns who is behind a BFF, and whether that person may make a call: by the subject of a token, or by a personal access token,
// and by what the person is in the workspace that the call is about. Does not own how people get into workspaces.
// Invariants: what a BFF says of a role is not looked at; a workspace of another product, or in which the person is no
// member, does not exist, in the same words; an access token never does more than who made it.

import type { Metadata } from '@grpc/grpc-js';
import type { AccessTokenSource, VerifiedAccessToken } from '../../app/access/access-token-source.ts';
import type { PeopleDirectory, Presence, Profile } from '../../app/people/people-directory.ts';
import { type TenantVisibility, tenantNotFound } from '../../app/tenant/tenant-directory.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { ProductCode, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { includesRole, type Role } from '../../domain/role.ts';
import { assertUsable, computeRole, type Standing, type Workspace } from '../../domain/workspace.ts';
import type { MethodAccess, PersonRequirement } from '../access.ts';
import type { BffCaller, Place, SignedIn } from '../caller.ts';
import type { Credential } from './authentication.ts';

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
const SUBJECT_LENGTH_MAX = 128;
const ISSUER_LENGTH_MAX = 256;
const EMAIL_LENGTH_MAX = 254;
const NAME_LENGTH_MAX = 100;
const REMOTE_ADDRESS_LENGTH_MAX = 64;
/** No Kelvin sign, which in lower case is the k of another address. */
const EMAIL = /^[^\s@\u212a]+@[^\s@\u212a]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

type BffCredential = Extract<Credential, { scope: 'bff' }>;

/** What a method asks of a person. */
export type PersonAccess = Pick<MethodAccess, 'writes' | 'personally' | 'whenClosed'> & {
  readonly person: Exclude<PersonRequirement, 'nobody'>;
};

/** What people are known by. */
export interface PersonGuardParts {
  readonly people: PeopleDirectory;
  readonly accessTokens: AccessTokenSource;
}

/** Somebody who is signed in, and the limits of an access token, where one makes the call. */
interface Visitor extends SignedIn {
  readonly token?: VerifiedAccessToken;
}

/** Admits people. */
export class PersonGuard {
  readonly #parts: PersonGuardParts;

  constructor(parts: PersonGuardParts) {
    this.#parts = parts;
  }

  /**
   * Decides whether whoever is behind a BFF may make a call.
   * Throws DomainError CREDENTIAL_INVALID with metadata `credential` for an access token that does not count, ROLE_REQUIRED,
   * SCOPE_DENIED where only a person may call, WORKSPACE_REQUIRED, TENANT_NOT_FOUND, TENANT_SUSPENDED, TENANT_CLOSED,
   * INVALID_FIELD for metadata that can't be read, DATABASE_UNAVAILABLE.
   */
  async admit(credential: BffCredential, access: PersonAccess, metadata: Metadata): Promise<BffCaller> {
    const { productCode } = credential;
    const visitor = await this.#findVisitor(metadata);
    const base = { scope: 'bff' as const, productCode, ...present({ remoteAddress: readRemoteAddress(metadata) }) };
    if (visitor === undefined) {
      if (access.person !== 'anyone') throw roleRequired('signed_in', 'nobody is signed in: x-subject is missing');
      const callerScope = `bff/${credential.name}`;
      return { ...base, callerScope, visibility: { kind: 'workspace', productCode } };
    }
    if (access.personally && visitor.token !== undefined) {
      throw new DomainError('SCOPE_DENIED', 'an access token may not do this: sign in as a person', {
        metadata: { scope: 'access_token' },
      });
    }
    const place = await this.#findPlace(visitor, access, productCode, metadata);
    const { userId, email, accessTokenId } = visitor;
    const token = accessTokenId === undefined ? '' : `/${accessTokenId}`;
    return {
      ...base,
      callerScope: `bff/${credential.name}/${userId}${token}`,
      visibility: visibilityOf(productCode, place),
      person: { userId, ...present({ email, accessTokenId }) },
      ...present({ place }),
    };
  }

  async #findVisitor(metadata: Metadata): Promise<Visitor | undefined> {
    const token = textOf(metadata, 'x-access-token');
    if (token === undefined) {
      const profile = readProfile(metadata);
      if (profile === undefined) return undefined;
      const { userId } = await this.#parts.people.recognise(profile);
      // Only what this call vouches for: what an issuer once said of an address need not be so any more.
      return { userId, ...present({ email: profile.email }) };
    }
    const verified = await this.#parts.accessTokens.verify(token);
    if (verified === undefined) throw accessTokenInvalid();
    return { userId: verified.userId, accessTokenId: verified.accessTokenId, token: verified };
  }

  /** Finds the workspace that a call is about: the one that is named, an access token's own, or a person's only one. */
  async #findPlace(
    visitor: Visitor,
    access: PersonAccess,
    productCode: ProductCode,
    metadata: Metadata,
  ): Promise<Place | undefined> {
    const { person } = access;
    const named = (textOf(metadata, 'x-tenant-id') ?? visitor.token?.tenantId) as TenantId | undefined;
    if (named === undefined) {
      if (person === 'anyone' || person === 'signed_in' || person === 'contributor_or_newcomer') return undefined;
      return toPlace(await this.#findOnlyPresence(visitor.userId, productCode), undefined, access);
    }
    if (visitor.token !== undefined && named !== visitor.token.tenantId) throw tenantNotFound(named);
    const presence = await this.#parts.people.findPresence(named, productCode, visitor.userId);
    if (visitor.token !== undefined && (presence === undefined || presence.workspace.status === 'closed')) {
      throw accessTokenInvalid();
    }
    if (presence === undefined) throw tenantNotFound(named);
    return toPlace(presence, visitor.token, access);
  }

  async #findOnlyPresence(userId: UserId, productCode: ProductCode): Promise<Presence> {
    const [only, second] = await this.#parts.people.listOpenWorkspaces(userId, productCode);
    const member = only?.members.find((candidate) => candidate.userId === userId);
    if (only !== undefined && member !== undefined && second === undefined) return { workspace: only, member };
    const problem = only === undefined ? 'you are in no workspace' : 'you are in several workspaces';
    throw new DomainError('WORKSPACE_REQUIRED', `${problem}: name the one that the call is about (x-tenant-id)`);
  }
}

/** Throws DomainError ROLE_REQUIRED, TENANT_SUSPENDED, TENANT_CLOSED where a method asks more of a person. */
function toPlace({ workspace, member }: Presence, token: VerifiedAccessToken | undefined, access: PersonAccess): Place {
  const standing = token === undefined ? member : limitStanding(member, token, workspace);
  // Who has all projects may have none as yet, and an access token of theirs still is what it was made to be.
  const role = token !== undefined && member.tenantAdmin ? token.role : computeRole(standing);
  assertRole(access.person, role);
  if (access.writes && isAboutWorkspace(access.person) && access.whenClosed !== true) assertUsable(workspace);
  return { tenantId: workspace.tenantId, standing, ...present({ role }) };
}

function isAboutWorkspace(person: PersonAccess['person']): boolean {
  return person !== 'anyone' && person !== 'signed_in';
}

function assertRole(requirement: PersonAccess['person'], role: Role | undefined): void {
  if (requirement === 'anyone' || requirement === 'signed_in' || requirement === 'member') return;
  const needed = requirement === 'contributor_or_newcomer' ? 'project_contributor' : requirement;
  if (role !== undefined && includesRole(role, needed)) return;
  throw roleRequired(needed, role === undefined ? 'you have no role in this workspace' : `you are ${role} here`);
}

/** What an access token may do: no more than who made it, and no more than it was made for. */
function limitStanding(
  member: Standing,
  { role, projectIds }: VerifiedAccessToken,
  { projects }: Pick<Workspace, 'projects'>,
): Standing {
  if (role === 'tenant_admin') return member;
  const isMeant = (projectId: string): boolean => projectIds.length === 0 || projectIds.some((id) => id === projectId);
  const held = member.tenantAdmin ? projects.map(({ projectId }) => ({ projectId, role })) : member.projectRoles;
  const projectRoles = held
    .filter(({ projectId }) => isMeant(projectId))
    .map((own) => (includesRole(own.role, role) ? { ...own, role } : own));
  return { tenantAdmin: false, projectRoles };
}

function visibilityOf(productCode: ProductCode, place: Place | undefined): TenantVisibility {
  return { kind: 'workspace', productCode, ...present({ tenantId: place?.tenantId }) };
}

function readProfile(metadata: Metadata): Profile | undefined {
  const subject = textOf(metadata, 'x-subject');
  if (subject === undefined) return undefined;
  const issuer = textOf(metadata, 'x-issuer') ?? '';
  assertText('x-subject', subject, SUBJECT_LENGTH_MAX);
  assertText('x-issuer', issuer, ISSUER_LENGTH_MAX);
  const email = decode(metadata, 'x-email', EMAIL_LENGTH_MAX);
  if (email !== undefined && !EMAIL.test(email)) {
    throw invalidField({ field: 'x-email', description: 'must be an email address' });
  }
  return {
    issuer,
    subject,
    ...present({ email: email?.toLowerCase(), displayName: decode(metadata, 'x-name', NAME_LENGTH_MAX) }),
  };
}

function assertText(field: string, value: string, lengthMax: number): void {
  if (value.length >= 1 && value.length <= lengthMax && VISIBLE_ASCII.test(value)) return;
  const description = `must be 1 to ${lengthMax} visible ASCII characters without blanks`;
  throw invalidField({ field, description });
}

/** Reads metadata that is percent-encoded, since it may hold any character. */
function decode(metadata: Metadata, field: string, lengthMax: number): string | undefined {
  const encoded = textOf(metadata, field);
  if (encoded === undefined) return undefined;
  try {
    const text = decodeURIComponent(encoded);
    if (text.length <= lengthMax && !CONTROL_CHARACTER.test(text)) return text;
  } catch {
    // What can't be decoded is refused below.
  }
  const description = `must be percent-encoded text of at most ${lengthMax} characters`;
  throw invalidField({ field, description });
}

/** It only serves to be looked at in a log, so what is too long or odd is left out. */
function readRemoteAddress(metadata: Metadata): string | undefined {
  const address = textOf(metadata, 'x-remote-address');
  return address !== undefined && address.length <= REMOTE_ADDRESS_LENGTH_MAX && VISIBLE_ASCII.test(address)
    ? address
    : undefined;
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function accessTokenInvalid(): DomainError {
  const message = 'the access token is unknown, was revoked or has expired, or who made it has left: make another one';
  return new DomainError('CREDENTIAL_INVALID', message, { metadata: { credential: 'access_token' } });
}

function roleRequired(role: string, problem: string): DomainError {
  return new DomainError('ROLE_REQUIRED', `${problem}; this needs ${role}: ask an administrator of the workspace`, {
    metadata: { required_role: role },
  });
}
