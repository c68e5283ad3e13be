/**
 * Owns: somebody at a browser: how they sign in, pay on the pages of the Stripe sandbox, and what their browser complains of.
 * Does not own: the stack (`console-stage.ts`).
 * Invariant: a Console that logs an error, breaks its own policy or speaks to another host is found out, whatever the test is about.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { BrowserContext, ConsoleMessage, Page, Request, Route } from 'playwright-core';
import { PAGE_PATHS } from '../../../bff/console/page-path.ts';
import type { ConsoleStage } from './console-stage.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Are cards, by what becomes of a payment. */
export const CARDS = {
  good: '4242 4242 4242 4242',
  declined: '4000 0000 0000 0002',
  /** Can be stored, and is declined when it is charged. */
  declinedLater: '4000 0000 0000 0341',
  /** Is charged after its owner has confirmed it at their bank. */
  confirmed: '4000 0025 0000 3155',
  /** Is charged never but so. */
  alwaysConfirmed: '4000 0027 6000 3184',
} as const;

/** Is how wide a page is looked at. */
export const VIEWPORTS = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;

/** Is somebody at a browser. */
export class Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #origin: string;
  /** Are what the browser complained of, while it was at the Console. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.context = context;
    this.page = page;
    this.#origin = origin;
    page.on('console', (message) => this.#hear(message));
    page.on('pageerror', (error) => this.complaints.push(`error: ${error.message}`));
    page.on('request', (request) => this.#watch(request));
  }

  /** Opens a browser of their own at a product's Console, or another page in the browser that they have. */
  static async arrive(
    stage: ConsoleStage,
    productCode: string,
    options: { readonly colorScheme?: 'light' | 'dark'; readonly context?: BrowserContext } = {},
  ): Promise<Visitor> {
    const context =
      options.context ??
      (await stage.browser.newContext({ viewport: VIEWPORTS.wide, colorScheme: options.colorScheme ?? 'light' }));
    return new Visitor(context, await context.newPage(), new URL(stage.urlOf(productCode)).origin);
  }

  /** Signs in, from the Console's own page past that of the issuer. */
  async signIn(email: string): Promise<void> {
    const { page } = this;
    await page.goto(this.#origin);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Any other address').fill(email);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(`${this.#origin}/**`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  }

  /** Goes to a page of the Console. */
  async open(path: string): Promise<void> {
    await this.page.goto(`${this.#origin}${path}`);
    await this.page.getByRole('heading', { level: 1 }).waitFor();
  }

  /** Makes a workspace, on the page that whoever has none is led to. */
  async createWorkspace(name: string): Promise<void> {
    await this.page.getByLabel('Workspace name').fill(name);
    await this.page.getByRole('button', { name: 'Create workspace' }).click();
    await this.page.getByRole('heading', { level: 1, name: 'Billing' }).waitFor();
  }

  /** Buys a plan on its payment page, with a good card. */
  async subscribe(plan: string): Promise<void> {
    const { page } = this;
    await this.open(PAGE_PATHS.plans);
    await page.getByRole('button', { name: `Subscribe: ${plan}` }).click();
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await page.getByLabel('Card number').waitFor();
    await payWith(page, CARDS.good);
    await page.getByText('Active', { exact: true }).waitFor();
  }

  /** Stores a card, on the page that is for it, and makes it the one that is charged. */
  async storeCard(card: string): Promise<void> {
    const { page } = this;
    await this.open(PAGE_PATHS.billing);
    await page.getByRole('button', { name: /^Add (?:another )?card$/ }).click();
    await page.getByLabel('Card number').waitFor();
    await payWith(page, card);
    const complete = page.getByRole('button', { name: 'Complete authentication' });
    const stored = page.getByText(`•••• ${card.slice(-4)}`);
    await complete.or(stored).first().waitFor();
    if (await complete.isVisible()) await complete.click();
    const row = page.getByRole('listitem').filter({ has: stored });
    await row.waitFor();
    const choose = row.getByRole('button', { name: 'Make default' });
    if (await choose.isVisible()) await choose.click();
    await row.getByText('Default', { exact: true }).waitFor();
  }

  /** Returns how many credits the page says are available. */
  async available(): Promise<string | null> {
    return await this.page.getByTestId('available').textContent();
  }

  /** Goes on with a purchase on its page, in a tab of its own. */
  async openPaymentPage(): Promise<Page> {
    const [payment] = await Promise.all([
      this.context.waitForEvent('page'),
      this.page.getByRole('link', { name: /^Open payment page/ }).click(),
    ]);
    await payment.getByLabel('Card number').waitFor();
    return payment;
  }

  /** Asks the API, as the Console does; a person of one workspace need not name it. */
  async ask<Answer>(path: string): Promise<Answer> {
    const answer = await this.page.request.get(`${this.#origin}${path}`);
    // Whoever asks names the shape of which the document of the API says that it is the answer.
    return (await answer.json()) as Answer;
  }

  /** Returns the id of the workspace that the Console has chosen. */
  async workspaceId(): Promise<string> {
    const { workspaces } = await this.ask<{ workspaces: { workspace_id: string }[] }>('/v1/workspaces');
    const [first] = workspaces;
    if (first === undefined) throw new Error('The visitor has no workspace.');
    return first.workspace_id;
  }

  /** Returns what axe finds wrong with the page as it is now, a line for each. */
  async findBarriers(): Promise<readonly string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
    return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ html }) => html).join(', ')})`);
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  #hear(message: ConsoleMessage): void {
    if (!message.location().url.startsWith(this.#origin)) return;
    if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
  }

  #watch(request: Request): void {
    const isOurs = request.frame().url().startsWith(this.#origin);
    const isForeign = new URL(request.url()).origin !== this.#origin && !request.url().startsWith('blob:');
    if (isOurs && isForeign && !request.isNavigationRequest()) this.complaints.push(`asked ${request.url()}`);
  }
}

/** Lets requests go on after a while only, as on a slow line. */
export async function continueLater(route: Route, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await route.continue();
}

/** Types a card into a page of the Stripe sandbox, and pays. */
export async function payWith(page: Page, card: string): Promise<void> {
  const email = page.getByLabel('E-mail');
  if ((await email.count()) > 0) await email.fill('ada@example.com');
  await page.getByLabel('Card number').fill(card);
  await page.getByLabel('Name on card').fill('Ada');
  await page.locator('button.wide').click();
}
