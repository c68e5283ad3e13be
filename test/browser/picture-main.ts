/**
 * Owns: `npm run pictures`: the pictures of the Console in docs/picture, taken of the whole running stack after some weeks of work.
 * Does not own: what is on them. With a folder as its argument it takes them there, in both schemes and on a phone, too.
 */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
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
  ['alerts', PAGE_PATHS.alerts],
  ['workspace', PAGE_PATHS.workspace],
  ['activity', PAGE_PATHS.activity],
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
  const { page } = visitor;
  if (album.isWhole) await takeWayIn(visitor);
  await visitor.signIn('grace@example.com');
  await take(visitor, 'onboarding');
  await visitor.createWorkspace('Grace Computing');
  await page.getByText('Trial, 14 days left').waitFor();
  if (album.isWhole) await takeTrial(visitor);
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByText('100 credits').click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  const payment = await visitor.openPaymentPage();
  await payWith(payment, CARDS.good);
  await page.getByText('100 credits added').waitFor();
  await payment.close();
  await visitor.open(PAGE_PATHS.plans);
  await page.getByRole('button', { name: 'Subscribe: Plus' }).click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await payWith(page, CARDS.good);
  await page.getByText('Active', { exact: true }).waitFor();
  await work(await visitor.workspaceId(), await makeProjects(visitor, ['Research', 'Support']));
  await setUp(visitor);
}

/** Makes projects, and returns their ids. */
async function makeProjects(visitor: Visitor, names: readonly string[]): Promise<readonly string[]> {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.people);
  for (const name of names) {
    await page.getByRole('button', { name: 'New project' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('cell', { name, exact: true }).waitFor();
  }
  const path = `/v1/workspaces/${await visitor.workspaceId()}/projects`;
  const { projects } = await visitor.ask<{ projects: readonly { project_id: string }[] }>(path);
  return projects.map(({ project_id: id }) => id);
}

/** Somebody is invited, programs get a token, and alerts are set. */
async function setUp(visitor: Visitor): Promise<void> {
  const { page } = visitor;
  const dialog = page.getByRole('dialog');
  await visitor.open(PAGE_PATHS.people);
  await page.getByRole('button', { name: 'Invite' }).click();
  await dialog.getByLabel('Email address').fill('alan@example.com');
  await dialog.getByLabel('Administrator').check();
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await page.getByRole('cell', { name: 'alan@example.com', exact: true }).waitFor();
  await visitor.open(PAGE_PATHS.tokens);
  await page.getByRole('button', { name: 'New token' }).click();
  await dialog.getByLabel('Name').fill('nightly report');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await visitor.open(PAGE_PATHS.alerts);
  await page.getByLabel('When fewer credits are left than').fill('20');
  await page.getByRole('button', { name: 'Add threshold' }).click();
  await page.getByText('Below 20 credits').waitFor();
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  await dialog.getByLabel('Address').fill(`http://127.0.0.1:${await listenForEvents()}/hook`);
  await dialog.getByLabel('Description').fill('pager of the night shift');
  await dialog.getByRole('button', { name: 'Add endpoint' }).click();
  await dialog.getByText(/^whsec_/).waitFor();
  if (album.isWhole) await take(visitor, 'secret');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: /^Actions/ }).click();
  await page.getByRole('menuitem', { name: 'Send a test event' }).click();
  await page.getByText('Delivered', { exact: true }).waitFor();
}

/** Takes events, and lets the program end. Returns its port. */
async function listenForEvents(): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(204).end())
    .listen(0, '127.0.0.1')
    .unref();
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The server listens at no port.');
  return address.port;
}

/** What somebody sees before they are in. */
async function takeWayIn(visitor: Visitor): Promise<void> {
  await visitor.page.goto(stage.urlOf(PRODUCT));
  await visitor.page.getByRole('link', { name: 'Sign in' }).waitFor();
  await take(visitor, 'sign-in');
  await visitor.page.goto(`${stage.urlOf(PRODUCT)}/accept-invitation`);
  await take(visitor, 'invitation');
}

