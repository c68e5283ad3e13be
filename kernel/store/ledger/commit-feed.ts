// Owns how this kernel hears of commits that any kernel made: one change stream over `ledger_commits`, reopened when it
// breaks. Does not own what is done with a notice, nor who reads the account then.
// Invariants: a listener is told of every commit after `feedBegan`, until `feedLost`; where something may have been missed in
// between it is told so; a server without change streams is asked once.

import { type Connection, mongo } from 'mongoose';
import type { AccountPlace, CommitFeed, CommitListener, OpenFeed, Pacing } from '../../app/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';

/** How long the server holds a question for news, in milliseconds. */
const AWAIT_MS = 1_000;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** How long the end of a feed may take, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1_500;
const PLACES_PER_QUERY = 256;
const READ_TIMEOUT_MS = 5_000;

/** What a notice needs of a commit; the server leaves out the rest. */
const PIPELINE = [
  { $match: { operationType: 'insert' } },
  { $project: { 'fullDocument.tenant_id': 1, 'fullDocument.seq': 1 } },
];

/**
 * Answers of servers that have no change streams, or not for this user: Unauthorized, CommandNotFound,
 * CommandNotSupported, NotImplemented, an unknown stage, and "only supported on replica sets".
 */
const UNSUPPORTED_CODES: ReadonlySet<unknown> = new Set([13, 59, 115, 238, 40_324, 40_573]);

interface CommitPlace {
  readonly tenant_id: TenantId;
  readonly seq: bigint;
}

interface CommitNotice {
  readonly fullDocument?: CommitPlace;
}

/** Makes the feed of a database's ledger. Throws Error where the connection is not open. */
export function createCommitFeed(connection: Connection, pacing: Pick<Pacing, 'delay'>): CommitFeed {
  const database = connection.db;
  if (database === undefined) throw new Error('the commit feed needs an open database connection');
  const commits = database.collection<CommitPlace>('ledger_commits', LEDGER_COLLECTION_OPTIONS);
  return {
    open: (listener) => new ChangeStreamFeed(commits, listener, pacing),
    findFollowed: (places) => guardDatabase(() => findFollowed(commits, places)),
  };
}

/** Finds the accounts that have a commit right after the one that is known of them. */
async function findFollowed(
  commits: mongo.Collection<CommitPlace>,
  places: readonly AccountPlace[],
): Promise<readonly TenantId[]> {
  const followed: TenantId[] = [];
  for (let start = 0; start < places.length; start += PLACES_PER_QUERY) {
    const $or = places
      .slice(start, start + PLACES_PER_QUERY)
      .map(({ tenantId, seq }) => ({ tenant_id: tenantId, seq: BigInt(seq + 1) }));
    const options = { projection: { _id: 0, tenant_id: 1 }, maxTimeMS: READ_TIMEOUT_MS };
    for (const { tenant_id } of await commits.find({ $or }, options).toArray()) followed.push(tenant_id);
  }
  return followed;
}

class ChangeStreamFeed implements OpenFeed {
  readonly #commits: mongo.Collection<CommitPlace>;
  readonly #listener: CommitListener;
  readonly #pacing: Pick<Pacing, 'delay'>;
  readonly #running: Promise<void>;
  #stream: mongo.ChangeStream<CommitPlace, mongo.ChangeStreamDocument<CommitPlace>> | undefined;
  /** Where to go on; absent where what follows could not be told without a gap. */
  #token: unknown;
  #isClosed = false;

  constructor(commits: mongo.Collection<CommitPlace>, listener: CommitListener, pacing: Pick<Pacing, 'delay'>) {
    this.#commits = commits;
    this.#listener = listener;
    this.#pacing = pacing;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = this.#stream?.close().catch(() => undefined);
    // A database that does not answer is not waited for: its cursor ends by itself.
    await Promise.race([Promise.all([closed, this.#running]), this.#pacing.delay(CLOSE_TIMEOUT_MS)]);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    for (let backoffMs = BACKOFF_MS_MIN; !this.#isClosed; backoffMs = Math.min(2 * backoffMs, BACKOFF_MS_MAX)) {
      try {
        await this.#follow(() => {
          backoffMs = BACKOFF_MS_MIN;
        });
      } catch (error) {
        if (this.#isClosed) return;
        if (isUnsupported(error)) {
          this.#listener.feedUnsupported(error);
          return;
        }
        // What the server itself refuses (a token that it no longer knows) it would refuse again.
        if (error instanceof mongo.MongoServerError) this.#token = undefined;
        this.#listener.feedLost(error);
        await this.#pacing.delay(backoffMs);
      }
    }
  }

  /** Reads one change stream until it breaks or is closed. */
  async #follow(onBegun: () => void): Promise<void> {
    const resume = this.#token === undefined ? {} : { resumeAfter: this.#token };
    const stream = this.#commits.watch<CommitPlace>(PIPELINE, { maxAwaitTimeMS: AWAIT_MS, ...resume });
    this.#stream = stream;
    try {
      let hasBegun = false;
      while (!this.#isClosed) {
        // The first answer says that the stream stands.
        const change = (await stream.tryNext()) as CommitNotice | null;
        if (!hasBegun) {
          onBegun();
          this.#listener.feedBegan(this.#token !== undefined);
          hasBegun = true;
        }
        this.#token = stream.resumeToken ?? this.#token;
        if (change?.fullDocument !== undefined) this.#tell(change.fullDocument);
        else if (stream.closed && !this.#isClosed) throw new Error('the change stream ended by itself');
      }
    } finally {
      await stream.close().catch(() => undefined);
    }
  }

  #tell({ tenant_id, seq }: CommitPlace): void {
    this.#listener.committed(tenant_id, Number(seq));
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && UNSUPPORTED_CODES.has(error.code);
}
