// Owns which workspace a call is about where the request names none: a personal access token's own, or a person's only one.
// Does not own whether the caller may use it: the kernel checks that with each call.
// Invariants: what is remembered is some seconds old at most, and never that there is no workspace.

import { LRUCache } from 'lru-cache';
import { UserServiceService } from '../gen/wheelhouse/tenant/v1/user_service.ts';
import type { CallContext } from './call-context.ts';
import { keyOf } from './identity.ts';
import type { KernelClient } from './kernel-client.ts';
import { Problem } from './problem.ts';

/** How long the kernel is not asked again, in milliseconds. */
const AGE_MS_MAX = 5_000;
/** How many callers are remembered, some hundred bytes each. */
const CALLERS_MAX = 10_000;

/** Finds workspaces. */
export class WorkspaceFinder {
  readonly #kernel: KernelClient;
  readonly #answers = new LRUCache<string, Promise<string | undefined>>({ max: CALLERS_MAX, ttl: AGE_MS_MAX });

  constructor(kernel: KernelClient) {
    this.#kernel = kernel;
  }

  /**
   * Finds the workspace of a caller who names none. Throws WORKSPACE_REQUIRED where there is none or several, and
   * ServiceError when the kernel does not say.
   */
  async find(context: CallContext): Promise<string> {
    const key = `${context.identity.kind}\n${keyOf(context.identity)}`;
    const known = this.#answers.get(key);
    const answer = known ?? this.#ask(key, context);
    const tenantId = await answer;
    if (tenantId === undefined) {
      throw new Problem('WORKSPACE_REQUIRED');
    }
    return tenantId;
  }

  /** All who call meanwhile wait for the same answer, so it does not end because the first of them has gone. */
  #ask(key: string, context: CallContext): Promise<string | undefined> {
    const answer = this.#load({ ...context, signal: new AbortController().signal });
    this.#answers.set(key, answer);
    const forget = (): void => {
      if (this.#answers.peek(key) === answer) this.#answers.delete(key);
    };
    answer.then((tenantId) => tenantId === undefined && forget(), forget);
    return answer;
  }

  async #load(context: CallContext): Promise<string | undefined> {
    const { workspace } = await this.#kernel.call(UserServiceService.getMe, {}, context);
    return workspace?.tenant?.tenantId;
  }
}
