// Owns the start and the end of a BFF process: it reads the configuration, wires the parts, listens, and drains when it is
// told to stop. Does not own what any part does.
// Invariants: what is wrong with a start is told in one message without a stack; a stop is announced before no connection is taken any
// more, and lets open requests end.

import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { Admission } from './admission.ts';
import { createApp } from './app.ts';
import { Authenticator } from './authentication.ts';
import { createAuthRoutes } from './browser-session/auth-route.ts';
import { BrowserSessions } from './browser-session/browser-session.ts';
import { SignIn } from './browser-session/sign-in.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { createConsole } from './console-host.ts';
import { announceEnd, closeGracefully, createHttpServer, listen } from './http-server.ts';
import { KernelClient } from './kernel-client.ts';
import { KeySet } from './key-set.ts';
import { createMailPages } from './mail-page/mail-page.ts';
import type { Handler, PathMethod } from './path-table.ts';
import { RateLimits } from './rate-limit.ts';
import { describeError } from './request-log.ts';
import { Health } from './routes/health.ts';
import { StreamDesk } from './stream-desk.ts';
import { WorkspaceFinder } from './workspace-finder.ts';

/** Fetching keys may take only a part of a request's time. */
const KEYS_TIMEOUT_MS_MAX = 5_000;
/** What a drain allows beyond the longest request. */
const DRAIN_MARGIN_MS = 1_000;

/** A BFF that listens. */
export interface RunningBff {
  /** Is where it listens, `host:port`. */
  readonly http: string;
  /** Ends it: open requests are answered first. */
  readonly stop: () => Promise<void>;
}

/** Wires a BFF and lets it listen. Throws when it can't listen on the configured address. */
export async function startBff(config: Config, logger: Logger): Promise<RunningBff> {
  const { productCode, requestTimeoutMs, issuer, audience } = config;
  const kernel = new KernelClient({
    addresses: config.kernelAddresses,
    token: config.kernelToken,
    authority: config.kernelAuthority,
    productCode,
  });
  const keySet = new KeySet({
    uri: config.jwksUri,
    timeoutMs: Math.min(KEYS_TIMEOUT_MS_MAX, requestTimeoutMs),
    onRefreshError: (error) => logger.warn({ error: describeError(error) }, "the issuer's keys could not be refreshed"),
  });
  const authenticator = new Authenticator({ issuer, audience, keySet });
  const { sessions, browserPaths, missingPage } = createBrowserParts(config, kernel);
  const health = new Health(kernel);
  const streams = new StreamDesk();
  const app = createApp({
    productCode,
    requestTimeoutMs,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    limits: new RateLimits(config.rateLimits),
    streams,
    kernel,
    admission: new Admission(authenticator, sessions),
    workspaces: new WorkspaceFinder(kernel),
    browserPaths,
    missingPage,
    health,
    logger,
  });
  const server = createHttpServer(app, config);
  const http = await listen(server, config.httpAddress);
  return {
    http,
    stop: async () => {
      health.startDraining();
      announceEnd(server);
      // Balancers learn of it by their checks; until then they still send requests, over new connections too.
      await delay(config.drainNoticeMs);
      streams.startDraining();
      await closeGracefully(server, requestTimeoutMs + DRAIN_MARGIN_MS);
      kernel.close();
    },
  };
}

/** Builds what browsers sign in with, where the configuration has it. */
function createBrowserParts(
  { productCode, issuer, browserSession, console }: Config,
  kernel: KernelClient,
): {
  readonly sessions: BrowserSessions | undefined;
  readonly browserPaths: readonly PathMethod[];
  readonly missingPage: Handler | undefined;
} {
  if (browserSession === undefined) return { sessions: undefined, browserPaths: [], missingPage: undefined };
  const { publicUrl } = browserSession;
  const sessions = new BrowserSessions({ productCode, issuer, ...browserSession });
  const signIn = new SignIn({ productCode, issuer, ...browserSession });
  const authRoutes = createAuthRoutes({ sessions, signIn, publicUrl });
  const mailPages = createMailPages({
    ...{ sessions, kernel, productCode, hasConsole: console !== undefined },
    productName: console?.productName ?? productCode,
  });
  const pages = console === undefined ? undefined : createConsole(console, sessions);
  return {
    sessions,
    browserPaths: [...authRoutes, ...mailPages, ...(pages?.paths ?? [])],
    missingPage: pages?.missingPage,
  };
}

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = pino({
    level: config.logLevel,
    base: { program: 'bff', productCode: config.productCode },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
  const die = (error: unknown): void => {
    logger.fatal({ error: describeError(error) }, 'the BFF failed');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);

  const bff = await startBff(config, logger);
  logger.info({ http: bff.http }, 'listening');

  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    // Ctrl-C reaches the whole group, and whoever started this process may pass it on as well: the drain is bounded.
    if (isStopping) {
      return;
    }
    isStopping = true;
    logger.info({ signal }, 'draining');
    bff.stop().then(() => {
      logger.info('stopped');
      process.exit(0);
    }, die);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Says why a start failed, in words for the person who started it. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return error.message;
  }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'listen') {
    return `The BFF can not listen: ${error.message}. Stop what uses the address, or set HTTP_ADDRESS to another one.`;
  }
  return `The BFF can not start: ${error instanceof Error ? error.message : String(error)}`;
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  });
}
