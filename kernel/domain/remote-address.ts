// Owns how a network address that somebody came from is written. Does not own whose word about it is believed.

/** What a socket for both families puts before an IPv4 address. */
const IPV4_MARK = /^::ffff:(?=\d+\.)/i;
/** The zone of a link-local address, which means something on its own machine only. */
const INTERFACE_NAME = /%.*$/;

/** Takes off what stands around an address. */
export function plainAddress(address: string): string {
  return address.replace(IPV4_MARK, '').replace(INTERFACE_NAME, '');
}
