// Owns how a random history speaks of its own past. Ids of holds and entries carry the place at which a commit stood, so a
// history that can be played in several ways can't name them: it says "the n-th", and whoever plays it looks that up.

import type { AccountState } from '../../../kernel/domain/account.ts';
import type { Command, Reservation, ReversalTarget, Settle } from '../../../kernel/domain/command.ts';
import type { Entry } from '../../../kernel/domain/entry.ts';
import { parseEntryId, parseHoldId } from '../../../kernel/domain/entry-id.ts';
import { evolve } from '../../../kernel/domain/evolve.ts';
import type { EntryId, HoldId, IdempotencyKey, Instant } from '../../../kernel/domain/id.ts';
import { EXPIRE, openAccount, reservationOf, targetOf } from './command.ts';

const PICK = /^pick:(\d+)$/;
const PLACE = /\b(?:ent|hld)_[0-9a-f-]{36}\b/g;

/** Stands for the n-th hold that was made so far, counted round. */
export function nthHold(n: number): HoldId {
  return `pick:${n}` as HoldId;
}

/** Stands for the n-th entry that a request made so far, counted round. */
export function nthEntry(n: number): EntryId {
  return `pick:${n}` as EntryId;
}

/** Stands for what a reversal of that entry is told of it. */
export function nthTarget(n: number): ReversalTarget {
  const entry = { ...openAccount(), type: 'account_opened', after: NOTHING } as const;
  return { entryId: nthEntry(n), entry, createdAt: 0, grants: [] };
}

const NOTHING = { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n };

/** Stands for what is known of a hold whose settlement may come late. */
export const ANY_RESERVATION: Reservation = {
  holdId: nthHold(0),
  action: '',
  price: { microcreditsPerUnit: 0n, unit: '', rule: 'default', effectiveAt: 0 },
  expiresAt: 0,
};

/** A commit, as far as it is part of the past. */
interface PastCommit {
  readonly seq: number;
  readonly createdAt: Instant;
  readonly before: AccountState;
  readonly entries: readonly Entry[];
}

/** What was committed so far. */
export class Past {
  readonly #keys = new Set<IdempotencyKey>();
  readonly #effectKeys = new Set<IdempotencyKey>();
  readonly #reservations: Reservation[] = [];
  readonly #targets: ReversalTarget[] = [];
  /** How many entries stood before each commit. */
  readonly #offsets = new Map<number, number>();
  #count = 0;

  add({ seq, createdAt, before, entries }: PastCommit): void {
    this.#offsets.set(seq, this.#count);
    this.#count += entries.length;
    let state = before;
    for (const [index, entry] of entries.entries()) {
      this.#keys.add(entry.key);
      if (entry.effectKey !== undefined) this.#effectKeys.add(entry.effectKey);
      if (entry.type === 'reserved') this.#reservations.push(reservationOf(entry));
      // What fell due by itself is recorded sooner or later, so it must not count.
      if (!('dueAt' in entry)) this.#targets.push(targetOf(entry, state, createdAt, { seq, index }));
      state = evolve(state, entry);
    }
  }

  hasKey(command: Command): boolean {
    return this.#keys.has(command.key);
  }

  hasEffect({ effectKey }: Command): boolean {
    return effectKey !== undefined && this.#effectKeys.has(effectKey);
  }

  /** Puts the real thing in place of what stands for it. A reversal or redaction of nothing becomes a mere look. */
  resolve(command: Command): Command {
    switch (command.type) {
      case 'extend':
      case 'release':
        return { ...command, holdId: this.#holdOf(command.holdId)?.holdId ?? command.holdId };
      case 'settle': {
        const reservation = this.#holdOf(command.holdId);
        if (reservation === undefined) return withoutReservation(command);
        const { holdId } = reservation;
        return command.reservation === undefined ? { ...command, holdId } : { ...command, holdId, reservation };
      }
      case 'reverse': {
        const target = this.#targetOf(command.target.entryId);
        if (target === undefined) return EXPIRE;
        return { ...command, target, effectKey: `reverse:${target.entryId}:1` as IdempotencyKey };
      }
      case 'redact': {
        const target = this.#targetOf(command.entryId);
        return target === undefined ? EXPIRE : { ...command, entryId: target.entryId };
      }
      default:
        return command;
    }
  }

  /** Says ids in a way that does not depend on how the history was grouped: by how many entries stood before. */
  withoutPlaces<T>(value: T): T {
    // What comes back differs from what was given in texts alone.
    return mapTexts(value, (text) => text.replaceAll(PLACE, (id) => this.#nameOf(id))) as T;
  }

  #nameOf(id: string): string {
    const place = parseHoldId(id) ?? parseEntryId(id);
    const offset = place === undefined ? undefined : this.#offsets.get(place.seq);
    if (place === undefined || offset === undefined) throw new Error(`${id} was not made in this history`);
    return `${id.slice(0, 3)}#${offset + place.index}@${place.createdAt}`;
  }

  #holdOf(holdId: HoldId): Reservation | undefined {
    return pick(this.#reservations, holdId);
  }

  #targetOf(entryId: EntryId): ReversalTarget | undefined {
    return pick(this.#targets, entryId);
  }
}

function withoutReservation({ reservation: _, ...command }: Settle): Settle {
  return command;
}

function pick<T>(items: readonly T[], id: string): T | undefined {
  const [, n] = PICK.exec(id) ?? [];
  return n === undefined ? undefined : items[Number(n) % items.length];
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTexts(part, map)]));
}
