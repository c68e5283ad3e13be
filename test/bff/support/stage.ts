// Owns the stage of the BFF's tests: an issuer, a peer in the place of the kernel, and the BFF between them, all real
// processes' worth of sockets on loopback. One for each test file.

import { connect } from 'node:net';
import { type Logger, pino } from 'pino';
import type { Config } from '../../../bff/config.ts';
import { type RunningBff, startBff } from '../../../bff/main.ts';
import type { ProblemDocument } from '../../../bff/problem.ts';
import { fetchDocumented } from '../../support/documented-answer.ts';
import { IssuerPeer, TENANT_ID } from './issuer-peer.ts';
import { KernelPeer } from './kernel-peer.ts';

/** Is the product that the BFF of a stage serves. */
export const PRODUCT_CODE = 'agentruntime';
/** Is the credential that the BFF of a stage calls the kernel with. */
export const KERNEL_TOKEN = 'kernel-token-that-nobody-may-see';

/** An answer over HTTP, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Is the body as JSON; throws when it is none. */
  json(): unknown;
  /** Is the body as a problem document; throws when it is none. */
  problem(): ProblemDocument;
}

/** All that stands on the stage. */
export class Stage {
  readonly issuer: IssuerPeer;
  readonly kernel: KernelPeer;
  readonly bff: RunningBff;
  readonly config: Config;
  /** Are the lines that the BFF logged, in full detail. */
  readonly logLines: string[];

  private constructor(issuer: IssuerPeer, kernel: KernelPeer, bff: RunningBff, config: Config, logLines: string[]) {
    this.issuer = issuer;
    this.kernel = kernel;
    this.bff = bff;
    this.config = config;
    this.logLines = logLines;
  }

  /** Sets the stage. */
  static async set(changes: Partial<Config> = {}): Promise<Stage> {
    const issuer = new IssuerPeer(`wheelhouse:${PRODUCT_CODE}`);
    const kernel = new KernelPeer();
    await Promise.all([issuer.start(), kernel.start()]);
    const config: Config = {
      productCode: PRODUCT_CODE,
      httpAddress: { host: '127.0.0.1', port: 0 },
      kernelAddresses: [kernel.address],
      kernelToken: KERNEL_TOKEN,
      issuer: issuer.url,
      jwksUri: new URL(issuer.jwksUri),
      audience: `wheelhouse:${PRODUCT_CODE}`,
      trustedProxies: [],
      corsOrigins: [],
      rateLimits: { perAddress: 0, perCaller: 0 },
      connectionsMax: 10_000,
      arrivalTimeoutMs: 15_000,
      logLevel: 'debug',
      requestTimeoutMs: 5_000,
      drainNoticeMs: 0,
      ...changes,
    };
    const logLines: string[] = [];
    const bff = await startBff(config, createLogger(logLines));
    return new Stage(issuer, kernel, bff, config, logLines);
  }

  /** Clears the stage. */
  async clear(): Promise<void> {
    await this.bff.stop();
    this.kernel.stop();
    await this.issuer.stop();
  }

  get url(): string {
    return `http://${this.bff.http}`;
  }

  /**
   * Sends a request as a person who names a workspace; other header fields can be added, or `authorization` and
   * `x-workspace-id` replaced.
   */
  get(path: string, headers: Record<string, string> = {}, options: RequestInit = {}): Promise<HttpAnswer> {
    return this.getUnnamed(path, { 'x-workspace-id': TENANT_ID, ...headers }, options);
  }

  /** Sends a request as a person who names no workspace. */
  async getUnnamed(path: string, headers: Record<string, string> = {}, options: RequestInit = {}): Promise<HttpAnswer> {
    const authorization = `Bearer ${await this.issuer.sign()}`;
    return this.send(path, { ...options, headers: { authorization, ...headers } });
  }

  /** Sends JSON as a person; other header fields can be added, or `authorization` replaced. */
  write(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.getUnnamed(path, { ...type, ...headers }, { method, ...(body !== undefined && { body: text }) });
  }

  /** Sends a request as it is. */
  async send(path: string, options: RequestInit = {}): Promise<HttpAnswer> {
    const response = await fetchDocumented(`${this.url}${path}`, options, { anyProblem: true });
    return toAnswer(response.status, response.headers, await response.text());
  }

  /** Sends bytes over a socket and reads until the other side ends: for what no HTTP client would send. */
  sendRaw(text: string | Buffer, endWithinMs = 4_000): Promise<HttpAnswer> {
    const [host, port] = this.bff.http.split(':');
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(Number(port), host, () => socket.write(text));
      socket.setTimeout(endWithinMs, () => socket.destroy(new Error(`no end within ${endWithinMs} ms`)));
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', reject);
      socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks).toString())));
    });
  }
}

function createLogger(lines: string[]): Logger {
  return pino({ level: 'debug' }, { write: (line: string) => lines.push(line) });
}

function parseAnswer(text: string): HttpAnswer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [statusLine = '', ...fields] = head.split('\r\n');
  const headers = new Headers(
    fields.map((field): [string, string] => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon), field.slice(colon + 1).trim()];
    }),
  );
  return toAnswer(Number(statusLine.split(' ')[1]), headers, body.join('\r\n\r\n'));
}

function toAnswer(status: number, headers: Headers, text: string): HttpAnswer {
  return {
    status,
    headers,
    text,
    json: () => JSON.parse(text),
    problem: () => {
      if (headers.get('content-type') !== 'application/problem+json') {
        throw new Error(`no problem document but ${headers.get('content-type')}: ${text.slice(0, 200)}`);
      }
      return JSON.parse(text);
    },
  };
}
