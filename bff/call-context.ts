// Owns what is known of a call to the kernel: for whom it is made, and until when. Does not own calls (kernel-client.ts).

import type { Identity } from './identity.ts';

/** On whose behalf a call is made, and how long anybody waits for it. */
export interface CallContext {
  readonly identity: Identity;
  /** Is the workspace that the call is about, where one is known. */
  readonly tenantId?: string;
  /** Is the address that the request came from. */
  readonly remoteAddress?: string;
  readonly requestId: string;
  readonly deadline: Date;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
}
