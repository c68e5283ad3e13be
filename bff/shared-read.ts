// Owns that those who read the same in one turn of the event loop share one call to the kernel. Does not own the call.
// Invariants: a shared call begins after each of those who share it has asked, so that nobody is told less than their own call would
// tell; they are one caller, who may the same; the call is cancelled once none of them waits any more.

import type { CallContext } from './call-context.ts';

/** A call that is about to begin, or under way, and how many wait for it. */
interface Party<Response> {
  readonly answer: Promise<Response>;
  readonly deserted: AbortController;
  waiting: number;
}

/** What is read, and by which call. */
export interface SharedReadParts<Request, Response> {
  /** Writes a request: what is written alike asks the same. */
  readonly toBytes: (request: Request) => Buffer;
  readonly call: (request: Request, context: CallContext) => Promise<Response>;
}

/** A read that calls share. */
export class SharedRead<Request, Response> {
  readonly #parts: SharedReadParts<Request, Response>;
  /** Those whose call has not begun. */
  readonly #open = new Map<string, Party<Response>>();

  constructor(parts: SharedReadParts<Request, Response>) {
    this.#parts = parts;
  }

  /**
   * Reads, together with whoever asks the same meanwhile; the kernel is told the id of the first one's request. Throws what the call
   * throws, also where only the first one's time was up: they came within milliseconds of each other.
   */
  read(request: Request, context: CallContext): Promise<Response> {
    const key = `${toCallerKey(context)}\n${this.#parts.toBytes(request).toString('latin1')}`;
    const party = this.#open.get(key) ?? this.#gather(key, request, context);
    party.waiting += 1;
    const leave = (): void => {
      party.waiting -= 1;
      if (party.waiting > 0) return;
      if (this.#open.get(key) === party) this.#open.delete(key);
      party.deserted.abort();
    };
    if (context.signal.aborted) leave();
    else context.signal.addEventListener('abort', leave, { once: true });
    return party.answer;
  }

  #gather(key: string, request: Request, context: CallContext): Party<Response> {
    const deserted = new AbortController();
    const answer = endOfTurn().then(() => {
      if (this.#open.get(key)?.deserted === deserted) this.#open.delete(key);
      return this.#parts.call(request, { ...context, signal: deserted.signal });
    });
    const party = { answer, deserted, waiting: 0 };
    this.#open.set(key, party);
    return party;
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Names all that the kernel is told of a caller, but the id of the request. */
function toCallerKey({ identity, tenantId, remoteAddress }: CallContext): string {
  return JSON.stringify([identity, tenantId, remoteAddress]);
}
