// Owns serving the Console: its document at the address of each of its pages, and the files that the document needs.
// Does not own what is in them (console/), or who may see what: the API says that to every call of theirs.
// Invariants: what is served is read once, at the start; the document runs no script and takes no style but our own files and what
// bears the nonce of this very answer, and speaks to nobody but this deployment.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Request, Response } from 'express';
import type { BrowserSessions } from './browser-session/browser-session.ts';
import { PAGE_PATHS } from './console/page-path.ts';
import { html } from './html.ts';
import type { Handler, PathMethod } from './path-table.ts';

/** Says which Console is served, and what it is told of its deployment. */
export interface ConsoleOptions {
  /** Is where the bundle lies. */
  readonly folder: string;
  /** Is the name of the product, as people know it. */
  readonly productName: string;
  /** Is where people reach sales; absent where there is no such address. */
  readonly contactSalesUrl?: string | undefined;
}

/** Is the document of the bundle. */
export const CONSOLE_DOCUMENT = 'index.html';

/** Are addresses that people type, and those of the pages that they mean. */
const REDIRECTS: readonly (readonly [path: string, target: string])[] = [
  ['/settings', PAGE_PATHS.billing],
  ['/settings/', PAGE_PATHS.billing],
  ...Object.values(PAGE_PATHS)
    .filter((path) => path !== PAGE_PATHS.home)
    .map((path) => [`${path}/`, path] as const),
];
/** Are of others than the Console's pages: a program is answered there even where it says that it reads pages. */
const OTHER_FOLDERS: ReadonlySet<string> = new Set(['v1', 'auth', 'docs', 'assets']);

const NONCE_BYTES = 18;
const ASSET_FOLDER = 'assets';
/** The names of these files have the digest of their content in them. */
const FOR_EVER = 'public, max-age=31536000, immutable';
const FOR_A_DAY = 'public, max-age=86400';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** By which a file may be sent smaller, the best first, and how the build has named what it made. */
const ENCODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

/** Is what a Console answers. */
export interface ConsoleParts {
  readonly paths: readonly PathMethod[];
  /** Answers whoever typed an address that is none, so that they see that in words, and a way back. */
  readonly missingPage: Handler;
}

/** Builds what is answered. Throws where the bundle is not whole. */
export function createConsole(options: ConsoleOptions, sessions: BrowserSessions): ConsoleParts {
  const { folder } = options;
  const template = fillIn(readFileSync(join(folder, CONSOLE_DOCUMENT), 'utf8'), options);
  const show = async (request: Request, response: Response): Promise<void> => {
    // So the page need not ask, to be refused, before it shows the way to sign in.
    const session = await sessions.find(request);
    sendDocument(response, template.replaceAll('%session%', session === undefined ? 'none' : 'open'));
  };
  const pages = Object.values(PAGE_PATHS).map((path): PathMethod => ({ method: 'GET', path, handle: show }));
  const assets = readdirSync(join(folder, ASSET_FOLDER)).filter((name) => extname(name) in CONTENT_TYPES);
  return {
    paths: [
      ...pages,
      ...REDIRECTS.map(toRedirect),
      ...assets.map((name) => toFilePath(folder, `${ASSET_FOLDER}/${name}`, FOR_EVER)),
      toFilePath(folder, 'icon.svg', FOR_A_DAY),
    ],
    missingPage: async (request, response) => {
      response.statusCode = 404;
      await show(request, response);
    },
  };
}

/** Says whether somebody has typed an address, or followed a link, rather than called the API or asked for a file. */
export function isPageRequest({ method, path, headers }: Request): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && headers.accept?.includes('text/html') === true && !OTHER_FOLDERS.has(path.split('/')[1] ?? '');
}

/** Where another address than that of a page is typed for it. What it asks for goes along. */
function toRedirect([path, target]: readonly [path: string, target: string]): PathMethod {
  return {
    method: 'GET',
    path,
    handle: (request, response) => {
      const question = request.originalUrl.indexOf('?');
      response.statusCode = 302;
      response.setHeader('Location', question < 0 ? target : `${target}${request.originalUrl.slice(question)}`);
      response.end();
      return Promise.resolve();
    },
  };
}

function fillIn(template: string, { productName, contactSalesUrl }: ConsoleOptions): string {
  return template
    .replaceAll('%product_name%', html`${productName}`.markup)
    .replaceAll('%contact_sales%', html`${contactSalesUrl ?? ''}`.markup);
}

function sendDocument(response: Response, template: string): void {
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  const bytes = Buffer.from(template.replaceAll('%nonce%', nonce));
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.setHeader('Content-Security-Policy', toPolicy(nonce));
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Content-Length', bytes.byteLength);
  response.end(bytes);
}

function toPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    // Components make styles of their own while the page runs, which bear the nonce.
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

interface Variant {
  readonly encoding: string | undefined;
  readonly bytes: Buffer;
}

function toFilePath(folder: string, name: string, cacheControl: string): PathMethod {
  const file = join(folder, name);
  const plain: Variant = { encoding: undefined, bytes: readFileSync(file) };
  const smaller = ENCODINGS.flatMap(({ name: encoding, suffix }): Variant[] =>
    existsSync(file + suffix) ? [{ encoding, bytes: readFileSync(file + suffix) }] : [],
  );
  return {
    method: 'GET',
    path: `/${name}`,
    handle: (request, response) => {
      const accepted = request.acceptsEncodings(smaller.flatMap(({ encoding }) => encoding ?? []));
      const { encoding, bytes } = smaller.find((variant) => variant.encoding === accepted) ?? plain;
      response.setHeader('Content-Type', CONTENT_TYPES[extname(name)] ?? 'application/octet-stream');
      response.setHeader('Cache-Control', cacheControl);
      response.setHeader('Vary', 'Accept-Encoding');
      if (encoding !== undefined) response.setHeader('Content-Encoding', encoding);
      response.setHeader('Content-Length', bytes.byteLength);
      response.end(bytes);
      return Promise.resolve();
    },
  };
}
