// Owns what is counted of each call; whoever keeps the figures implements it.

import type { MethodPath } from '../access.ts';

/** Counts calls. */
export interface CallMeter {
  /** A call began. */
  begin(): void;
  /** A call ended with a gRPC status code. */
  end(path: MethodPath, code: number, durationMs: number): void;
}
