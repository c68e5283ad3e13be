// Owns what waits for one tenant: commands in their order, the head they will be decided over, and whether other kernels
// write to the same account.

import type { Command } from '../../domain/command.ts';
import { DomainError } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { PlacedEntry } from '../ports.ts';
import type { AccountHead } from './account-head.ts';

/** What a command came to; no entry where there was nothing to record. */
export interface Committed {
  readonly placed?: PlacedEntry;
  /** Says that an earlier command with the same key made the entry. */
  readonly replayed: boolean;
}

/** A command that waits for its answer. */
export interface Task {
  readonly command: Command;
  /** On `performance.now()`'s clock; a task that still waits then is not begun. */
  readonly deadlineAtMs: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

/** One tenant's queue. At most one commit of it is in flight in this kernel. */
export class Lane {
  readonly tenantId: TenantId;
  head: AccountHead | undefined;
  /** Until then, on the monotonic clock, other kernels are taken to write to this account too. */
  contendedUntilMs = 0;
  /** Says that other kernels get their turn before the next commit. */
  owesTurn = false;
  /** When a race was last lost, on the monotonic clock, until the next insert has an outcome. */
  lostRaceAtMs: number | undefined;
  /** The time of this kernel's own last notice that it keeps losing. */
  noticeAt: Instant | undefined;
  racesLostInARow = 0;
  commitsSinceHint = 0;
  /** When the hint was due for the last time, on the monotonic clock. */
  hintDueAtMs: number | undefined;
  /** So many next tasks are committed one by one, because one of them made a commit that can't be stored. */
  soloTasks = 0;
  #tasks: Task[] = [];

  constructor(tenantId: TenantId) {
    this.tenantId = tenantId;
  }

  get length(): number {
    return this.#tasks.length;
  }

  push(task: Task): void {
    this.#tasks.push(task);
  }

  includes(task: Task): boolean {
    return this.#tasks.includes(task);
  }

  /** Puts tasks back where they came from, to be decided again. */
  putBack(tasks: readonly Task[]): void {
    if (tasks.length > 0) this.#tasks = [...tasks, ...this.#tasks];
  }

  /** Takes the first tasks whose deadline has not passed at `nowMs`, on the monotonic clock; the others are answered. */
  take(limit: number, nowMs: number): readonly Task[] {
    const taken: Task[] = [];
    let index = 0;
    for (; index < this.#tasks.length && taken.length < limit; index += 1) {
      const task = this.#tasks[index];
      if (task === undefined) break;
      if (task.deadlineAtMs > nowMs) taken.push(task);
      else task.reject(deadlineExceeded());
    }
    this.#tasks = this.#tasks.slice(index);
    return taken;
  }

  /** Learns of a newer head; an older one is ignored. */
  offer(head: AccountHead): void {
    if (this.head === undefined || head.seq >= this.head.seq) this.head = head;
  }
}

function deadlineExceeded(): DomainError {
  const message = 'the deadline passed before the work began; nothing was written: retry with a longer deadline';
  return new DomainError('DEADLINE_EXCEEDED', message);
}
