// The recorded set of REST answers: what the running system once answered is still what the document says, so that whoever was
// written for it can go on; and there is one of each operation.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertDocumented, listSuccesses } from '../support/documented-answer.ts';
import { RECORD_FOLDER, type RecordedAnswer } from '../support/recorded-answer.ts';

const NAMES = (await readdir(RECORD_FOLDER)).toSorted();

test.each(NAMES)('%s', async (name) => {
  const recorded: RecordedAnswer = JSON.parse(await readFile(join(RECORD_FOLDER, name), 'utf8'));
  const { method, path, status, body } = recorded;
  const headers = new Headers({ 'x-request-id': 'recorded', etag: 'recorded', ...recorded.headers });
  headers.set('www-authenticate', 'recorded');
  const text = body === null ? '' : JSON.stringify(body);
  assertDocumented({ method, path, status, headers, text }, { isEarlier: true });
});

test('each operation that can succeed has been seen to', () => {
  const seen = new Set(NAMES);
  const successes = listSuccesses().filter(([, status]) => status !== 202);
  const missing = successes
    .map(([operation, status]) => `${operation}.${status}.json`)
    .filter((name) => !seen.has(name));
  expect(missing).toEqual([]);
});
