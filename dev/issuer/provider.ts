/**
 * Owns: how the local issuer follows OpenID Connect: its clients, claims, audiences and lifetimes, in oidc-provider's terms.
 * Does not own: the server it runs in (`issuer.ts`) and the page on which people sign in (`sign-in-page.ts`).
 * Invariants: authorization code with PKCE is the only flow; whoever signs in is asked who they are each time; nobody is
 * asked for a consent; an access token is for one product.
 */
import { randomBytes } from 'node:crypto';
import {
  type ClientMetadata,
  type Configuration,
  errors,
  interactionPolicy,
  type KoaContextWithOIDC,
  Provider,
  type ResourceServer,
} from 'oidc-provider';
import { MemoryAdapter } from './memory-adapter.ts';
import type { Person } from './person.ts';
import { SIGNING_ALGORITHM, type SigningKey } from './signing-key.ts';

/** Is where the keys are: where BFFs look for them without being told. */
const JWKS_PATH = '/.well-known/jwks.json';
/** Is where people sign in. */
export const SIGN_IN_PATH = '/sign-in';
/** Is the client of scripts on this machine; it comes back to any port of the loopback interface. */
export const SCRIPT_CLIENT = { clientId: 'wheelhouse-script', redirectUri: 'http://127.0.0.1/callback' } as const;

const AUDIENCE_PREFIX = 'wheelhouse:';
const ACCESS_TOKEN_SECONDS = 60 * 60;
const SIGN_IN_SECONDS = 10 * 60;
const CODE_SECONDS = 60;
const OIDC_SCOPE = 'openid email profile';

/** Is a BFF that people sign in to. */
export interface BffClient {
  readonly clientId: string;
  readonly redirectUri: string;
}

/** Says what a provider knows. */
export interface ProviderOptions {
  readonly url: string;
  readonly key: SigningKey;
  readonly bffs: readonly BffClient[];
  readonly productCodes: readonly string[];
  /** Finds a person who has signed in. */
  readonly findBySubject: (subject: string) => Person | undefined;
}

/** Returns the audience of access tokens for a product's API. */
export function toAudience(productCode: string): string {
  return `${AUDIENCE_PREFIX}${productCode}`;
}

/** Builds the provider. */
export function createProvider(options: ProviderOptions): Provider {
  return new Provider(options.url, toConfiguration(options));
}

function toConfiguration({ key, bffs, productCodes, findBySubject }: ProviderOptions): Configuration {
  const { kid, alg, use } = key.publicJwk;
  return {
    adapter: MemoryAdapter,
    clients: [...bffs.map(toBffClient), toScriptClient()],
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM, token_endpoint_auth_method: 'none' },
    // The types of the key's parts are the package's own.
    jwks: { keys: [{ ...key.privateJwk, kid, alg, use }] } as NonNullable<Configuration['jwks']>,
    // What it signs with these lives no longer than itself.
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    routes: { jwks: JWKS_PATH },
    ttl: {
      AccessToken: ACCESS_TOKEN_SECONDS,
      AuthorizationCode: CODE_SECONDS,
      Grant: ACCESS_TOKEN_SECONDS,
      IdToken: ACCESS_TOKEN_SECONDS,
      Interaction: SIGN_IN_SECONDS,
      Session: ACCESS_TOKEN_SECONDS,
    },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => toResourceServer(resource, productCodes),
      },
    },
    interactions: { policy: askEachTime(), url: (_context, { uid }) => `${SIGN_IN_PATH}/${uid}` },
    findAccount: (_context, subject) => {
      const person = findBySubject(subject);
      return person && { accountId: subject, claims: () => ({ sub: subject, ...toClaims(person) }) };
    },
    extraTokenClaims: (_context, token) => {
      const person = 'accountId' in token && token.accountId ? findBySubject(token.accountId) : undefined;
      return person && toClaims(person);
    },
    loadExistingGrant: grantAll,
  };
}

/** Returns what the issuer says of a person. */
export function toClaims({ email, name }: Person): { email: string; email_verified: true; name: string } {
  return { email, email_verified: true, name };
}

function toBffClient({ clientId, redirectUri }: BffClient): ClientMetadata {
  return {
    client_id: clientId,
    redirect_uris: [redirectUri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  };
}

function toScriptClient(): ClientMetadata {
  const { clientId, redirectUri } = SCRIPT_CLIENT;
  return { ...toBffClient({ clientId, redirectUri }), application_type: 'native' };
}

function toResourceServer(resource: string, productCodes: readonly string[]): ResourceServer {
  if (!productCodes.some((code) => toAudience(code) === resource)) throw new errors.InvalidTarget();
  return {
    scope: '',
    audience: resource,
    accessTokenTTL: ACCESS_TOKEN_SECONDS,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: SIGNING_ALGORITHM } },
  };
}

/** Whoever tries the demo changes from one person to another, so nobody stays signed in here. */
function askEachTime() {
  const policy = interactionPolicy.base();
  policy.remove('consent');
  const isUnanswered = (context: KoaContextWithOIDC): boolean => context.oidc.result?.login === undefined;
  policy.get('login')?.checks.add(new interactionPolicy.Check('who', 'a person must be chosen', isUnanswered));
  return policy;
}

async function grantAll(context: KoaContextWithOIDC) {
  const { client, session, params, provider } = context.oidc;
  const { clientId } = client ?? {};
  const { accountId } = session ?? {};
  if (clientId === undefined || accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope(OIDC_SCOPE);
  const resource = params?.['resource'];
  if (typeof resource === 'string') grant.addResourceScope(resource, '');
  await grant.save();
  return grant;
}
