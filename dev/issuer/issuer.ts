/**
 * Owns: the local identity issuer: an OpenID Connect provider in an HTTP server, and tokens for scripts that ask it directly.
 * Does not own: how it follows the standards (`provider.ts`), and what people may do, which the kernel knows.
 * Invariant: it listens on the loopback interface only.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { SignJWT } from 'jose';
import { LOOPBACK } from '../port.ts';
import { DEMO_PRODUCTS } from '../product.ts';
import { StackError, toMessage } from '../stack-error.ts';
import type { Person } from './person.ts';
import { type BffClient, createProvider, toAudience, toClaims } from './provider.ts';
import { SignInPage } from './sign-in-page.ts';
import { SIGNING_ALGORITHM, type SigningKey } from './signing-key.ts';

const LIFETIME_SECONDS_DEFAULT = 30 * 24 * 60 * 60;

/** Says whom a token is for. */
export interface TokenSubject {
  readonly productCode: string;
  /** Is who the person is for the issuer. */
  readonly userId: string;
  readonly email: string;
  /** Is the person's name; default what stands before the @ of the address. */
  readonly name?: string;
  /** Is how long the token holds; default 30 days, below zero for one that has expired. */
  readonly lifetimeSeconds?: number;
}

/** Is an issuer that runs. */
export interface Issuer {
  readonly url: string;
  /** Signs a token. */
  mint(subject: TokenSubject): Promise<string>;
  stop(): Promise<void>;
}

/** Says whom an issuer knows. */
export interface IssuerOptions {
  /** Are the BFFs that people sign in to; default none. */
  readonly bffs?: readonly BffClient[];
  /** Are the people who are offered on the sign-in page; default none. */
  readonly people?: readonly Person[];
}

/** Starts the issuer; port 0 means any free one. Throws StackError when it can't listen there. */
export async function startIssuer(key: SigningKey, port: number, options: IssuerOptions = {}): Promise<Issuer> {
  const server = createServer();
  const listeningPort = await listen(server, port);
  const url = `http://${LOOPBACK}:${listeningPort}`;
  server.on('request', createHandler(url, key, options));
  return {
    url,
    mint: (subject) => mintToken(key, url, subject),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new StackError(`The token issuer can't listen on port ${port}: ${toMessage(error)}.`)),
    );
    server.listen({ host: LOOPBACK, port }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function createHandler(url: string, key: SigningKey, { bffs = [], people = [] }: IssuerOptions) {
  const peopleBySubject = new Map(people.map((person) => [person.subject, person]));
  const provider = createProvider({
    url,
    key,
    bffs,
    productCodes: DEMO_PRODUCTS.map(({ code }) => code),
    findBySubject: (subject) => peopleBySubject.get(subject),
  });
  const page = new SignInPage(provider, people, (person) => peopleBySubject.set(person.subject, person));
  const answerByProvider = provider.callback();
  return (request: IncomingMessage, response: ServerResponse): void => {
    const answer = SignInPage.serves(request) ? page.answer(request, response) : answerByProvider(request, response);
    answer.catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(`The local issuer failed: ${toMessage(error)}.\n`);
    });
  };
}

async function mintToken(key: SigningKey, issuer: string, subject: TokenSubject): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const { email, userId, name = email.slice(0, email.indexOf('@')) } = subject;
  return await new SignJWT(toClaims({ subject: userId, email, name }))
    .setProtectedHeader({ alg: SIGNING_ALGORITHM, kid: key.keyId, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(toAudience(subject.productCode))
    .setSubject(userId)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + (subject.lifetimeSeconds ?? LIFETIME_SECONDS_DEFAULT))
    .sign(key.privateKey);
}
