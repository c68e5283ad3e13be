// Owns handing mails to a mail server by SMTP: the only importer of nodemailer. Does not own what is sent, when, or how often.
// Invariants: outside of this machine a mail goes over TLS or not at all; no attempt waits for ever; neither files nor URLs are
// read for a mail.

import { createTransport } from 'nodemailer';
import { MailFailure, type MailTransport, type OutgoingMail } from '../app/mail/ports.ts';

const CONNECTION_TIMEOUT_MS = 10_000;
const GREETING_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 20_000;
/** As many as mails are sent at once. */
const CONNECTIONS_MAX = 8;
const SMTPS_PORT = 465;
const SUBMISSION_PORT = 587;
const LOOPBACK = /^(127\.[0-9.]+|localhost|\[::1\])$/;
const DETAIL_LENGTH_MAX = 250;
/** From here on a server says that it will never take the mail as it is. */
const PERMANENT_CODE_MIN = 500;

/** How mail goes out. */
export interface SmtpSettings {
  /** `smtp://` or `smtps://`, with user and password where the server asks for them. */
  readonly url: string;
  /** The sender, as a mail's header has it. */
  readonly from: string;
  /** How long sending one mail may take in all, in milliseconds. */
  readonly timeoutMs: number;
}

/** Builds a transport; it connects when the first mail is sent. */
export function createSmtpTransport({ url, from, timeoutMs }: SmtpSettings): MailTransport {
  let pool = openPool(url);
  return {
    send: async (mail) => {
      const timeout = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        // A server that goes on and on may keep that connection; others get new ones.
        pool.close();
        pool = openPool(url);
        timeout.reject(new Error(`no end within ${timeoutMs} ms`));
      }, timeoutMs);
      try {
        await Promise.race([pool.sendMail({ ...toMessage(mail), from }), timeout.promise]);
      } catch (error) {
        throw toFailure(error);
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => pool.close(),
  };
}

function openPool(url: string) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const isSecure = protocol === 'smtps:';
  const portDefault = isSecure ? SMTPS_PORT : SUBMISSION_PORT;
  const isHere = LOOPBACK.test(hostname);
  return createTransport({
    pool: true,
    maxConnections: CONNECTIONS_MAX,
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: port === '' ? portDefault : Number(port),
    secure: isSecure,
    // What is in a mail opens a workspace: it is for nobody on the way.
    requireTLS: !(isSecure || isHere),
    ignoreTLS: isHere && !isSecure,
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    dnsTimeout: CONNECTION_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function toMessage({ messageId, to, subject, text, html }: OutgoingMail) {
  // As an object, so that an address is never read as several.
  return {
    ...{ messageId, to: { name: '', address: to }, subject, text, html },
    // Says to programs that answer by themselves not to.
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

function toFailure(error: unknown): MailFailure {
  const { code, responseCode, response } = error instanceof Error ? readFailure(error) : {};
  // A server that refuses the mail itself or who gets it; one that refuses us may be told otherwise by an operator.
  const isFinal = (responseCode ?? 0) >= PERMANENT_CODE_MIN && (code === 'EENVELOPE' || code === 'EMESSAGE');
  const answer = responseCode === undefined ? 'could not be reached or broke off' : `answered ${responseCode}`;
  const detail = (response ?? (error instanceof Error ? error.message : String(error))).slice(0, DETAIL_LENGTH_MAX);
  return new MailFailure(`the mail server ${answer} (${code ?? 'no code'})`, { isFinal, detail });
}

function readFailure(error: Error): {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
} {
  const code: unknown = Reflect.get(error, 'code');
  const responseCode: unknown = Reflect.get(error, 'responseCode');
  const response: unknown = Reflect.get(error, 'response');
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof responseCode === 'number' ? { responseCode } : {}),
    ...(typeof response === 'string' ? { response } : {}),
  };
}
