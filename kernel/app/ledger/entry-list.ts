// Owns the history of an account as pages, newest first: ranges of seq read backwards, filtered here. Where a filter names
// work and the first commits have none of it, the next that can have some are searched for and the others passed over. A
// page ends when it is full, when the history ends, or when so much was read that the caller should get a sign of life.

import { estimateEntryBytes } from '../../domain/byte-estimate.ts';
import type { Entry, ReversedUsage } from '../../domain/entry.ts';
import { formatEntryId } from '../../domain/entry-id.ts';
import { invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { LedgerStore, PlacedEntry, SealedCommit } from '../ports.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { AccountReader } from './account-reader.ts';
import type { EntryFilter, EntryPage, PostedEntry } from './ledger.ts';
import { requestIdOf } from './request-identity.ts';
import { markReversed } from './reversal-mark.ts';

/** A commit of a busy account can fill a page alone, and says how much further commits are likely to hold. */
const CHUNK_COMMITS_FIRST = 1;
const CHUNK_COMMITS_MAX = 512;
/** How large the entries of one page may be, in bytes: a gRPC client takes 4 MiB unless it says otherwise. */
const PAGE_BYTES_MAX = 2 * 1_048_576;
/**
 * How many entries one page may read, and stretches of commits it may pass over, before it ends early, so that a filter that
 * nothing matches holds up nobody.
 */
const SCAN_ENTRIES_MAX = 4_096;
/** How many entries are read at once, about. */
const CHUNK_ENTRIES = 512;

/** An index that no entry is behind. */
const WHOLE_COMMIT = Number.MAX_SAFE_INTEGER;
const TOKEN = /^1\.([\w-]{16})\.(\d{1,15})\.(\d{0,4})$/;

/** Where a list goes on: the newest entry that it has not looked at yet. */
interface Position {
  readonly seq: number;
  readonly index: number;
}

/** What work an entry has to be about; every part that is set must match. */
export type WorkFilter = Pick<EntryFilter, 'action' | 'projectId' | 'workflowId'>;

/** Commits of an account, both ends inclusive; none where `oldest` lies behind `newest`. */
export interface CommitRange {
  readonly oldest: number;
  readonly newest: number;
}

/** Where entries about some work can be. */
export interface WorkPlace extends CommitRange {
  /** How many stretches of commits were looked at to find it. */
  readonly stretchesSeen: number;
}

/** Finds where in a history entries about some work can be. */
export interface WorkFinder {
  /**
   * Finds the newest commits of a range that can have an entry about the work. None behind them has one; those before them
   * are not looked at yet. Where it gives up before it has found any, it answers none, at the place that it has got to.
   */
  findCommits(tenantId: TenantId, range: CommitRange, work: WorkFilter): Promise<WorkPlace>;
}

/** What lists are made with. */
export interface EntryListTools {
  readonly store: LedgerStore;
  readonly reader: AccountReader;
  readonly work: WorkFinder;
}

/** Finds nothing out: every commit is read. */
export const NO_WORK_FINDER: WorkFinder = { findCommits: async (_, range) => ({ ...range, stretchesSeen: 0 }) };

/** Gives a stored entry the shape in which it is answered. */
export function postedEntryOf(tenantId: TenantId, placed: PlacedEntry): PostedEntry {
  const { seq, index, createdAt, entry } = placed;
  const entryId = formatEntryId({ seq, index }, createdAt);
  return { tenantId, entryId, seq, createdAt, ...present({ requestId: requestIdOf(entry.key) }), entry };
}

/** Lists entries newest first. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
export async function listEntries(
  tools: EntryListTools,
  tenantId: TenantId,
  filter: EntryFilter,
  page: { readonly size: number; readonly token: string },
): Promise<EntryPage> {
  const signature = signatureOf(tenantId, filter);
  const start = page.token === '' ? await findStart(tools.reader, tenantId, filter) : parseToken(page.token, signature);
  const draft = new PageDraft(page.size);
  const position = await new HistoryScan(tools, tenantId, filter, draft).run(start);
  const entries = await markReversed(tools.store, tenantId, draft.entries);
  if (position === undefined || position.seq === 0) return { entries, nextPageToken: '' };
  return { entries, nextPageToken: formatToken(position, signature) };
}

/** Fills a page from a position on, backwards. */
class HistoryScan {
  readonly #tools: EntryListTools;
  readonly #tenantId: TenantId;
  readonly #filter: EntryFilter;
  readonly #draft: PageDraft;
  #chunk = CHUNK_COMMITS_FIRST;
  #commitCount = 0;
  #scanned = 0;
  /** Down to here every commit is read; what lies before it is searched for what can match. */
  #floor = 1;
  #isSearching = false;
  /** The first commit that is not too early for the filter, once it is known. */
  #oldest: number | undefined;

  constructor(tools: EntryListTools, tenantId: TenantId, filter: EntryFilter, draft: PageDraft) {
    this.#tools = tools;
    this.#tenantId = tenantId;
    this.#filter = filter;
    this.#draft = draft;
  }

  /** Answers where to go on; undefined, or a seq of 0, where nothing older can match. */
  async run(from: Position): Promise<Position | undefined> {
    let position: Position | undefined = from;
    while (position !== undefined && position.seq > 0 && !this.#draft.isFull && this.#scanned < SCAN_ENTRIES_MAX) {
      position = position.seq < this.#floor ? await this.#passOver(position) : await this.#read(position);
    }
    return position;
  }

  async #read(from: Position): Promise<Position | undefined> {
    const { entries } = this.#draft;
    const matchesBefore = entries.length;
    const oldest = Math.max(this.#floor, from.seq - this.#chunk + 1);
    const commits = await this.#tools.store.loadCommits(this.#tenantId, oldest, from.seq);
    const count = commits.reduce((sum, commit) => sum + commit.entries.length, 0);
    this.#scanned += Math.max(count, commits.length);
    const position = collect(commits, from, this.#filter, this.#draft);
    if (position !== undefined && entries.length === matchesBefore) this.#beginSearch(position);
    this.#commitCount += commits.length;
    // Commits of a busy account hold many entries, those of a quiet one hold one: the next chunk goes by what was seen, and
    // is no larger than what the page still needs where matches go on as they have come so far.
    const bearable = Math.floor((CHUNK_ENTRIES * commits.length) / Math.max(1, count));
    const needed = Math.ceil((this.#draft.room * this.#commitCount) / Math.max(1, entries.length));
    this.#chunk = Math.min(CHUNK_COMMITS_MAX, Math.max(1, Math.min(bearable, needed)));
    return position;
  }

  /** Matches that come often are read faster than searched. */
  #beginSearch({ seq }: Position): void {
    const { action, projectId, workflowId } = this.#filter;
    if (this.#isSearching || (action ?? projectId ?? workflowId) === undefined) return;
    this.#isSearching = true;
    this.#floor = seq + 1;
  }

  /** Goes to the next commits that can match. */
  async #passOver({ seq }: Position): Promise<Position | undefined> {
    this.#oldest ??= await findOldest(this.#tools.reader, this.#tenantId, this.#filter);
    const range = { oldest: this.#oldest, newest: seq };
    if (range.oldest > seq) return undefined;
    const { oldest, newest, stretchesSeen } = await this.#tools.work.findCommits(this.#tenantId, range, this.#filter);
    this.#scanned += 1 + stretchesSeen;
    this.#floor = oldest;
    return newest < range.oldest ? undefined : { seq: newest, index: WHOLE_COMMIT };
  }
}

/** A page while it is filled. */
class PageDraft {
  readonly entries: PostedEntry[] = [];
  readonly #sizeMax: number;
  #bytes = 0;
  isFull = false;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** How many entries would fill the page and show that there are more. */
  get room(): number {
    return this.#sizeMax - this.entries.length + 1;
  }

  /** Adds an entry; answers false where the page has no room for it, which the first always has. */
  add(tenantId: TenantId, placed: PlacedEntry): boolean {
    const bytes = estimateEntryBytes(placed.entry);
    const hasRoom = this.entries.length < this.#sizeMax && this.#bytes + bytes <= PAGE_BYTES_MAX;
    if (!hasRoom && this.entries.length > 0) {
      this.isFull = true;
      return false;
    }
    this.#bytes += bytes;
    this.entries.push(postedEntryOf(tenantId, placed));
    return true;
  }
}

/** Adds what matches, newest first; answers where to go on, or undefined where nothing older can match. */
function collect(
  commits: readonly SealedCommit[],
  from: Position,
  filter: EntryFilter,
  draft: PageDraft,
): Position | undefined {
  for (const commit of commits.toReversed()) {
    if (filter.startAt !== undefined && commit.createdAt < filter.startAt) return undefined;
    const last = commit.seq === from.seq ? from.index : WHOLE_COMMIT;
    for (const posted of matchesOf(commit, last, filter)) {
      if (!draft.add(commit.tenantId, posted)) return { seq: commit.seq, index: posted.index };
    }
  }
  return { seq: (commits[0]?.seq ?? 1) - 1, index: WHOLE_COMMIT };
}

/** The entries of a commit up to `last` that match, newest first. */
function matchesOf(commit: SealedCommit, last: number, filter: EntryFilter): PlacedEntry[] {
  const { seq, createdAt } = commit;
  return commit.entries
    .flatMap((entry, index) => (index <= last && matches(entry, filter) ? [{ seq, index, createdAt, entry }] : []))
    .reverse();
}

async function findStart(reader: AccountReader, tenantId: TenantId, filter: EntryFilter): Promise<Position> {
  const newest = await reader.readHead(tenantId);
  // `endAt` is exclusive, and times are whole milliseconds.
  const seq = filter.endAt === undefined ? newest.seq : await reader.findSeqAt(newest, filter.endAt - 1);
  return { seq, index: WHOLE_COMMIT };
}

/** Finds the first commit within the filter's times. */
async function findOldest(reader: AccountReader, tenantId: TenantId, { startAt }: EntryFilter): Promise<number> {
  if (startAt === undefined) return 1;
  return 1 + (await reader.findSeqAt(await reader.readHead(tenantId), startAt - 1));
}

function matches(entry: Entry, filter: EntryFilter): boolean {
  if (filter.types !== undefined && !filter.types.includes(entry.type)) return false;
  if (filter.action === undefined && filter.projectId === undefined && filter.workflowId === undefined) return true;
  const work = workOf(entry);
  return (
    work !== undefined &&
    (filter.action === undefined || filter.action === work.action) &&
    (filter.projectId === undefined || filter.projectId === work.projectId) &&
    (filter.workflowId === undefined || filter.workflowId === work.workflowId)
  );
}

/** What work an entry is about: charged, held, or undone; undefined where it is about none. */
function workOf(entry: Entry): Pick<ReversedUsage, 'action' | 'projectId' | 'workflowId'> | undefined {
  if ('action' in entry) return entry;
  return entry.type === 'reversed' ? entry.usage : undefined;
}

/** Ties a token to its list, so that it can't be used with other filters or another tenant. */
function signatureOf(tenantId: TenantId, filter: EntryFilter): string {
  const { types, action, projectId, workflowId, startAt, endAt } = filter;
  return computeTokenSignature([tenantId, types?.toSorted(), action, projectId, workflowId, startAt, endAt]);
}

function formatToken({ seq, index }: Position, signature: string): string {
  const entry = index === WHOLE_COMMIT ? '' : String(index);
  return Buffer.from(`1.${signature}.${seq}.${entry}`).toString('base64url');
}

function parseToken(token: string, signature: string): Position {
  const match = TOKEN.exec(Buffer.from(token, 'base64url').toString());
  const [, stated, seq, index] = match ?? [];
  if (seq === undefined || stated !== signature) {
    const description =
      'is not a token of this list: pass next_page_token as it was given, with the same tenant and filters';
    throw invalidField({ field: 'page_token', description });
  }
  return { seq: Number(seq), index: index === undefined || index === '' ? WHOLE_COMMIT : Number(index) };
}
