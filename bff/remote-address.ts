// Owns how the address that a request came from is told to the kernel, for the log of a workspace.

import { isIP, isIPv4 } from 'node:net';

const MAPPED_PREFIX = '::ffff:';

/**
 * Reads an address; undefined for what is none, as a proxy may send. An IPv4 address that came over an IPv6 socket is told as
 * what it is, and the zone of a link-local one, which means something on its own machine only, is left out.
 */
export function toRemoteAddress(text: string | undefined): string | undefined {
  const [address = ''] = (text ?? '').split('%');
  if (isIP(address) === 0) return undefined;
  const mapped = address.toLowerCase().startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : '';
  return isIPv4(mapped) ? mapped : address;
}
