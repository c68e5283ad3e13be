/**
 * Owns: somebody at a browser: how they sign in, pay on the pages of the Stripe sandbox, and what their browser complains of.
 * Does not own: the stack (`console-stage.ts`).
 * Invariant: a Console that logs an error, breaks its own policy or speaks to another host is found out, whatever the test is about.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { BrowserContext, ConsoleMessage, Page, Request } from 'playwright-core';
import type { ConsoleStage } from './console-stage.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A card that is charged, and one that never is. */
export const CARDS = { good: '4242 4242 4242 4242', declined: '4000 0000 0000 0002' } as const;

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

  /** Returns the id of the workspace that the Console has chosen. */
  async workspaceId(): Promise<string> {
    const answer = await this.page.request.get(`${this.#origin}/v1/workspaces`);
    const { workspaces } = (await answer.json()) as { workspaces: { workspace_id: string }[] };
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

/** Types a card into a page of the Stripe sandbox, and pays. */
export async function payWith(page: Page, card: string): Promise<void> {
  const email = page.getByLabel('E-mail');
  if ((await email.count()) > 0) await email.fill('ada@example.com');
  await page.getByLabel('Card number').fill(card);
  await page.getByLabel('Name on card').fill('Ada');
  await page.locator('button.wide').click();
}
