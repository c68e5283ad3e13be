import { describe, expect, it } from 'vitest';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

describe('test clocks of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });

  it('stand still until they are advanced, and only go forward', async () => {
    const { testClocks } = fixture.stripe.testHelpers;
    const clock = await testClocks.create({ frozen_time: 1_800_000_000, name: 'Renewal' });
    expect(clock).toMatchObject({ frozen_time: 1_800_000_000, status: 'ready', name: 'Renewal' });
    const advancing = await testClocks.advance(clock.id, { frozen_time: 1_800_086_400 });
    expect(advancing).toMatchObject({ status: 'advancing', frozen_time: 1_800_000_000 });
    fixture.sandbox.control.advance(0);
    expect(await testClocks.retrieve(clock.id)).toMatchObject({ status: 'ready', frozen_time: 1_800_086_400 });
    await expect(testClocks.advance(clock.id, { frozen_time: 1_800_000_000 })).rejects.toMatchObject({
      param: 'frozen_time',
    });
    const types = (await fixture.stripe.events.list({ type: 'test_helpers.*' })).data.map(({ type }) => type);
    const newestFirst = ['ready', 'advancing', 'created'].map((end) => `test_helpers.test_clock.${end}`);
    expect(types).toEqual(newestFirst);
  });

  it('can be deleted', async () => {
    const { testClocks } = fixture.stripe.testHelpers;
    const clock = await testClocks.create({ frozen_time: 1_800_000_000 });
    expect(await testClocks.del(clock.id)).toMatchObject({ deleted: true });
    expect((await testClocks.list()).data.map(({ id }) => id)).not.toContain(clock.id);
  });

  judgeExchanges(fixture);
});
