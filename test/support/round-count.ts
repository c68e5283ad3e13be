import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** True in `npm run test:soak`. */
    isSoak: boolean;
  }
}

/** Answers how many rounds a randomised test does: few in `npm test`, all in `npm run test:soak`. */
export function roundCount(reduced: number, full: number): number {
  return inject('isSoak') ? full : reduced;
}
