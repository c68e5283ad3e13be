// Owns parts of a kernel that crash at a step: before they do what is asked, or when it is done and nobody has been told.

import { DomainError } from '../../../kernel/domain/error.ts';
import { type Adaptation, type ComposedKernel, composeKernel } from './kernel-fixture.ts';

/** Fails as a database that is gone. */
export function gone(): Promise<never> {
  return Promise.reject(new DomainError('DATABASE_UNAVAILABLE', 'injected: it is gone', { retryDelayMs: 1 }));
}

/** Does something, then fails as if nobody had been told. */
export function thenGone<Arguments extends unknown[]>(run: (...given: Arguments) => Promise<unknown>) {
  return async (...given: Arguments): Promise<never> => {
    await run(...given);
    return gone();
  };
}

/** Works with a second kernel, over the same database, of which a part is another one. */
export async function withFault<T>(
  { mongodbUri }: { readonly mongodbUri: string },
  adapt: Adaptation,
  run: (faulty: ComposedKernel) => Promise<T>,
): Promise<T> {
  const fixture = await composeKernel({ mongodbUri, ...adapt });
  try {
    return await run(fixture);
  } finally {
    await fixture.close();
  }
}
