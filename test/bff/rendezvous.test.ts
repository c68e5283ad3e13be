// Which kernel is asked first: the same for all who ask, evenly shared, and moving no more than must.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankByRendezvous } from '../../clients/grpc/rendezvous.ts';

const ADDRESSES = ['10.0.0.1:50051', '10.0.0.2:50051', '10.0.0.3:50051', '10.0.0.4:50051'];
const TENANTS = Array.from({ length: 4_000 }, (_, index) => `ten_${index}`);

test('does not depend on the order of the configuration', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ADDRESSES, { minLength: 4 }), fc.string(), (addresses, key) => {
      expect(rankByRendezvous(addresses, key)).toEqual(rankByRendezvous(ADDRESSES, key));
    }),
  );
});

test('names every kernel once', () => {
  fc.assert(
    fc.property(fc.string(), (key) => {
      expect([...rankByRendezvous(ADDRESSES, key)].sort()).toEqual(ADDRESSES);
    }),
  );
});

test('shares tenants evenly', () => {
  for (const address of ADDRESSES) {
    const share = TENANTS.filter((tenant) => rankByRendezvous(ADDRESSES, tenant)[0] === address).length;
    expect(share).toBeGreaterThan(850);
    expect(share).toBeLessThan(1_150);
  }
});

test('moves only the tenants of a kernel that goes away', () => {
  const [gone, ...rest] = ADDRESSES;
  for (const tenant of TENANTS) {
    const [first] = rankByRendezvous(ADDRESSES, tenant);
    if (first !== gone) {
      expect(rankByRendezvous(rest, tenant)[0]).toBe(first);
    }
  }
});
