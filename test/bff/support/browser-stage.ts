// Owns the stage of the tests of browser sessions: the local issuer itself, a peer in the place of the kernel, and BFFs that
// browsers sign in to. One for each test file.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { BrowserSessionConfig, Config, ConsoleConfig } from '../../../bff/config.ts';
import { type RunningBff, startBff } from '../../../bff/main.ts';
import { Browser, locationOf } from '../../../dev/issuer/browser.ts';
import { type Issuer, startIssuer } from '../../../dev/issuer/issuer.ts';
import { passSignInPage } from '../../../dev/issuer/sign-in.ts';
import { loadSigningKey } from '../../../dev/issuer/signing-key.ts';
import { findFreePort } from '../../../dev/port.ts';
import { GetMeResponse } from '../../../gen/wheelhouse/tenant/v1/user_service.ts';
import { fetchDocumented } from '../../support/documented-answer.ts';
import { TENANT_ID } from './issuer-peer.ts';
import { KernelPeer } from './kernel-peer.ts';
import { KERNEL_TOKEN, PRODUCT_CODE } from './stage.ts';

/** Is a person whose subject can't travel as metadata. */
export const ODD_PERSON = { subject: 'two words', email: 'odd@example.com', name: 'Odd' };

/** Makes a key of sessions. */
export const createKey = (): Uint8Array => randomBytes(32);

/** What differs from the stage's own BFF. */
export interface BffChanges {
  readonly productCode?: string;
  readonly browserSession?: Partial<BrowserSessionConfig>;
  readonly issuer?: string;
  readonly console?: ConsoleConfig;
}

/** All that stands on the stage. */
export class BrowserStage {
  readonly issuer: Issuer;
  readonly kernel: KernelPeer;
  readonly key: Uint8Array;
  readonly url: string;
  readonly logLines: string[] = [];
  readonly #endings: (() => Promise<unknown>)[] = [];

  private constructor(issuer: Issuer, kernel: KernelPeer, url: string) {
    this.issuer = issuer;
    this.kernel = kernel;
    this.url = url;
    this.key = createKey();
  }

  /** Sets the stage. */
  static async set(): Promise<BrowserStage> {
    const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-browser-'));
    const url = `http://127.0.0.1:${await findFreePort()}`;
    const issuer = await startIssuer(await loadSigningKey(join(folder, 'key.json')), 0, {
      people: [ODD_PERSON],
      bffs: [{ clientId: 'wheelhouse-bff', redirectUri: `${url}/auth/callback` }],
    });
    const kernel = new KernelPeer();
    await kernel.start();
    const stage = new BrowserStage(issuer, kernel, url);
    stage.#endings.push(
      () => rm(folder, { recursive: true }),
      () => issuer.stop(),
    );
    await stage.startBff({}, Number(new URL(url).port));
    stage.reset();
    return stage;
  }

  /** Starts another BFF on the stage; whoever signs in still comes back to the first one. */
  async startBff({ browserSession, ...changes }: BffChanges, port = 0): Promise<RunningBff> {
    const issuer = changes.issuer ?? this.issuer.url;
    const productCode = changes.productCode ?? PRODUCT_CODE;
    const config: Config = {
      productCode,
      httpAddress: { host: '127.0.0.1', port },
      kernelAddresses: [this.kernel.address],
      kernelToken: KERNEL_TOKEN,
      issuer,
      jwksUri: new URL(`${issuer}/.well-known/jwks.json`),
      audience: `wheelhouse:${productCode}`,
      trustedProxies: [],
      corsOrigins: [],
      rateLimits: { perAddress: 0, perCaller: 0 },
      connectionsMax: 10_000,
      arrivalTimeoutMs: 15_000,
      browserSession: {
        clientId: 'wheelhouse-bff',
        publicUrl: new URL(this.url),
        keys: [this.key],
        ...browserSession,
      },
      ...(changes.console && { console: changes.console }),
      logLevel: 'debug',
      requestTimeoutMs: 5_000,
      drainNoticeMs: 0,
    };
    const logger = pino({ level: 'debug' }, { write: (line: string) => this.logLines.push(line) });
    const bff = await startBff(config, logger);
    this.#endings.push(() => bff.stop());
    return bff;
  }

  /** Forgets what was asked, and lets the kernel know who is signed in. */
  reset(): void {
    this.kernel.reset();
    this.kernel.answers.getMe = () =>
      GetMeResponse.fromPartial({ user: { userId: 'usr_1', createTime: new Date(0) }, byAccessToken: false });
    this.logLines.length = 0;
  }

  /** Signs somebody in. Returns the browser, and what the BFF answered last. */
  async signIn(email = 'ada@example.com', query = ''): Promise<{ browser: Browser; answer: Response }> {
    const browser = new Browser((url, options) => fetchDocumented(url, options, { anyProblem: true }));
    const start = locationOf(await browser.send(`${this.url}/auth/login${query}`));
    const callback = await passSignInPage(browser, start, email);
    return { browser, answer: await browser.send(callback) };
  }

  /** Reads the CSRF token of a browser's session. */
  async loadCsrfToken(browser: Browser): Promise<string> {
    const me: unknown = await (await browser.send(`${this.url}/v1/me`)).json();
    const token = typeof me === 'object' && me !== null && 'csrf_token' in me ? me.csrf_token : undefined;
    if (typeof token !== 'string') throw new Error(`no CSRF token but ${JSON.stringify(me)}`);
    return token;
  }

  /** Clears the stage. */
  async clear(): Promise<void> {
    for (const end of this.#endings.reverse()) await end();
    this.kernel.stop();
  }
}

/** Is the name of the session's cookie on this stage. */
export const SESSION_COOKIE = `wheelhouse_${PRODUCT_CODE}`;
/** Is the name of the cookie of a sign-in that has begun. */
export const SIGN_IN_COOKIE = `wheelhouse_${PRODUCT_CODE}_sign_in`;
/** Is the host of everything on this stage. */
export const HOST = '127.0.0.1';
/** Is a workspace to write to. */
export const MEMBERS_PATH = `/v1/workspaces/${TENANT_ID}/members/usr_2`;
