// Owns turning strangers away before their request is read: a call's credential is checked when its headers arrive, so that
// nobody without one can make the kernel hold megabytes of messages that never end. Does not own what a credential may do.

import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { isServedMethod, type MethodPath } from '../access.ts';
import { CODE_BY_REASON, toDomainError, toStatus } from '../status.ts';
import { authenticate, type Credential } from './authentication.ts';
import type { CallLog } from './logging.ts';
import type { CallMeter } from './metrics.ts';

/** What the gate works with. */
export interface GateParts {
  readonly credentials: readonly Credential[];
  readonly meter: CallMeter;
  readonly log: CallLog;
  /** Gives the id that a refused call is answered and logged with. */
  readonly requestIdOf: (metadata: Metadata) => string;
}

/** Lets calls with a known credential pass, and remembers it for them. */
export class Gate {
  readonly #parts: GateParts;
  readonly #admitted = new WeakMap<Metadata, Credential>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** The interceptor; methods that are not ours (health, reflection) pass without a credential. */
  readonly interceptor: ServerInterceptor = (method, call) =>
    isServedMethod(method.path) ? this.#guard(method.path, call) : new ServerInterceptingCall(call);

  /** The credential that a call's headers were admitted with. */
  credentialOf(metadata: Metadata): Credential | undefined {
    return this.#admitted.get(metadata);
  }

  #guard(path: MethodPath, call: ServerInterceptingCallInterface): ServerInterceptingCall {
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            if (this.#admit(path, metadata, call)) pass(metadata);
          },
        }),
    });
  }

  #admit(path: MethodPath, metadata: Metadata, call: ServerInterceptingCallInterface): boolean {
    const { credentials, meter, log, requestIdOf } = this.#parts;
    try {
      this.#admitted.set(metadata, authenticate(credentials, metadata));
      return true;
    } catch (thrown) {
      const error = toDomainError(thrown);
      const requestId = requestIdOf(metadata);
      meter.begin();
      meter.end(path, CODE_BY_REASON[error.reason], 0);
      log.failed(error, () => ({ path, requestId, durationMs: 0 }));
      call.sendStatus(toStatus(error, requestId));
      return false;
    }
  }
}
