// Reads what a run left in the database of one account: every commit in order, each entry held against the model, and the
// model as it was after each. Uses nothing of the kernel but shapes: the hash chain is computed here once more.

import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { mongo } from 'mongoose';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { TenantId } from '../../kernel/domain/id.ts';
import type { CommitDocument } from '../../kernel/store/ledger/commit-document.ts';
import { AccountModel, type Answer, type Ask, type Deed, type Rules } from '../model/account-model.ts';
import { deedOf, sightOf } from '../model/kernel-words.ts';
import type { StoredCommit } from './replica-set.ts';
import type { WriteRequest } from './request.ts';
import { isSame, show } from './show.ts';
import { RUN_BEGINS_AT } from './simulated-kernel.ts';

/** The account right after an entry. */
export interface Moment {
  readonly seq: number;
  readonly createdAt: number;
  readonly model: AccountModel;
}

/** An entry with its place, and the request that it records. */
interface RecordedEntry {
  readonly stored: StoredCommit;
  readonly index: number;
  readonly entry: Entry;
  readonly request?: WriteRequest;
}

/** The model can't be before the first commit, which a slow clock may have dated before the run. */
const MODEL_BEGINS_AT = RUN_BEGINS_AT - 10_000;
const OWN_KEY = /^(?:expire:|start:|hold-expired:|trial-ended$)/;

/** The history of one account. */
export class AccountHistory {
  readonly tenantId: TenantId;
  readonly commits: readonly StoredCommit[];
  readonly problems: string[] = [];
  /** The first is that of nothing. */
  readonly moments: Moment[] = [{ seq: 0, createdAt: 0, model: new AccountModel(MODEL_BEGINS_AT) }];
  /** The entry that each key stands for, with the request that it records. */
  readonly recorded = new Map<string, RecordedEntry>();
  readonly deeds: Deed[] = [];
  readonly #requests: ReadonlyMap<string, readonly WriteRequest[]>;
  readonly #rules: Rules;
  readonly #model = new AccountModel(MODEL_BEGINS_AT);
  readonly #keys = new Set<string>();

  constructor(
    tenantId: TenantId,
    commits: readonly StoredCommit[],
    requests: ReadonlyMap<string, readonly WriteRequest[]>,
    rules: Rules,
  ) {
    this.tenantId = tenantId;
    this.commits = commits;
    this.#requests = requests;
    this.#rules = rules;
    let previous: StoredCommit | undefined;
    for (const stored of commits) {
      this.#readCommit(stored, previous);
      previous = stored;
      if (this.problems.length > 0) break;
    }
  }

  /** The newest account. */
  get newest(): AccountModel {
    return this.#model;
  }

  /** The account after the commit `seq`. */
  after(seq: number): Moment | undefined {
    return this.moments.findLast((moment) => moment.seq === seq);
  }

  /** Every account that there was from after the commit `fromSeq` to after the commit `toSeq`. */
  between(fromSeq: number, toSeq: number): readonly Moment[] {
    const first = this.moments.findLastIndex((moment) => moment.seq === fromSeq);
    const last = this.moments.findLastIndex((moment) => moment.seq <= toSeq);
    return this.moments.slice(Math.max(0, first), last + 1);
  }

  /** The key of the entry that an id names, of those that the model may know. */
  keyOfEntry(entryId: string): string | undefined {
    return this.entryOf(entryId)?.key;
  }

  /** The entry that an id names, as it is at the end. */
  entryOf(entryId: string): Entry | undefined {
    const [seq, index] = placeOf(entryId);
    return this.commits.find(({ commit }) => commit.seq === seq)?.commit.entries[index];
  }

  /** Says an entry's request in the model's words. */
  askOf(request: WriteRequest, entry?: Entry): Ask {
    const keyOfEntry = (entryId: string): string | undefined => this.keyOfEntry(entryId);
    return request.toAsk({ rules: this.#rules, keyOfEntry, ...(entry === undefined ? {} : { entry }) });
  }

  #fail(where: string, problem: string): void {
    this.problems.push(`${this.tenantId} ${where}: ${problem}`);
  }

  #readCommit(stored: StoredCommit, previous: StoredCommit | undefined): void {
    const { commit, original, document } = stored;
    const where = `commit ${commit.seq}`;
    const follows = previous?.commit.seq ?? 0;
    if (commit.seq !== follows + 1) {
      this.#fail(where, `follows commit ${follows}`);
      return;
    }
    const earlyMs = (previous?.commit.createdAt ?? 0) - commit.createdAt;
    if (earlyMs > 0) this.#fail(where, `is dated ${earlyMs} ms before the commit that it follows`);
    const hash = chainHash(document, previous?.document);
    if (hash !== Buffer.from(commit.hash).toString('hex')) this.#fail(where, 'breaks the hash chain');
    this.#readKeys(where, original.entries, document.keys);
    this.#readEntries(where, stored);
    this.#readState(where, commit);
  }

