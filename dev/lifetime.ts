/**
 * Owns: how long the parts of the stack live: all of them until it is stopped, or one of them fails.
 * Does not own: what the parts are.
 * Invariant: parts end in the reverse order of their start, so that none loses what it stands on before it has ended.
 */
import { describeExit, describeOutput, type ManagedProcess } from './process/managed-process.ts';
import { StackError } from './stack-error.ts';

/** Holds the parts of a stack. */
export class Lifetime {
  readonly #parts: (() => Promise<unknown>)[] = [];
  readonly #failed = Promise.withResolvers<StackError>();
  #isClosing = false;

  /** Is fulfilled when a part ended that nobody had asked to. */
  get failed(): Promise<StackError> {
    return this.#failed.promise;
  }

  /** Takes on a part by what ends it. Throws StackError when the stack is already being stopped. */
  add(stop: () => Promise<unknown>): void {
    this.#parts.push(stop);
    if (this.#isClosing) throw new StackError('The stack is being stopped.');
  }

  /** Takes on a process, without which the stack can't go on. Throws StackError as `add`. */
  addProcess(child: ManagedProcess): void {
    void child.exited.then((exit) => {
      if (this.#isClosing) return;
      const message = `${child.name} ended unexpectedly (${describeExit(exit)}).${describeOutput(child)}`;
      this.#failed.resolve(new StackError(message));
    });
    this.add(() => child.stop());
  }

  /** Ends all parts, newest first. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (let stop = this.#parts.pop(); stop !== undefined; stop = this.#parts.pop()) await stop();
  }
}
