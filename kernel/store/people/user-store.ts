// Owns how people are read and written in MongoDB: collection `users`.

import { type Connection, type Model, Schema, trusted } from 'mongoose';
import type { User, UserStore } from '../../app/people/ports.ts';
import type { UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureModelIndexes } from '../model-index.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
const TEXT = { type: String, required: true } as const;

interface UserDocument {
  readonly user_id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string | undefined;
  readonly display_name?: string | undefined;
  readonly created_at: Date;
}

const userSchema = new Schema<UserDocument>(
  {
    user_id: TEXT,
    issuer: TEXT,
    subject: TEXT,
    email: { type: String },
    display_name: { type: String },
    created_at: { type: Date, required: true },
  },
  { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, autoCreate: false },
);
userSchema.index({ user_id: 1 }, { name: 'user_id', unique: true });
// Whoever an issuer knows under one subject is one person.
userSchema.index({ issuer: 1, subject: 1 }, { name: 'issuer_subject', unique: true });

/**
 * Opens the collection of people and proves its indexes.
 * Throws Error with one sentence for people where an index can't be proven.
 */
export async function openUserStore(connection: Connection): Promise<UserStore> {
  const users = connection.model<UserDocument>('User', userSchema, 'users', { overwriteModels: true });
  await ensureModelIndexes(users);
  return new MongoUserStore(users);
}

class MongoUserStore implements UserStore {
  readonly #users: Model<UserDocument>;

  constructor(users: Model<UserDocument>) {
    this.#users = users;
  }

  insertUser: UserStore['insertUser'] = (user) =>
    guardDatabase(async () => {
      try {
        await this.#users.create([toDocumentUser(user)]);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  findUser: UserStore['findUser'] = (issuer, subject) =>
    guardDatabase(async () => {
      const document = await this.#users.findOne({ issuer, subject }).maxTimeMS(READ_TIMEOUT_MS).lean();
      return document === null ? undefined : fromDocumentUser(document);
    });

  updateProfile: UserStore['updateProfile'] = (userId, { email, displayName }) =>
    guardDatabase(async () => {
      const $set = present({ email, display_name: displayName });
      await this.#users.updateOne({ user_id: userId }, { $set });
    });

  loadUsers: UserStore['loadUsers'] = (userIds) =>
    guardDatabase(async () => {
      if (userIds.length === 0) return new Map();
      const documents = await this.#users
        .find({ user_id: trusted({ $in: [...userIds] }) })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return new Map(documents.map((document) => [document.user_id as UserId, fromDocumentUser(document)]));
    });
}

function toDocumentUser({ userId, issuer, subject, email, displayName, createdAt }: User): UserDocument {
  return {
    ...{ user_id: userId, issuer, subject, created_at: new Date(createdAt) },
    ...present({ email, display_name: displayName }),
  };
}

function fromDocumentUser({ user_id, issuer, subject, email, display_name, created_at }: UserDocument): User {
  return {
    ...{ userId: user_id as UserId, issuer, subject, createdAt: created_at.getTime() },
    ...present({ email, displayName: display_name }),
  };
}
