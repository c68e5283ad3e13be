// Owns the history of an account as pages, newest first: ranges of seq read backwards, filtered here. A page ends when it
// is full, when the history ends, or when so much was read that the caller should get a sign of life.

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

const CHUNK_COMMITS_FIRST = 8;
const CHUNK_COMMITS_MAX = 512;
/** How large the entries of one page may be, in bytes: a gRPC client takes 4 MiB unless it says otherwise. */
const PAGE_BYTES_MAX = 2 * 1_048_576;
/** How many entries one page may read before it ends early, so that a filter that nothing matches holds up nobody. */
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

/** Gives a stored entry the shape in which it is answered. */
export function postedEntryOf(tenantId: TenantId, placed: PlacedEntry): PostedEntry {
  const { seq, index, createdAt, entry } = placed;
  const entryId = formatEntryId({ seq, index }, createdAt);
  return { tenantId, entryId, seq, createdAt, ...present({ requestId: requestIdOf(entry.key) }), entry };
}

/** Lists entries newest first. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
export async function listEntries(
  tools: { readonly store: LedgerStore; readonly reader: AccountReader },
  tenantId: TenantId,
  filter: EntryFilter,
  page: { readonly size: number; readonly token: string },
): Promise<EntryPage> {
  const signature = signatureOf(tenantId, filter);
  let position: Position | undefined =
    page.token === '' ? await findStart(tools.reader, tenantId, filter) : parseToken(page.token, signature);
  const draft = new PageDraft(page.size);
  let chunk = CHUNK_COMMITS_FIRST;
  let commitCount = 0;
  for (let scanned = 0; position !== undefined && position.seq > 0 && scanned < SCAN_ENTRIES_MAX; ) {
    const commits = await tools.store.loadCommits(tenantId, Math.max(1, position.seq - chunk + 1), position.seq);
    const count = commits.reduce((sum, commit) => sum + commit.entries.length, 0);
    scanned += Math.max(count, commits.length);
    position = collect(commits, position, filter, draft);
    if (draft.isFull) break;
    commitCount += commits.length;
    // Commits of a busy account hold many entries, those of a quiet one hold one: the next chunk goes by what was seen, and
    // is no larger than what the page still needs where matches go on as they have come so far.
    const bearable = Math.floor((CHUNK_ENTRIES * commits.length) / Math.max(1, count));
    const needed = Math.ceil((draft.room * commitCount) / Math.max(1, draft.entries.length));
    chunk = Math.min(CHUNK_COMMITS_MAX, Math.max(1, Math.min(bearable, needed)));
  }
  const entries = await markReversed(tools.store, tenantId, draft.entries);
  if (position === undefined || position.seq === 0) return { entries, nextPageToken: '' };
  return { entries, nextPageToken: formatToken(position, signature) };
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
