// Owns which kernel is asked first about a tenant. It only makes things faster: any kernel answers correctly.

import { createHash } from 'node:crypto';

/**
 * Orders kernel addresses by preference for a key, by rendezvous hashing: the SHA-256 of `address` newline `key`, highest
 * first. All who use the same addresses agree without talking to each other, and when a kernel goes away only its own
 * tenants move.
 */
export function rankByRendezvous(addresses: readonly string[], key: string): readonly string[] {
  if (addresses.length < 2) {
    return addresses;
  }
  return addresses
    .map((address) => ({ address, score: createHash('sha256').update(`${address}\n${key}`).digest() }))
    .sort((left, right) => Buffer.compare(right.score, left.score))
    .map(({ address }) => address);
}
