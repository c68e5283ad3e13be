// Owns what a run tells of itself: steps for people, details for the digest that two runs of one seed must share.

import { createHash, type Hash } from 'node:crypto';

/** Collects what happens. */
export class Trace {
  readonly #now: () => number;
  readonly #hash: Hash = createHash('sha256');
  readonly #keepsDetails: boolean;
  readonly steps: string[] = [];
  #pending = '';

  constructor(now: () => number, keepsDetails: boolean) {
    this.#now = now;
    this.#keepsDetails = keepsDetails;
  }

  /** Tells what people want to read first: requests, answers, faults. */
  step(text: string): void {
    const line = `${this.#now().toFixed(3).padStart(10)} ${text}`;
    this.steps.push(line);
    this.#absorb(line);
  }

  /** Tells what matters only for repeating a run. */
  detail(text: string): void {
    const line = `${this.#now().toFixed(3).padStart(10)}   ${text}`;
    if (this.#keepsDetails) this.steps.push(line);
    this.#absorb(line);
  }

  /** The digest of everything that was told. */
  digest(): string {
    this.#hash.update(this.#pending);
    this.#pending = '';
    return this.#hash.copy().digest('hex').slice(0, 32);
  }

  #absorb(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#pending.length < 16_384) return;
    this.#hash.update(this.#pending);
    this.#pending = '';
  }
}
