/**
 * Owns: the local inbox: an SMTP server that takes every mail and delivers none, and a page that shows them.
 * Does not own: what is in the mails; the kernel writes them.
 * Invariant: it listens on the loopback interface only, and no mail leaves the machine.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { html, type Markup } from '../../bff/html.ts';
import { PAGE_HEADERS, toLocalPage } from '../local-page.ts';
import { LOOPBACK } from '../port.ts';
import { StackError, toMessage } from '../stack-error.ts';
import { type Mail, MailShelf } from './mail.ts';

const MAIL_BYTES_MAX = 1_048_576;
const JSON_PATH = '/mails.json';
const REFRESH_SECONDS = 5;
/** What a mail's text has as an address to open. */
const LINK_PATTERN = /https?:\/\/[^\s<>"]+/g;

/** Says where the inbox listens; port 0 means any free one. */
export interface MailInboxPorts {
  readonly smtp: number;
  readonly http: number;
}

/** Is an inbox that runs. */
export interface MailInbox {
  /** Is where mails are sent, as a URL. */
  readonly smtpUrl: string;
  /** Is where they are shown. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the inbox. Throws StackError when it can't listen. */
export async function startMailInbox(ports: MailInboxPorts): Promise<MailInbox> {
  const shelf = new MailShelf();
  const smtp = createSmtpServer(shelf);
  const http = createServer((request, response) => answer(shelf, request, response));
  const httpPort = await listen(http, ports.http, 'The mail inbox');
  const smtpPort = await listen(smtp.server, ports.smtp, 'The mail server').catch((error: unknown) => {
    http.close();
    throw error;
  });
  return {
    smtpUrl: `smtp://${LOOPBACK}:${smtpPort}`,
    url: `http://${LOOPBACK}:${httpPort}`,
    async stop() {
      const smtpClosed = new Promise<void>((resolve) => smtp.close(resolve));
      const httpClosed = new Promise<void>((resolve) => http.close(() => resolve()));
      http.closeAllConnections();
      await Promise.all([smtpClosed, httpClosed]);
    },
  };
}

function createSmtpServer(shelf: MailShelf): SMTPServer {
  const server = new SMTPServer({
    // Plain SMTP as within one machine: nobody proves who they are, and nothing is encrypted.
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: MAIL_BYTES_MAX,
    closeTimeout: 1000,
    onData: (stream, session, done) => {
      take(shelf, stream, session).then(() => done(), done);
    },
  });
  // A client that breaks off is no concern of the stack's.
  server.on('error', () => undefined);
  return server;
}

async function take(shelf: MailShelf, stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
  const bytes = await buffer(stream);
  if (stream.sizeExceeded) throw new Error(`A mail may have at most ${MAIL_BYTES_MAX} bytes.`);
  await shelf.add(
    bytes,
    session.envelope.rcptTo.map(({ address }) => address),
  );
}

async function listen(server: NetServer, port: number, name: string): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(new StackError(`${name} can't listen on port ${port}: ${toMessage(error)}.`));
    };
    server.once('error', fail);
    server.listen({ host: LOOPBACK, port }, () => {
      server.off('error', fail);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function answer(shelf: MailShelf, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://inbox');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || (pathname !== '/' && pathname !== JSON_PATH)) {
    response.writeHead(isRead ? 404 : 405, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`The local inbox has only / and ${JSON_PATH}, to be read.\n`);
    return;
  }
  const isJson = pathname === JSON_PATH;
  response.writeHead(200, isJson ? { 'content-type': 'application/json', 'cache-control': 'no-store' } : PAGE_HEADERS);
  response.end(isJson ? JSON.stringify(shelf.list()) : toPage(shelf.list()));
}

/** Shows mails as text: their own markup would be a stranger's. */
function toPage(mails: readonly Mail[]): string {
  const articles = mails.map(
    ({ from, to, subject, text, received_time }) => html`<article>
<h2>${subject}</h2>
<p class="quiet">To ${to.join(', ')}<br>From ${from}, <time datetime="${received_time}">${toTime(received_time)}</time></p>
<pre>${toLinks(text.trim())}</pre>
</article>
`,
  );
  const none = html`<p>No mail has come since the stack was started.</p>`;
  const words = html`<p class="quiet">Every mail of the local stack, the newest first. None leaves this machine.</p>`;
  return toLocalPage('Mail inbox', html`${words}${articles.length > 0 ? articles : none}`, REFRESH_SECONDS);
}

function toTime(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
}

/** Makes the addresses in a text links, which open beside the inbox. */
function toLinks(text: string): readonly Markup[] {
  const words = text.split(LINK_PATTERN);
  const links = [...text.matchAll(LINK_PATTERN)].map(
    ([url]) => html`<a href="${url}" target="_blank" rel="noreferrer">${url}</a>`,
  );
  return words.flatMap((between, index) => [html`${between}`, ...(links[index] === undefined ? [] : [links[index]])]);
}
