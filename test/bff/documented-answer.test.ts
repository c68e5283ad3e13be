// That an answer which is not what the document says is noticed, whatever is wrong with it.

import { describe, expect, test } from 'vitest';
import { assertDocumented, type SeenAnswer } from '../support/documented-answer.ts';

const BALANCE = {
  ...{ trial_remaining: 0, included_remaining: 0, payg_remaining: 5, held: 0, available: 5, deficit: 0 },
};
const PROBLEM = {
  ...{ type: 'https://wheelhouse.dev/errors/ROLE_REQUIRED', title: 'Role required', status: 403, detail: 'No.' },
  ...{ instance: 'req-1', reason: 'ROLE_REQUIRED' },
};

function answer(body: unknown, changes: Partial<SeenAnswer> = {}, headers: Record<string, string> = {}): SeenAnswer {
  const sent = { 'x-request-id': 'req-1', 'content-type': 'application/json; charset=utf-8', ...headers };
  const text = body === undefined ? '' : JSON.stringify(body);
  return { method: 'GET', path: '/v1/billing/usage', status: 200, headers: new Headers(sent), text, ...changes };
}

const asProblem = { 'content-type': 'application/problem+json' };

test('what is documented passes', () => {
  assertDocumented(answer(BALANCE));
  assertDocumented(answer(BALANCE, { method: 'HEAD', text: '' }));
  assertDocumented(answer(PROBLEM, { status: 403 }, asProblem));
});

describe('what is not documented is named', () => {
  const { deficit: _deficit, ...incomplete } = BALANCE;
  test.each([
    ['a field is missing', answer(incomplete), "must have required property 'deficit'"],
    ['a field too many', answer({ ...BALANCE, more: 1 }), '"additionalProperty":"more"'],
    ['another type', answer({ ...BALANCE, held: '0' }), '/held must be integer'],
    ['no whole number', answer({ ...BALANCE, held: 0.5 }), '/held must be integer'],
    ['a status', answer(BALANCE, { status: 202 }), 'the status 202 is not documented'],
    ['a media type', answer(BALANCE, {}, { 'content-type': 'text/html' }), 'the media type text/html'],
    [
      'a header field',
      answer(BALANCE, { headers: new Headers({ 'content-type': 'application/json' }) }),
      'X-Request-Id',
    ],
    ['a path', answer(BALANCE, { path: '/v1/billing/nothing' }), 'there is no such operation'],
    [
      'a reason of other operations',
      answer({ ...PROBLEM, reason: 'LAST_ADMIN' }, { status: 403 }, asProblem),
      '/reason must be equal to one of the allowed values',
    ],
    ['a problem as JSON', answer(PROBLEM, { status: 403 }), 'the media type application/json'],
    [
      'a body of what is gone',
      answer({}, { method: 'DELETE', path: '/v1/tokens/pat_1', status: 204 }),
      'there is a body',
    ],
  ])('%s', (_name, seen, words) => {
    expect(() => assertDocumented(seen)).toThrow(words);
  });
});

test('a stand-in for the kernel may refuse anything, but in the form of a problem', () => {
  const refused = answer({ ...PROBLEM, reason: 'OF_TOMORROW' }, { status: 418 }, asProblem);
  assertDocumented(refused, { anyProblem: true });
  expect(() => assertDocumented(refused)).toThrow('the status 418');
  const { detail: _detail, ...formless } = PROBLEM;
  expect(() => assertDocumented(answer(formless, { status: 403 }, asProblem), { anyProblem: true })).toThrow('detail');
});

test('an answer of an earlier release may lack what came since, and have nothing that is gone', () => {
  const { deficit: _deficit, ...earlier } = BALANCE;
  assertDocumented(answer(earlier), { isEarlier: true });
  expect(() => assertDocumented(answer({ ...earlier, gone: 1 }), { isEarlier: true })).toThrow('gone');
});
