// What people are told of a refusal: never by which call of the API to go on, and of a bound which one it is.

import { describe, expect, it } from 'vitest';
import { ApiProblem, describeProblem } from '../../bff/console/src/api/problem.ts';

function problem(reason: string, detail: string): ApiProblem {
  return new ApiProblem({ status: 409, reason, detail, requestId: 'r' });
}

describe('what is told of a refusal', () => {
  it.each([
    ['SUBSCRIPTION_UNPAID', 'pay it first, at payment_url of GetSubscription'],
    ['SUBSCRIPTION_EXISTS', 'see ChangePlan'],
    ['SUBSCRIPTION_NOT_FOUND', 'see ActivateSubscription'],
    ['PLAN_UNCHANGED', 'see GetSubscription'],
    ['TRIAL_NOT_ACTIVE', 'see GetTrial'],
    ['STRIPE_OFF', 'set STRIPE_SECRET_KEY'],
    ['QUEUE_FULL', 'retry with the same request_id'],
  ])('%s is words for people', (reason, detail) => {
    expect(describeProblem(problem(reason, detail))).not.toMatch(/\b[A-Z][a-z]+[A-Z]|_/);
  });

  it.each(['projects', 'workspaces of your own'])('a bound of %s is told as the service says it', (what) => {
    const detail = `there are 500 ${what}, which is the most: remove one first`;
    expect(describeProblem(problem('WORKSPACE_LIMIT_REACHED', detail))).toBe(detail);
  });
});
