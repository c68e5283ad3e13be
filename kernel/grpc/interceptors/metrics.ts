// Owns what is counted of each call and stream; whoever keeps the figures implements it.

import type { MethodPath } from '../access.ts';

/** Counts calls. */
export interface CallMeter {
  /** A call began. */
  begin(): void;
  /** A call ended with a gRPC status code. */
  end(path: MethodPath, code: number, durationMs: number): void;
  /** A stream began; what it answers counts the rest of it. */
  beginStream(path: MethodPath): StreamMeter;
}

/** Counts one stream. */
export interface StreamMeter {
  received(): void;
  sent(): void;
  /** The stream ended with a gRPC status code. */
  end(code: number): void;
}
