// Owns where alerts may be sent: to addresses of the public internet by TLS, and for development to this machine. Does not own sending.
// Invariant: the addresses that are answered to whoever connects are the very ones that were judged: a name is not looked up again.

import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from './public-address.ts';

/** Why nothing is sent to an address without TLS. */
export const NOT_TLS = 'it is not https';

const BRACKETS = /^\[|\]$/g;

/** Looks up all addresses of a name; throws the system's error where there is none. */
export type Resolve = (name: string, options: LookupAllOptions) => Promise<readonly LookupAddress[]>;

/** Says where alerts may be sent. */
export interface TargetRules {
  readonly resolve: Resolve;
  /** Lets them be sent to this machine too, also without TLS: for development and tests alone. */
  readonly allowsLoopback: boolean;
}

/** Says that nothing is sent to a target, and why, in one sentence. */
export class ForbiddenTarget extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForbiddenTarget';
  }
}

/**
 * Answers the addresses that a host may be reached at. Throws ForbiddenTarget where one of its addresses is not public, and the
 * system's error where the name can't be looked up.
 */
export async function findTargets(url: URL, rules: TargetRules): Promise<readonly LookupAddress[]> {
  // Whatever form an address was written in, here it stands in its usual one.
  const host = url.hostname.replaceAll(BRACKETS, '');
  const family = isIP(host);
  const addresses = family === 0 ? await rules.resolve(host, { all: true }) : [{ address: host, family }];
  const forbidden = addresses.find(({ address }) => !isAllowed(address, rules));
  if (forbidden !== undefined) {
    const what = family === 0 ? `${host} leads to ${forbidden.address}, which` : host;
    throw new ForbiddenTarget(`${what} is no public address`);
  }
  if (addresses.length === 0) throw new Error(`${host} has no address`);
  const isLoopback = addresses.every(({ address }) => isLoopbackAddress(address));
  if (url.protocol !== 'https:' && !(rules.allowsLoopback && url.protocol === 'http:' && isLoopback)) {
    throw new ForbiddenTarget(NOT_TLS);
  }
  return addresses;
}

/** Makes a look-up for a connection that answers these addresses, whatever it is asked for. */
export function pinLookup(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, { all, family }, answer) => {
    const wanted = family === 4 || family === 6 ? addresses.filter((found) => found.family === family) : addresses;
    const [first] = wanted;
    if (all === true) answer(null, [...wanted]);
    else if (first !== undefined) answer(null, first.address, first.family);
    else answer(new Error('the host has no address of that family'), '', 0);
  };
}

function isAllowed(address: string, { allowsLoopback }: TargetRules): boolean {
  return isPublicAddress(address) || (allowsLoopback && isLoopbackAddress(address));
}
