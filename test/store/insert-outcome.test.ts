// What the driver throws, as it was seen: shapes that no engine can be made to answer everywhere.

import { mongo } from 'mongoose';
import { describe, expect, test } from 'vitest';
import { outcomesOfInsertError } from '../../kernel/store/ledger/insert-outcome.ts';

interface Answer {
  readonly inserted: number;
  readonly writeErrors?: readonly { readonly index: number; readonly code: number }[];
  readonly isConcernMet?: boolean;
}

/** The error of an unordered insert. Beside a write-concern error its own list of write errors is empty. */
function bulkError({ inserted, writeErrors = [], isConcernMet = true }: Answer): Error {
  const result = {
    insertedCount: inserted,
    getWriteErrors: () => writeErrors.map((error) => ({ ...error, errmsg: 'refused' })),
    getWriteConcernError: () => (isConcernMet ? undefined : { code: 64, errmsg: 'waiting for replication timed out' }),
  };
  return Object.assign(Object.create(mongo.MongoBulkWriteError.prototype), { result, writeErrors: [] });
}

const kindsOf = (thrown: unknown, count: number) => outcomesOfInsertError(thrown, count).map(({ kind }) => kind);

describe('an insert that threw', () => {
  test('with an empty list of write errors is read by its result: the duplicate is one, nothing else is proven', () => {
    const thrown = bulkError({ inserted: 1, writeErrors: [{ index: 0, code: 11_000 }], isConcernMet: false });
    expect(kindsOf(thrown, 2)).toEqual(['duplicate', 'unknown']);
  });

  test('proves what its reply counts, where every write was majority and journal', () => {
    const thrown = bulkError({ inserted: 2, writeErrors: [{ index: 1, code: 11_000 }] });
    expect(kindsOf(thrown, 3)).toEqual(['acknowledged', 'duplicate', 'acknowledged']);
  });

  test('proves nothing where its reply does not account for every document', () => {
    expect(kindsOf(bulkError({ inserted: 0 }), 2)).toEqual(['unknown', 'unknown']);
    expect(kindsOf(bulkError({ inserted: 1, writeErrors: [{ index: 0, code: 11_000 }] }), 3)).toEqual([
      'duplicate',
      'unknown',
      'unknown',
    ]);
  });

  test('tells a document that can never be stored from one that failed for another reason', () => {
    const writeErrors = [
      { index: 0, code: 121 },
      { index: 1, code: 91 },
    ];
    expect(kindsOf(bulkError({ inserted: 0, writeErrors }), 2)).toEqual(['invalid', 'unknown']);
  });

  test('with anything else proves nothing', () => {
    expect(kindsOf(Object.assign(new Error('ended by the other party'), { code: 'EPIPE' }), 2)).toEqual([
      'unknown',
      'unknown',
    ]);
  });
});
