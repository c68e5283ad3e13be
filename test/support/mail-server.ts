// A real SMTP server of a test's own: it takes mails, refuses them at one step or another, or says nothing.

import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

/** What the server does with a mail. */
export type Behaviour =
  | { readonly kind: 'take' }
  /** Refuses with a code, at the recipient or at the end of the mail. */
  | { readonly kind: 'refuse'; readonly step: 'recipient' | 'data'; readonly code: number; readonly words?: string }
  /** Takes the mail, and never says so. */
  | { readonly kind: 'hang' };

/** A mail that the server took. */
export interface TakenMail {
  readonly to: readonly string[];
  readonly mail: Email;
  /** As it came over the wire. */
  readonly source: string;
}

/** A mail server that runs. */
export interface MailServer {
  readonly url: string;
  readonly taken: readonly TakenMail[];
  /** How often a mail was begun. */
  readonly attempts: () => number;
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

/** Starts a server on a free port of this machine. */
export async function startMailServer(): Promise<MailServer> {
  const taken: TakenMail[] = [];
  let attempts = 0;
  let behaviour: Behaviour = { kind: 'take' };
  const refusal = (step: string): Error | undefined => {
    if (behaviour.kind !== 'refuse' || behaviour.step !== step) return undefined;
    return Object.assign(new Error(behaviour.words ?? 'no'), { responseCode: behaviour.code });
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onRcptTo: (_address, _session, done) => {
      attempts += 1;
      done(refusal('recipient'));
    },
    onData: (stream, session, done) => {
      void buffer(stream).then(async (bytes) => {
        const refused = refusal('data');
        if (refused !== undefined) return done(refused);
        const to = session.envelope.rcptTo.map(({ address }) => address);
        taken.push({ to, mail: await PostalMime.parse(bytes), source: bytes.toString() });
        return behaviour.kind === 'hang' ? undefined : done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // An address of TCP, since it listens on one.
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    taken,
    attempts: () => attempts,
    behave: (next) => {
      behaviour = next;
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Reads the token out of the link of a mail. */
export function tokenOf(taken: TakenMail | undefined): string {
  const [, token] = /#token=([A-Za-z0-9_-]+)/.exec(taken?.mail.text ?? '') ?? [];
  if (token === undefined) throw new Error(`no link with a token in: ${taken?.mail.text}`);
  return token;
}
