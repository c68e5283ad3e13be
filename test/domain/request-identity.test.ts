import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  computeFingerprint,
  isSameRequest,
  type Operation,
  openingKey,
  type PersonalInput,
  requestIdOf,
  requestKey,
  sealPersonalText,
} from '../../kernel/app/ledger/request-identity.ts';
import type { Entry, PersonalText } from '../../kernel/domain/entry.ts';
import type { Fingerprint, IdempotencyKey, TenantId } from '../../kernel/domain/id.ts';
import { roundCount } from '../support/round-count.ts';
import { accountAfter, debit, entryOf, giveGrant, START, TENANT } from './support/command.ts';

const numRuns = roundCount(300, 20_000);
const OPERATIONS: readonly Operation[] = ['debit', 'grant', 'adjust'];
type Fields = Parameters<typeof computeFingerprint>[0];

/** What a credential's scope and name look like; neither holds a colon. */
const scopes = fc.stringMatching(/^(bff|internal|sysadmin)\/[a-z0-9][a-z0-9._-]{0,30}$/);
/** Ids as the contract lets them through; colons are frequent, since they are what a key is made of. */
const requestIds = fc.oneof(fc.stringMatching(/^[A-Za-z0-9._:-]{1,40}$/), fc.stringMatching(/^[a:]{1,8}$/));

describe('the key of a request', () => {
  it('leads back to the request id, colons and all', () => {
    fc.assert(
      fc.property(scopes, fc.constantFrom(...OPERATIONS), requestIds, (scope, operation, id) => {
        expect(requestIdOf(requestKey(scope, operation, id))).toBe(id);
      }),
      { numRuns },
    );
  });

  it.each(['a', ':', '::', ':a', 'a:', 'a:b:c', 'req:x:debit:1', 'debit:1', 'expire:grt_1'])(
    'leads back to %s',
    (id) => {
      expect(requestIdOf(requestKey('internal/workflow-engine', 'debit', id))).toBe(id);
    },
  );

  it('is another for another caller, operation or id', () => {
    const requests = fc.record({ scope: scopes, operation: fc.constantFrom(...OPERATIONS), id: requestIds });
    const short = fc.record({
      scope: fc.constantFrom('internal/a', 'internal/a-debit', 'internal/b'),
      operation: fc.constantFrom(...OPERATIONS),
      id: fc.constantFrom('1', ':1', 'debit:1', 'grant:1', 'a:debit:1'),
    });
    const pairs = fc.oneof(fc.tuple(requests, requests), fc.tuple(short, short));
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const same = a.scope === b.scope && a.operation === b.operation && a.id === b.id;
        expect(requestKey(a.scope, a.operation, a.id) === requestKey(b.scope, b.operation, b.id)).toBe(same);
      }),
      { numRuns },
    );
  });

  it('is never one of the kernel’s own, whatever the caller calls itself and its request', () => {
    fc.assert(
      fc.property(scopes, fc.constantFrom(...OPERATIONS), requestIds, (scope, operation, id) => {
        expect(requestKey(scope, operation, id)).toMatch(/^req:/);
      }),
      { numRuns: 50 },
    );
    for (const key of [
      openingKey(TENANT),
      openingKey('req:a:debit:1' as TenantId),
      'expire:grt_1',
      'start:grt_1',
      'expire',
    ]) {
      expect(key.startsWith('req:')).toBe(false);
      expect(requestIdOf(key as IdempotencyKey)).toBeUndefined();
    }
  });
});

