// Owns who a token's subject is, and what that person may do in a workspace, for the admission of calls. Does not own how
// people get into workspaces (app/tenant).
// Invariants: a person is remembered once; what a person may do is known from the database, and is some seconds old at most;
// a change that this kernel makes counts at once.

import { LRUCache } from 'lru-cache';
import type { ProductCode, TenantId, UserId } from '../../domain/id.ts';
import { findMember, type Member, type Workspace } from '../../domain/workspace.ts';
import type { Clock } from '../ports.ts';
import type { TenantStore } from '../tenant/ports.ts';
import type { User, UserIdSource, UserStore } from './ports.ts';

/** How long it counts what was read of a person in a workspace, in milliseconds. */
const STANDING_AGE_MS_MAX = 5_000;
const PEOPLE_CACHED_MAX = 50_000;
/** A workspace weighs some kilobytes, a full one 150. */
const WORKSPACES_CACHED_MAX = 2_000;
/** A person with more workspaces of a product than this sees the first of them. */
export const WORKSPACES_OF_PERSON_MAX = 500;

/** Who an issuer says that somebody is. */
export interface Profile {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string;
  readonly displayName?: string;
}

/** Somebody in a workspace. */
export interface Presence {
  readonly workspace: Workspace;
  readonly member: Member;
}

/** What the directory works with. */
export interface PeopleDirectoryParts {
  readonly users: UserStore;
  readonly tenants: Pick<TenantStore, 'loadWorkspace' | 'loadWorkspacesOf'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: UserIdSource;
  /** Milliseconds that only ever go on. @default performance.now */
  readonly monotonicMs?: () => number;
}

interface CachedWorkspace {
  readonly workspace: Workspace | undefined;
  readonly readAtMs: number;
}

/** Knows people and where they are members. */
export class PeopleDirectory {
  readonly #parts: PeopleDirectoryParts;
  readonly #monotonicMs: () => number;
  readonly #people = new LRUCache<string, User>({ max: PEOPLE_CACHED_MAX });
  readonly #workspaces = new LRUCache<TenantId, CachedWorkspace>({ max: WORKSPACES_CACHED_MAX });
  readonly #loading = new Map<TenantId, Promise<CachedWorkspace>>();

  constructor(parts: PeopleDirectoryParts) {
    this.#parts = parts;
    this.#monotonicMs = parts.monotonicMs ?? (() => performance.now());
  }

  /**
   * Finds who somebody is, and remembers whoever was never seen, and what the issuer says of them now.
   * Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async recognise(profile: Profile): Promise<User> {
    const { issuer, subject, email, displayName } = profile;
    const key = JSON.stringify([issuer, subject]);
    const known = this.#people.get(key) ?? (await this.#findOrRemember(profile));
    // An issuer that says nothing of an address takes none back: the token may be of a scope without it.
    const isNew =
      (email !== undefined && email !== known.email) || (displayName ?? known.displayName) !== known.displayName;
    const user = isNew ? await this.#update(known, profile) : known;
    this.#people.set(key, user);
    return user;
  }

  /** Finds somebody in a workspace of a product; undefined where the person is no member, or there is no such workspace. */
  async findPresence(tenantId: TenantId, productCode: ProductCode, userId: UserId): Promise<Presence | undefined> {
    const workspace = await this.#readWorkspace(tenantId);
    if (workspace === undefined || workspace.productCode !== productCode) return undefined;
    const member = findMember(workspace, userId);
    return member === undefined ? undefined : { workspace, member };
  }

  /** Lists a person's workspaces of a product, closed ones too. Throws DomainError DATABASE_UNAVAILABLE. */
  listWorkspaces(userId: UserId, productCode: ProductCode): Promise<readonly Workspace[]> {
    const bounds = { limit: WORKSPACES_OF_PERSON_MAX, openOnly: false };
    return this.#parts.tenants.loadWorkspacesOf(userId, productCode, bounds);
  }

  /** Lists up to two workspaces of a person that are not closed: enough to know whether there is just one. */
  listOpenWorkspaces(userId: UserId, productCode: ProductCode): Promise<readonly Workspace[]> {
    return this.#parts.tenants.loadWorkspacesOf(userId, productCode, { limit: 2, openOnly: true });
  }

  /** Has a workspace be read anew, since it was changed. */
  forget(tenantId: TenantId): void {
    this.#workspaces.delete(tenantId);
    this.#loading.delete(tenantId);
  }

  async #readWorkspace(tenantId: TenantId): Promise<Workspace | undefined> {
    const cached = this.#workspaces.get(tenantId);
    if (cached !== undefined && this.#monotonicMs() - cached.readAtMs < STANDING_AGE_MS_MAX) return cached.workspace;
    return (await (this.#loading.get(tenantId) ?? this.#load(tenantId))).workspace;
  }

  #load(tenantId: TenantId): Promise<CachedWorkspace> {
    const readAtMs = this.#monotonicMs();
    const loading = this.#parts.tenants.loadWorkspace(tenantId).then((stored) => {
      const cached = { workspace: stored?.workspace, readAtMs };
      // A read that a change has overtaken is answered, since it was asked for before, but not kept.
      if (this.#loading.get(tenantId) === loading) {
        this.#loading.delete(tenantId);
        if (stored !== undefined) this.#workspaces.set(tenantId, cached);
      }
      return cached;
    });
    this.#loading.set(tenantId, loading);
    loading.catch(() => {
      if (this.#loading.get(tenantId) === loading) this.#loading.delete(tenantId);
    });
    return loading;
  }

  async #findOrRemember({ issuer, subject, email, displayName }: Profile): Promise<User> {
    const { users, ids, clock } = this.#parts;
    const found = await users.findUser(issuer, subject);
    if (found !== undefined) return found;
    const user: User = {
      ...{ userId: ids.userId(), issuer, subject, createdAt: clock.now() },
      ...(email === undefined ? {} : { email }),
      ...(displayName === undefined ? {} : { displayName }),
    };
    if (await users.insertUser(user)) return user;
    const other = await users.findUser(issuer, subject);
    if (other === undefined) throw new Error(`the person ${user.userId} was stored by somebody else and is not there`);
    return other;
  }

  async #update(known: User, { email, displayName }: Profile): Promise<User> {
    const name = displayName ?? known.displayName;
    const address = email ?? known.email;
    const profile = {
      ...(address === undefined ? {} : { email: address }),
      ...(name === undefined ? {} : { displayName: name }),
    };
    await this.#parts.users.updateProfile(known.userId, profile);
    return { ...known, ...profile };
  }
}
