/**
 * Owns: the local identity issuer: an HTTP server with a discovery document and a key set, and the tokens it signs.
 * Does not own: people and their passwords; there are none here, whoever runs the stack mints what they need.
 * Invariant: it listens on the loopback interface only.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { SignJWT } from 'jose';
import { LOOPBACK } from '../port.ts';
import type { Role } from '../product.ts';
import { StackError, toMessage } from '../stack-error.ts';
import { SIGNING_ALGORITHM, type SigningKey } from './signing-key.ts';

const JWKS_PATH = '/.well-known/jwks.json';
const DISCOVERY_PATH = '/.well-known/openid-configuration';
const LIFETIME_SECONDS_DEFAULT = 30 * 24 * 60 * 60;

/** Says whom a token is for. */
export interface TokenSubject {
  readonly productCode: string;
  /** Is the person's id, `usr_` and a UUIDv7. */
  readonly userId: string;
  readonly email: string;
  /** Is the workspace that the token is for, with the person's role in it; absent for someone who has none yet. */
  readonly membership?: { readonly tenantId: string; readonly role: Role };
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

/** Starts the issuer; port 0 means any free one. Throws StackError when it can't listen there. */
export async function startIssuer(key: SigningKey, port: number): Promise<Issuer> {
  const server = createServer();
  const listeningPort = await listen(server, port);
  const url = `http://${LOOPBACK}:${listeningPort}`;
  const documents = toDocuments(url, key);
  server.on('request', (request, response) => answer(documents, request, response));
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

function toDocuments(url: string, key: SigningKey): ReadonlyMap<string, string> {
  const discovery = {
    issuer: url,
    jwks_uri: `${url}${JWKS_PATH}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
  };
  return new Map([
    [DISCOVERY_PATH, JSON.stringify(discovery)],
    [JWKS_PATH, JSON.stringify({ keys: [key.publicJwk] })],
  ]);
}

function answer(documents: ReadonlyMap<string, string>, request: IncomingMessage, response: ServerResponse): void {
  const document = documents.get(new URL(request.url ?? '/', 'http://issuer').pathname);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (document === undefined || !isRead) {
    response.writeHead(document === undefined ? 404 : 405, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`The local issuer has only ${[...documents.keys()].join(' and ')}.\n`);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' });
  response.end(document);
}

async function mintToken(key: SigningKey, issuer: string, subject: TokenSubject): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const { membership } = subject;
  const claims = {
    email: subject.email,
    ...(membership && { wheelhouse_tenant_id: membership.tenantId, wheelhouse_role: membership.role }),
  };
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: SIGNING_ALGORITHM, kid: key.keyId, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(`wheelhouse:${subject.productCode}`)
    .setSubject(subject.userId)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + (subject.lifetimeSeconds ?? LIFETIME_SECONDS_DEFAULT))
    .sign(key.privateKey);
}