describe('a fingerprint', () => {
  const debitFields: Fields = [
    'debit',
    'workflow.step.execute',
    '1.5',
    'prj_1',
    undefined,
    undefined,
    undefined,
    false,
  ];

  it('is the same for the same fields, and says its version', () => {
    expect(computeFingerprint(debitFields)).toBe(computeFingerprint([...debitFields]));
    expect(computeFingerprint(debitFields)).toMatch(/^1:[\w-]{22}$/);
  });

  it('is the same for ever: a retry can come from a newer release', () => {
    expect(computeFingerprint(debitFields)).toBe('1:6D1oQb0dlO_pzZHMHZOkZG');
    expect(computeFingerprint(['grant', 'payg', 10n, 1_767_225_600_000, undefined, 'usr_1'])).toBe(
      '1:aFROXIR-NOFwhzNUpphQZu',
    );
  });

  it('is another where any field is another, is missing or stands elsewhere', () => {
    const field = fc.oneof(
      fc.constantFrom<string | boolean | number | bigint | undefined>(
        undefined,
        '',
        'a',
        'b',
        'null',
        '"',
        ',',
        true,
        false,
        0,
        1,
        2n,
      ),
      fc.string(),
    );
    const fieldLists = fc.array(field, { minLength: 1, maxLength: 4 });
    // A bigint is written as a string, and a field is always of one type.
    const plain = (fields: readonly unknown[]) =>
      JSON.stringify(fields.map((value) => (typeof value === 'bigint' ? `${value}` : (value ?? null))));
    fc.assert(
      fc.property(fieldLists, fieldLists, (a, b) => {
        expect(computeFingerprint(a) === computeFingerprint(b)).toBe(plain(a) === plain(b));
      }),
      { numRuns },
    );
  });

  it.each<[string, number, Fields[number]]>([
    ['action', 1, 'memory_extract_bulk'],
    ['quantity', 2, '1.6'],
    ['project', 3, 'prj_2'],
    ['no project', 3, undefined],
    ['workflow', 4, 'prj_1'],
    ['run', 5, 'run_1'],
    ['run status', 6, 'failed'],
    ['work that is done', 7, true],
  ])('of a debit differs by %s', (_what, index, value) => {
    const changed = debitFields.with(index, value);
    expect(computeFingerprint(changed)).not.toBe(computeFingerprint(debitFields));
  });

  it('tells a value from the same value in the next field', () => {
    expect(computeFingerprint(['debit', 'a', undefined])).not.toBe(computeFingerprint(['debit', undefined, 'a']));
    expect(computeFingerprint(['ab', 'c'])).not.toBe(computeFingerprint(['a', 'bc']));
  });
});

describe('personal text', () => {
  const salts = () => {
    let drawn = 0;
    return () => `salt-${++drawn}`;
  };

  it('is sealed with a salt and digest that tell nothing of it', () => {
    const sealed = sealPersonalText({ reason: 'for Ada' }, () => 'salt');
    expect(sealed).toMatchObject({ salt: 'salt', reason: 'for Ada', digest: expect.stringMatching(/^[\w-]{43}$/) });
    expect(sealPersonalText({ reason: 'for Ada' }, () => 'other')?.digest).not.toBe(sealed?.digest);
  });

  it('has the same digest for ever', () => {
    const text = { reason: 'for Ada', dimensions: { team: 'a', region: 'eu' } };
    expect(sealPersonalText(text, () => 'c2FsdA')?.digest).toBe('ZgbpuMQVrnMcr39cZJO4t31obQKsznLvKj6Rf5iB8ao');
  });

  it('is absent where there is none, and draws no salt then', () => {
    const salt = () => {
      throw new Error('a salt was drawn for nothing');
    };
    expect(sealPersonalText({}, salt)).toBeUndefined();
    expect(sealPersonalText({ dimensions: {} }, salt)).toBeUndefined();
  });

  it('has one form for "no dimensions"', () => {
    const draw = salts();
    expect(sealPersonalText({ reason: 'r', dimensions: {} }, draw)).not.toHaveProperty('dimensions');
    expect(sealPersonalText({ reason: 'r', dimensions: {} }, () => 's')?.digest).toBe(
      sealPersonalText({ reason: 'r' }, () => 's')?.digest,
    );
  });

  it.each<[string, PersonalInput, PersonalInput]>([
    ['another reason', { reason: 'a' }, { reason: 'b' }],
    ['another value', { dimensions: { a: '1' } }, { dimensions: { a: '2' } }],
    ['another name', { dimensions: { a: '1' } }, { dimensions: { b: '1' } }],
    ['one dimension more', { dimensions: { a: '1' } }, { dimensions: { a: '1', b: '2' } }],
    ['values that changed places', { dimensions: { a: '1', b: '2' } }, { dimensions: { a: '2', b: '1' } }],
    ['a name that took some of the value', { dimensions: { a: 'bc' } }, { dimensions: { ab: 'c' } }],
    ['a reason in place of a dimension', { reason: 'a' }, { dimensions: { a: '' } }],
  ])('has another digest with %s', (_what, a, b) => {
    expect(sealPersonalText(a, () => 's')?.digest).not.toBe(sealPersonalText(b, () => 's')?.digest);
  });
});

