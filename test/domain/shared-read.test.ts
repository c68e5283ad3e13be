import { describe, expect, it } from 'vitest';
import { SharedRead } from '../../kernel/app/shared-read.ts';

/** A read that a test lets begin and end when it likes. */
function stage() {
  const begun: { readonly key: string; readonly end: PromiseWithResolvers<number> }[] = [];
  const ready: (() => void)[] = [];
  const shared = new SharedRead(
    (key: string) => {
      const end = Promise.withResolvers<number>();
      begun.push({ key, end });
      return end.promise;
    },
    { afterReadyIo: (run) => void ready.push(run) },
  );
  const settle = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    for (const run of ready.splice(0)) run();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { shared, begun, settle };
}

describe('reads that are shared', () => {
  it('are one for all who asked before it began, and one for each thing that is asked for', async () => {
    const { shared, begun, settle } = stage();
    const asked = [shared.read('a'), shared.read('a'), shared.read('b')];
    expect(begun).toEqual([]);
    await settle();
    expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
    for (const [index, { end }] of begun.entries()) end.resolve(index);
    expect(await Promise.all(asked)).toEqual([0, 0, 1]);
  });

  it('are never older than the question: who asks while one runs gets the next, which begins when that has ended', async () => {
    const { shared, begun, settle } = stage();
    const first = shared.read('a');
    await settle();
    const later = [shared.read('a'), shared.read('a')];
    await settle();
    expect(begun).toHaveLength(1);
    begun[0]?.end.resolve(1);
    expect(await first).toBe(1);
    await settle();
    expect(begun).toHaveLength(2);
    begun[1]?.end.resolve(2);
    expect(await Promise.all(later)).toEqual([2, 2]);
  });

  it('that fail fail for those who share them alone', async () => {
    const { shared, begun, settle } = stage();
    const first = shared.read('a');
    await settle();
    const later = shared.read('a');
    begun[0]?.end.reject(new Error('the database is away'));
    await expect(first).rejects.toThrow('the database is away');
    await settle();
    begun[1]?.end.resolve(2);
    expect(await later).toBe(2);
    await settle();
    expect(begun).toHaveLength(2);
  });
});
