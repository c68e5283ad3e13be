// What trials end in: the free plan without a card, and without consent whatever card there is; the paid plan with both. They all
// begin at the same time, so that time passes once for all.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendCard, UNCHARGEABLE_CARD } from '../support/hosted-form.ts';
import { DAY_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, type StoryState, StoryWorkspace } from '../support/story-workspace.ts';

const TRIAL_DAYS = 14;
const CONSENT = { consent_to_charge: true };
const GOES_ON_PAID = 'the stored payment method is charged';
const FALLS_BACK = 'goes on without this plan; credits that were bought stay';

/** A trial, from its beginning to its end. */
interface Ending {
  readonly title: string;
  /** What is done while it runs. */
  readonly begin: (workspace: StoryWorkspace) => Promise<unknown>;
  /** What stands two days before its end. */
  readonly before: object;
  /** What the administrator is told by then; nothing where it is absent. */
  readonly told?: string;
  readonly after: object;
  readonly charged: readonly number[];
}

const RUNNING = { plan_code: 'pro', subscription: null, trial_remaining: 5 * CREDIT };
const FALLEN_BACK = {
  ...{ plan_code: 'free', subscription: null, trial: { status: 'ended', remaining_microcredits: 0 } },
  ...{ trial_remaining: 0, included_remaining: 0, payg_remaining: 7 * CREDIT },
};
const NO_CONSENT = { status: 'active', consent_time: null };
const CONSENTED = { status: 'active', consent_time: expect.any(String) };

