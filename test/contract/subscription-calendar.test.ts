// Two years of months of three workspaces that began at the end of one: on the 29th, the 30th and the 31st, over a February of 28
// days and one of 29, while the machine's time zone changes. Periods are those of UTC, and each is paid and gives its credits once.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { CREDIT } from './support/account.ts';
import { expectSound, openShop, openWorkspace, type Shop, type Workspace } from './support/subscription.ts';

const MONTHS = 24;
/** Ahead of UTC by a day's half and more, behind it by as much, by half an hour, and with summers on either half of the earth. */
const ZONES = ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Asia/Kolkata', 'America/Los_Angeles', 'Australia/Lord_Howe'];
/** So near to midnight that they are on another day in some of the zones. */
const TIMES: readonly (readonly [day: number, hour: number, minute: number])[] = [
  [29, 0, 10],
  [30, 23, 50],
  [31, 23, 50],
];

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

/** Moves all clocks to a time. */
async function advanceTo(at: number): Promise<void> {
  await shop.advance(at - shop.stripe.sandbox.control.now() * 1_000);
}

/** When the period begins that begins in a month, counted from January of a year on. */
function beginOf(year: number, month: number, [day, hour, minute]: (typeof TIMES)[number]): number {
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(day, lastDay), hour, minute);
}

function isLeapYear(year: number): boolean {
  return new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
}

/** The period that is paid, to the minute: the first ones began some seconds after their time. */
async function periodOf(workspace: Workspace): Promise<readonly [status: SubscriptionStatus | undefined, ...string[]]> {
  const { subscription } = await workspace.get();
  const times = [subscription?.periodStartTime, subscription?.periodEndTime];
  return [subscription?.status, ...times.map((time) => minuteOf(Number(time)))];
}

function minuteOf(at: number): string {
  return new Date(at).toISOString().slice(0, 'YYYY-MM-DDTHH:MM'.length);
}

test('months that begin on the 29th, 30th and 31st', { timeout: 120_000 }, async () => {
  const { TZ: zone } = process.env;
  onTestFinished(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  let year = new Date(shop.stripe.sandbox.control.now() * 1_000).getUTCFullYear() + 1;
  while (!isLeapYear(year) && !isLeapYear(year + 1)) year += 1;
  const workspaces: Workspace[] = [];
  for (const time of TIMES) {
    await advanceTo(beginOf(year, 0, time));
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'plus' });
    workspaces.push(workspace);
  }
  for (let month = 1; month <= MONTHS; month += 1) {
    process.env['TZ'] = ZONES[month % ZONES.length];
    await Promise.all(workspaces.map(({ tenantId }) => shop.callers.debit(tenantId, { quantity: '3' })));
    // All periods of the month have begun, and been paid for hours.
    await advanceTo(Date.UTC(year, month + 1, 2));
    await Promise.all(
      workspaces.map(async (workspace, index) => {
        const time = TIMES[index] ?? [1, 0, 0];
        const paid = Array.from({ length: month + 1 }, () => 14_900);
        const times = [month, month + 1].map((each) => minuteOf(beginOf(year, each, time)));
        const period = [SubscriptionStatus.ACTIVE, ...times];
        await expect.poll(() => periodOf(workspace), { timeout: 10_000 }).toEqual(period);
        const full = { planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT };
        expect(await workspace.balance()).toMatchObject(full);
        expect(await workspace.charged()).toEqual(paid);
      }),
    );
  }
  for (const workspace of workspaces) await expectSound(shop, workspace);
});
