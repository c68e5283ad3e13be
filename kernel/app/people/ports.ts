// Owns what the use cases of people need of the database and of chance. Does not own how it is done.

import type { Instant, UserId } from '../../domain/id.ts';

/** A person, one for all products: who an issuer knows under one subject. */
export interface User {
  readonly userId: UserId;
  readonly issuer: string;
  readonly subject: string;
  /** The address that the issuer vouches for, in lower case; absent where it vouches for none. */
  readonly email?: string;
  /** The name that the issuer gives. */
  readonly displayName?: string;
  readonly createdAt: Instant;
}

/** Keeps people. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface UserStore {
  /** Stores a person who was never seen; answers false where somebody has this issuer and subject already. */
  insertUser(user: User): Promise<boolean>;
  findUser(issuer: string, subject: string): Promise<User | undefined>;
  /** Stores what an issuer says of a person now. */
  updateProfile(userId: UserId, profile: Pick<User, 'email' | 'displayName'>): Promise<void>;
  loadUsers(userIds: readonly UserId[]): Promise<ReadonlyMap<UserId, User>>;
}

/** Makes ids of people. */
export interface UserIdSource {
  userId(): UserId;
}