  #readState(where: string, { totals, state, createdAt }: StoredCommit['commit']): void {
    const sums = this.#model.sums();
    if (!isSame(sums, totals)) this.#fail(where, `states ${show(totals)} where the model has ${show(sums)}`);
    if (state === undefined) return;
    const [told, expected] = [sightOf(state), this.#model.sightAt(createdAt)];
    if (!isSame(told, expected)) this.#fail(where, `carries ${show(told)} where the model has ${show(expected)}`);
  }

  #readKeys(where: string, entries: readonly Entry[], keys: CommitDocument['keys']): void {
    const expected = [...entries.map(({ key }) => key), ...entries.flatMap(({ effectKey }) => effectKey ?? [])];
    const [stored, compact] = [keys.map(plain), expected.map(compactKey)];
    if (!isSame(stored, compact)) this.#fail(where, `has the keys ${show(stored)} for ${show(compact)}`);
    for (const key of expected) {
      if (this.#keys.has(key)) this.#fail(where, `has the key ${key} once more`);
      this.#keys.add(key);
    }
  }

  #readEntries(where: string, stored: StoredCommit): void {
    const { createdAt, seq, entries } = stored.original;
    const due = [...this.#model.passTo(createdAt)];
    for (const [index, entry] of entries.entries()) {
      const place = `${where}.${index} ${entry.type}`;
      this.deeds.push(deedOf(entry));
      const isOwn = OWN_KEY.test(entry.key);
      if (isOwn) this.#readDue(place, due.shift(), { stored, index, entry });
      // The model has let all of it happen at once, so only after the last can the sums be compared.
      if (isOwn && due.length > 0) continue;
      if (!isOwn && !this.#readRequest(place, due[0], { stored, index, entry })) return;
      const sums = this.#model.sums();
      if (!isSame(sums, entry.after)) {
        this.#fail(place, `leaves ${show(entry.after)} where the model has ${show(sums)}`);
      }
      this.moments.push({ seq, createdAt, model: this.#model.copy() });
    }
    if (due.length > 0) this.#fail(where, `leaves out what was due: ${show(due[0])}`);
  }

  /** Holds an entry that no request caused against what was due. */
  #readDue(place: string, expected: Deed | undefined, recorded: RecordedEntry): void {
    const deed = deedOf(recorded.entry);
    if (!isSame(deed, expected)) this.#fail(place, `tells ${show(deed)}, due was ${show(expected)}`);
    this.recorded.set(recorded.entry.key, recorded);
  }

  /** Holds an entry against the request that it records; answers whether there is one. */
  #readRequest(place: string, due: Deed | undefined, recorded: RecordedEntry): boolean {
    const { stored, entry } = recorded;
    const request = this.#requests.get(entry.key)?.find((asked) => asked.isRecordedBy(entry, true));
    if (request === undefined || due !== undefined) {
      this.#fail(place, due === undefined ? `(${entry.key}) was asked by nobody` : `comes before ${show(due)}`);
      return false;
    }
    this.recorded.set(entry.key, { ...recorded, request });
    const answer = this.#model.apply(this.askOf(request, entry), stored.original.createdAt);
    const expected: Answer = { kind: 'done', deed: deedOf(entry) };
    if (isSame(answer, expected)) return true;
    this.#fail(place, `(${request.text}) tells ${show(expected)} where the model says ${show(answer)}`);
    return false;
  }
}

/** Reads seq and index out of an entry id, as ADR 0003 describes it. */
function placeOf(entryId: string): readonly [seq: number, index: number] {
  const digits = entryId.slice(4).replaceAll('-', '');
  const seq = Number.parseInt(`${digits.slice(13, 16)}${digits.slice(17, 20)}${digits.slice(20, 26)}`, 16);
  return [seq, Number.parseInt(digits.slice(26, 29), 16)];
}

/** The form of a key in the list of keys, as ADR 0008 describes it. */
function compactKey(key: string): string {
  const parts = /^(req:[^:]*:[^:]*:)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(key);
  if (parts === null) return key;
  const [, prefix = '', uuid = ''] = parts;
  return createHash('sha256').update(prefix).digest('hex').slice(0, 12) + uuid.replaceAll('-', '');
}

/** The hash that a commit must have, as docs/architecture.md describes it. */
function chainHash(document: CommitDocument, previous: CommitDocument | undefined): string {
  const { state, entries, hash: _, ...rest } = document;
  const covered = {
    ...rest,
    entries: entries.map(({ personal, ...entry }) => ({ ...entry, personal_digest: personal?.digest })),
    state_digest: state === undefined ? undefined : createHash('sha256').update(canonicalText(state)).digest('hex'),
  };
  const before = previous === undefined ? Buffer.alloc(32) : Buffer.from(previous.hash.toString('hex'), 'hex');
  return createHash('sha256').update(before).update(canonicalText(covered)).digest('hex');
}

function canonicalText(value: object): string {
  return canonicalize(plain(value)) ?? '';
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof mongo.Binary) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  const parts: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) if (part !== undefined) parts[name] = plain(part);
  return parts;
}