async function takeTrial(visitor: Visitor): Promise<void> {
  const { page } = visitor;
  await take(visitor, 'trial');
  await takeDialog(visitor, 'continue-trial', PAGE_PATHS.billing, 'Continue after trial');
  await takeDialog(visitor, 'end-trial', PAGE_PATHS.billing, 'End trial');
  for (const [name, path] of [
    ['usage-empty', PAGE_PATHS.usage],
    ['analytics-empty', PAGE_PATHS.analytics],
    ['tokens-empty', PAGE_PATHS.tokens],
    ['alerts-empty', PAGE_PATHS.alerts],
  ] as const) {
    await visitor.open(path);
    await take(visitor, name);
  }
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: /^Switch workspace/ }).click();
  await page.getByRole('menuitem').first().waitFor();
  await take(visitor, 'switcher');
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem').first().waitFor();
  await take(visitor, 'account');
  await visitor.open(PAGE_PATHS.billing);
}

/** Opens a dialog by its button, and takes it. */
async function takeDialog(visitor: Visitor, name: string, path: string, button: string | RegExp): Promise<void> {
  await visitor.open(path);
  await visitor.page.getByRole('button', { name: button }).first().click();
  await visitor.page.getByRole('dialog').waitFor();
  await take(visitor, name);
}

async function work(tenantId: string, projects: readonly string[]): Promise<void> {
  const [research, support] = projects;
  if (research === undefined || support === undefined) throw new Error('The work has no projects.');
  for (let day = 0; day < WORK_DAYS; day += 1) {
    const runs = 1 + ((day * 5) % 4);
    for (let run = 0; run < runs; run += 1) {
      await stage.debit({ tenantId, projectId: day % 3 === 0 ? research : support, ...toStep(day, run) });
    }
    await stage.debit({
      requestId: `picture-${day}-file`,
      tenantId,
      action: 'memory_index_file_mb',
      quantity: `${0.25 + (day % 5) / 10}`,
      projectId: research,
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
  await takeDialog(visitor, 'cancel', PAGE_PATHS.billing, 'Cancel plan');
  await takeDialog(visitor, 'auto-top-up', PAGE_PATHS.billing, 'Set up');
  await takeDialog(visitor, 'invite', PAGE_PATHS.people, 'Invite');
  await takeDialog(visitor, 'project', PAGE_PATHS.people, 'New project');
  await takeDialog(visitor, 'token', PAGE_PATHS.tokens, 'New token');
  await takeDialog(visitor, 'revoke', PAGE_PATHS.tokens, /^Revoke/);
  await takeDialog(visitor, 'endpoint', PAGE_PATHS.alerts, 'Add endpoint');
  await takeDialog(visitor, 'close', PAGE_PATHS.workspace, 'Close workspace');
  await visitor.open(PAGE_PATHS.workspace);
  await page.getByRole('textbox', { name: 'Short name' }).fill('computing');
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.getByRole('dialog').waitFor();
  await take(visitor, 'short-name');
  await visitor.open(PAGE_PATHS.people);
  await page.getByRole('button', { name: 'Actions: Research' }).click();
  await page.getByRole('menuitem', { name: 'Archive' }).click();
  await page.getByRole('dialog').waitFor();
  await take(visitor, 'archive');
  await visitor.open(`${PAGE_PATHS.usage}?tab=prices`);
  await take(visitor, 'prices');
  await visitor.open(`${PAGE_PATHS.usage}?tab=codes`);
  await take(visitor, 'codes');
  await page.setViewportSize(VIEWPORTS.phone);
  await page.getByRole('button', { name: 'Open navigation' }).click();
  await page.screenshot({ path: join(album.folder, 'navigation-phone.png') });
  await page.setViewportSize(VIEWPORTS.wide);
  await takeFailure(visitor);
}

/** A renewal that the bank declines, and a service that stands still. */
async function takeFailure(visitor: Visitor): Promise<void> {
  await visitor.storeCard(CARDS.declinedLater);
  await stage.advance('22d');
  await visitor.open(PAGE_PATHS.billing);
  await visitor.page.getByText('Your last payment failed').waitFor();
  await take(visitor, 'past-due');
  await visitor.open(PAGE_PATHS.people);
  const goOn = await stage.pauseKernel();
  try {
    await visitor.page.getByRole('link', { name: 'Plans' }).click();
    await visitor.page.getByRole('button', { name: 'Try again' }).first().waitFor({ timeout: 60_000 });
    await take(visitor, 'problem');
  } finally {
    goOn();
  }
}