describe('a retry', () => {
  const funded = accountAfter(giveGrant('a', 100n));
  const FINGERPRINT = '1:f' as Fingerprint;
  const draw = (() => {
    let drawn = 0;
    return () => `salt-${++drawn}`;
  })();
  const entryWith = (personal: PersonalText | undefined): Entry => {
    const command = debit('1', { fingerprint: FINGERPRINT, ...(personal === undefined ? {} : { personal }) });
    return entryOf(funded, START, command, 'debited');
  };
  /** A request that is sent again draws another salt. */
  const sealed = (input: PersonalInput) => sealPersonalText(input, draw);
  const redacted = (personal: PersonalText | undefined): PersonalText | undefined =>
    personal === undefined ? undefined : { digest: personal.digest };
  const inputs: fc.Arbitrary<PersonalInput> = fc.record(
    {
      reason: fc.constantFrom('a', 'b', 'goodwill'),
      dimensions: fc.dictionary(
        fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'),
        fc.constantFrom('1', '2', ''),
        { maxKeys: 3 },
      ),
    },
    { requiredKeys: [] },
  );
  /** One spelling for one content. */
  const contentOf = ({ reason, dimensions }: PersonalInput) =>
    JSON.stringify([reason ?? null, Object.entries(dimensions ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))]);

  it('is the same request where fingerprint and text are the same, though its salt is another', () => {
    fc.assert(
      fc.property(inputs, inputs, (first, second) => {
        const same = isSameRequest(entryWith(sealed(first)), FINGERPRINT, sealed(second));
        expect(same).toBe(contentOf(first) === contentOf(second));
      }),
      { numRuns },
    );
  });

  it('may name its dimensions in any order', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z0-9_.]{1,6}$/), fc.string({ minLength: 1 }), { maxKeys: 8 }),
        fc.nat(),
        (dimensions, seed) => {
          const entries = Object.entries(dimensions);
          const turned = entries.map((_, index) => entries[(index + seed) % entries.length] ?? ['', '']).toReversed();
          const again = sealed({ dimensions: Object.fromEntries(turned) });
          expect(isSameRequest(entryWith(sealed({ dimensions })), FINGERPRINT, again)).toBe(true);
        },
      ),
      { numRuns },
    );
  });

  it('with another fingerprint, or none of its own in the history, is another request', () => {
    const entry = entryWith(undefined);
    expect(isSameRequest(entry, '1:other' as Fingerprint, undefined)).toBe(false);
    expect(isSameRequest(entry, '2:f' as Fingerprint, undefined)).toBe(false);
    const { fingerprint: _, ...effect } = entry;
    expect(isSameRequest(effect as Entry, FINGERPRINT, undefined)).toBe(false);
  });

  it('of an effect of the kernel’s own needs no fingerprint: its key says it all', () => {
    expect(isSameRequest(entryWith(sealed({ reason: 'a' })), undefined, undefined)).toBe(true);
  });

  it('still is the same request after text and salt were removed', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(isSameRequest(entryWith(redacted(sealed(input))), FINGERPRINT, sealed(input))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is told apart after a redaction by its fingerprint, and by having text at all', () => {
    const entry = entryWith(redacted(sealed({ reason: 'a' })));
    expect(isSameRequest(entry, '1:other' as Fingerprint, sealed({ reason: 'a' }))).toBe(false);
    expect(isSameRequest(entry, FINGERPRINT, undefined)).toBe(false);
    expect(isSameRequest(entryWith(undefined), FINGERPRINT, sealed({ reason: 'a' }))).toBe(false);
  });
});
