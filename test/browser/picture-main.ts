/**
 * Owns: `npm run pictures`: the pictures of the Console in docs/picture, taken of the whole running stack after some weeks of work.
 * Does not own: what is on them. With a folder as its argument it takes them there, in both schemes and on a phone, too.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { stopGuard } from '../../dev/process/guard.ts';
import { REPOSITORY } from '../../dev/stack-config.ts';
import { RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { startBrowser } from '../support/browser.ts';
import { ConsoleStage } from './support/console-stage.ts';
import { CARDS, payWith, VIEWPORTS, Visitor } from './support/visitor.ts';

const PRODUCT = 'agentruntime';
const WORK_DAYS = 12;
const SETTLE_MS = 1_200;
const PICTURES = [
  ['billing', PAGE_PATHS.billing],
  ['plans', PAGE_PATHS.plans],
  ['usage', PAGE_PATHS.usage],
  ['payments', `${PAGE_PATHS.usage}?tab=payments`],
  ['analytics', PAGE_PATHS.analytics],
  ['people', PAGE_PATHS.people],
  ['tokens', PAGE_PATHS.tokens],
] as const;

interface Album {
  readonly folder: string;
  /** Says that a person wants to look at all of it, and not only show the pages. */
  readonly isWhole: boolean;
}

const [folderArgument] = process.argv.slice(2);
const album: Album = {
  folder: folderArgument === undefined ? join(REPOSITORY, 'docs/picture') : resolve(folderArgument),
  isWhole: folderArgument !== undefined,
};
const browser = await startBrowser(process.env);
if (browser === undefined) {
  console.error('Pictures need Chromium: on PATH, or named by CHROMIUM.');
  process.exit(1);
}
await mkdir(album.folder, { recursive: true });
const stage = await ConsoleStage.start(browser);
try {
  const visitor = await Visitor.arrive(stage, PRODUCT);
  await live(visitor);
  await takeAll(visitor);
  await takeDialogs(visitor);
  for (const complaint of visitor.complaints) console.error(complaint);
} finally {
  await browser.close();
  await stage.stop();
  await stopGuard();
}

/** A workspace begins, buys credits and a plan, and works for some days. */
async function live(visitor: Visitor): Promise<void> {
  const { page, context } = visitor;
  await visitor.signIn('grace@example.com');
  await take(visitor, 'onboarding');
  await page.getByLabel('Workspace name').fill('Grace Computing');
  await page.getByRole('button', { name: 'Create workspace' }).click();
  await page.getByText('Trial, 14 days left').waitFor();
  if (album.isWhole) await take(visitor, 'trial');
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByText('100 credits').click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  const [payment] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('link', { name: /^Open payment page/ }).click(),
  ]);
  await payWith(payment, CARDS.good);
  await page.getByText('100 credits added').waitFor();
  await payment.close();
  await visitor.open(PAGE_PATHS.plans);
  await page.getByRole('button', { name: 'Subscribe: Plus' }).click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await payWith(page, CARDS.good);
  await page.getByText('Active', { exact: true }).waitFor();
  await work(await visitor.workspaceId());
}

async function work(tenantId: string): Promise<void> {
  for (let day = 0; day < WORK_DAYS; day += 1) {
    const runs = 1 + ((day * 5) % 4);
    for (let run = 0; run < runs; run += 1) await stage.debit({ tenantId, ...toStep(day, run) });
    await stage.debit({
      requestId: `picture-${day}-file`,
      tenantId,
      action: 'memory_index_file_mb',
      quantity: `${0.25 + (day % 5) / 10}`,
      projectId: 'research',
      dimensions: new Map([['file', day % 2 === 0 ? 'handbook.pdf' : 'contracts.zip']]),
    });
    if (day < WORK_DAYS - 1) await stage.advance('1d');
  }
}

/** A step of a run: now and then a memory job, now and then one that fails. */
function toStep(day: number, run: number) {
  const isMemory = run % 3 === 2;
  return {
    requestId: `picture-${day}-${run}`,
    action: isMemory ? 'memory_extract_bulk' : 'workflow.step.execute',
    quantity: isMemory ? '0.25' : '0.06',
    workflowId: run % 2 === 0 ? 'nightly-report' : 'support-triage',
    projectId: day % 3 === 0 ? 'research' : 'support',
    runId: `run-${day}-${run}`,
    runStatus: (day + run) % 7 === 6 ? RunStatus.FAILED : RunStatus.SUCCEEDED,
    dimensions: new Map([['model', run % 2 === 0 ? 'large' : 'small']]),
  };
}

async function takeAll(visitor: Visitor): Promise<void> {
  const further = album.isWhole ? ([['welcome', PAGE_PATHS.welcome]] as const) : [];
  for (const [name, path] of [...PICTURES, ...further]) {
    await visitor.open(path);
    await take(visitor, name);
  }
}

/** Takes a picture: one for the documents, or one of each scheme and width. */
async function take({ page }: Visitor, name: string): Promise<void> {
  const schemes = album.isWhole ? (['light', 'dark'] as const) : (['light'] as const);
  const widths = album.isWhole ? (['wide', 'phone'] as const) : (['wide'] as const);
  for (const width of widths) {
    for (const colorScheme of schemes) {
      await page.setViewportSize(VIEWPORTS[width]);
      await page.emulateMedia({ colorScheme });
      // Charts and bars grow for a moment.
      await page.waitForTimeout(SETTLE_MS);
      const file = album.isWhole ? `${name}-${width}-${colorScheme}.png` : `${name}.png`;
      await page.screenshot({ path: join(album.folder, file), fullPage: width === 'phone' });
    }
  }
  await page.setViewportSize(VIEWPORTS.wide);
  await page.emulateMedia({ colorScheme: 'light' });
}

async function takeDialogs(visitor: Visitor): Promise<void> {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.plans);
  await page.getByRole('button', { name: 'Upgrade: Max' }).click();
  await page.getByRole('button', { name: /^Pay .* and upgrade$/ }).waitFor();
  await take(visitor, 'preview');
  await visitor.open(PAGE_PATHS.usage);
  await page
    .getByRole('button', { name: /^Explain / })
    .first()
    .click();
  await page.getByText('Paid from').waitFor();
  await take(visitor, 'explanation');
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByText('Other amount').click();
  await page.getByRole('textbox', { name: 'Credits' }).fill('25');
  await take(visitor, 'top-up');
  if (!album.isWhole) return;
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: 'Cancel plan' }).click();
  await take(visitor, 'cancel');
  await visitor.open(PAGE_PATHS.people);
  await page.getByRole('button', { name: 'Invite' }).click();
  await take(visitor, 'invite');
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: 'Set up' }).click();
  await take(visitor, 'auto-top-up');
  await visitor.open(`${PAGE_PATHS.usage}?tab=codes`);
  await take(visitor, 'codes');
}