const ENDINGS: readonly Ending[] = [
  {
    title: 'without a card it ends in the free plan: unused trial credits are gone, PAYG stays',
    begin: (workspace) => workspace.use(2),
    before: { ...RUNNING, trial_remaining: 3 * CREDIT, payg_remaining: 7 * CREDIT, trial: NO_CONSENT },
    ...{ told: FALLS_BACK, after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'with a card and consent it becomes the paid plan by itself, and is charged once',
    begin: (workspace) => workspace.storeCard(undefined, CONSENT),
    ...{ before: { ...RUNNING, trial: CONSENTED }, told: GOES_ON_PAID },
    after: {
      ...{ plan_code: 'pro', trial: { status: 'ended', remaining_microcredits: 0 } },
      subscription: { status: 'active', plan_code: 'pro', amount: 4_900, included_microcredits_per_cycle: 5 * CREDIT },
      ...{ trial_remaining: 0, included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT },
    },
    charged: [4_900],
  },
  {
    title: 'a card that was saved without consent is no consent',
    begin: (workspace) => workspace.storeCard(),
    ...{ before: { ...RUNNING, trial: NO_CONSENT }, told: FALLS_BACK, after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'a page that was opened to agree on, and left, is no consent, whatever card is stored then',
    begin: async (workspace) => {
      await workspace.post('/payment-methods/setup', { hosted_page: true, ...CONSENT });
      await workspace.storeCard();
    },
    ...{ before: { ...RUNNING, trial: NO_CONSENT }, told: FALLS_BACK, after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'who removes the card that was stored with consent takes that back, whatever card is stored then',
    begin: async (workspace) => {
      await workspace.storeCard(undefined, CONSENT);
      await workspace.removeCards();
      await workspace.storeCard();
    },
    ...{ before: { ...RUNNING, trial: CONSENTED }, told: FALLS_BACK, after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'with consent and a card that is declined it ends in the free plan, and nothing is owed',
    begin: (workspace) => workspace.storeCard(UNCHARGEABLE_CARD, CONSENT),
    ...{ before: { ...RUNNING, trial: CONSENTED }, told: GOES_ON_PAID, after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'one that is canceled runs to its end, and is not converted in spite of card and consent',
    begin: async (workspace) => {
      await workspace.storeCard(undefined, CONSENT);
      expect(await workspace.post('/trial/cancel')).toMatchObject({ status: 'canceled' });
    },
    before: { ...RUNNING, trial: { status: 'canceled', consent_time: null } },
    ...{ after: FALLEN_BACK, charged: [] },
  },
  {
    title: 'buying another plan ends it, and nothing is converted at the end that it would have had',
    begin: async (workspace) => {
      await workspace.storeCard(undefined, CONSENT);
      await workspace.use(1);
      expect(await workspace.post('/subscription', { plan_code: 'plus' })).toMatchObject({ outcome: 'done' });
    },
    before: { plan_code: 'plus', trial_remaining: 0, trial: { status: 'ended', plan_code: 'pro' } },
    after: {
      ...{ plan_code: 'plus', subscription: { status: 'active', plan_code: 'plus' } },
      ...{ trial_remaining: 0, included_remaining: 20 * CREDIT, payg_remaining: 7 * CREDIT },
    },
    charged: [14_900],
  },
];

/** A trial that was played. */
interface Played extends Ending {
  readonly workspace: StoryWorkspace;
  readonly seenBefore: StoryState;
}

let stage: StoryStage;
const played = new Map<string, Played>();

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.stop());

test('trials begin, their administrators are told before they end, and time passes', async () => {
  const running: (Ending & { readonly workspace: StoryWorkspace })[] = [];
  for (const ending of ENDINGS) running.push({ ...ending, workspace: await beginTrial(ending) });
  await stage.advance((TRIAL_DAYS - 2) * DAY_MS);
  for (const trial of running) {
    const { workspace, told } = trial;
    if (told !== undefined) await expect.poll(() => mailsTo(workspace)).toHaveLength(1);
    played.set(trial.title, { ...trial, seenBefore: await workspace.state() });
  }
  await stage.advance(3 * DAY_MS);
  await stage.passDue(...running.map(({ workspace }) => workspace.tenantId));
}, 180_000);

async function beginTrial({ begin }: Ending): Promise<StoryWorkspace> {
  const workspace = await StoryWorkspace.make(stage);
  await workspace.grantPayg(7 * CREDIT);
  await workspace.expectState({ ...RUNNING, trial: { ...NO_CONSENT, granted_microcredits: 5 * CREDIT } });
  await begin(workspace);
  return workspace;
}

/** What the administrator was told of the trial. */
function mailsTo({ emails }: StoryWorkspace): readonly string[] {
  const own = stage.mails.taken.filter(({ to }) => to.includes(emails[0] ?? ''));
  return own.map(({ mail }) => mail.text ?? '').filter((text) => text.includes('The trial of'));
}

function find(title: string): Played {
  const found = played.get(title);
  if (found === undefined) throw new Error(`nothing was played that is called: ${title}`);
  return found;
}

describe('a trial', () => {
  test.each(ENDINGS.map((ending) => [ending.title, ending] as const))('%s', async (title, ending) => {
    const { before, told, after, charged } = ending;
    const { workspace, seenBefore } = find(title);
    expect(seenBefore).toMatchObject(before);
    expect(await workspace.state()).toMatchObject(after);
    expect(await workspace.charged()).toEqual(charged);
    expect(mailsTo(workspace)).toEqual(told === undefined ? [] : [expect.stringContaining(told)]);
    const live = (await workspace.statesAtStripe()).filter((state) => state !== 'canceled');
    expect(live).toEqual(charged.length === 0 ? [] : ['active']);
    await workspace.expectSound();
  });

  test('is not had twice, or converted once it is over', async () => {
    for (const { title } of ENDINGS) {
      const { workspace } = find(title);
      expect(await workspace.refused('/trial', { plan_code: 'pro' })).toMatchObject({ status: 409 });
      expect(await workspace.refused('/subscription/convert-trial-now')).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
      expect(await workspace.refused('/trial/cancel')).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
      await workspace.expectSound();
    }
  });

  test('whose card was declined leaves the plan to be bought on a page', async () => {
    const { workspace } = find(
      'with consent and a card that is declined it ends in the free plan, and nothing is owed',
    );
    const asked = await workspace.post('/subscription', { plan_code: 'pro', hosted_page: true });
    expect(await sendCard(String(asked['action_url']))).toMatchObject({ status: 303 });
    await workspace.expectState({ plan_code: 'pro', trial_remaining: 0, included_remaining: 5 * CREDIT });
    expect(await workspace.charged()).toEqual([4_900]);
    await workspace.expectSound();
  });
});
