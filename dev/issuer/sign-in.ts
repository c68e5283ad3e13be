/**
 * Owns: signing in at the local issuer without a screen: the whole authorization code flow with PKCE, as a program on this
 * machine does it.
 */
import {
  // biome-ignore lint/suspicious/noDeprecatedImports: marked so that it stands out; the local issuer is on loopback.
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  discovery,
  None,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { Browser, locationOf } from './browser.ts';
import { SCRIPT_CLIENT, toAudience } from './provider.ts';

/** Says who signs in, and where. */
export interface SignInOptions {
  readonly issuerUrl: string;
  readonly productCode: string;
  readonly email: string;
}

/** Signs somebody in. Returns an access token for the product's API. Throws when the issuer refuses. */
export async function signIn({ issuerUrl, productCode, email }: SignInOptions): Promise<string> {
  const { clientId, redirectUri } = SCRIPT_CLIENT;
  const configuration = await discovery(new URL(issuerUrl), clientId, undefined, None(), {
    execute: [allowInsecureRequests],
  });
  const [state, verifier] = [randomState(), randomPKCECodeVerifier()];
  const resource = toAudience(productCode);
  const start = buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid email profile',
    resource,
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const callback = await passSignInPage(new Browser(), start, email);
  const tokens = await authorizationCodeGrant(
    configuration,
    callback,
    { expectedState: state, pkceCodeVerifier: verifier, idTokenExpected: true },
    { resource },
  );
  return tokens.access_token;
}

/**
 * Goes from the issuer's authorization endpoint past its sign-in page. Returns where the issuer sends the browser back to.
 * Throws when the issuer shows something else.
 */
export async function passSignInPage(browser: Browser, start: URL, email: string): Promise<URL> {
  const page = locationOf(await browser.send(start));
  const resumption = locationOf(await browser.submit(page, { email }));
  return locationOf(await browser.send(resumption));
}
