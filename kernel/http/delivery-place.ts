// Owns how many deliveries are taken in at once, and how many of those may come from one address: before its signature is
// proven anybody may send one, and each holds its place until its body has arrived. Does not own what becomes of a delivery.
// Invariant: nobody keeps the others out from one address, behind proxies too, as long as they are named to the kernel.

import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../domain/remote-address.ts';

/** How many deliveries are taken in at once: with bodies of 1 MiB at most, 200 MiB. Beyond, Stripe is asked to come again. */
const DELIVERIES_MAX = 200;
/** How many of one address; what Stripe sends comes from a dozen of them. */
export const DELIVERIES_PER_ADDRESS_MAX = 100;

const LEADING_ZEROS = /^0+(?=.)/;
const IPV6_GROUPS = 8;
/** Who has one IPv6 address has all of its network. */
const IPV6_NETWORK_GROUPS = 4;

/** Gives out places. */
export class DeliveryPlaces {
  readonly #isProxy: (address: string) => boolean;
  readonly #taken = new Map<string, number>();
  #total = 0;

  /** @param trustedProxies Are addresses or networks, such as `10.0.0.0/8`, whose `X-Forwarded-For` is believed. */
  constructor(trustedProxies: readonly string[]) {
    this.#isProxy = matcherOf(trustedProxies);
  }

  /** Takes a place for a request; answers how to give it back, once, or undefined where there is none for its address. */
  take(request: IncomingMessage): (() => void) | undefined {
    const address = networkOf(this.#senderOf(request));
    const own = this.#taken.get(address) ?? 0;
    if (this.#total >= DELIVERIES_MAX || own >= DELIVERIES_PER_ADDRESS_MAX) return undefined;
    this.#total += 1;
    this.#taken.set(address, own + 1);
    return () => this.#leave(address);
  }

  #leave(address: string): void {
    const left = (this.#taken.get(address) ?? 0) - 1;
    this.#total -= 1;
    if (left > 0) this.#taken.set(address, left);
    else this.#taken.delete(address);
  }

  /** Goes back from the nearest hop as far as each is believed: what stands before that, the sender may have made up. */
  #senderOf({ socket, headers }: IncomingMessage): string {
    const hops = String(headers['x-forwarded-for'] ?? '').split(',');
    let sender = plainAddress(socket.remoteAddress ?? '');
    for (const hop of hops.toReversed().map((text) => plainAddress(text.trim()))) {
      if (!this.#isProxy(sender) || isIP(hop) === 0) return sender;
      sender = hop;
    }
    return sender;
  }
}

/** Says whether a text is an address or a network, such as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  try {
    matcherOf([text]);
    return true;
  } catch {
    return false;
  }
}

/** Throws Error where an entry is neither an address nor a network. */
function matcherOf(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** What counts as one address: an IPv4 address, or the network of an IPv6 address. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: Math.max(0, IPV6_GROUPS - front.length - back.length) }, () => '0');
  const groups = [...front, ...gap, ...back].map((group) => group.replace(LEADING_ZEROS, ''));
  return groups.slice(0, IPV6_NETWORK_GROUPS).join(':');
}
