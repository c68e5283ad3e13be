// What the check makes of `npm audit`: vulnerabilities that count fail it, a registry that can't be asked is said out loud.

import { expect, test } from 'vitest';
import { judgeAudit } from '../../dev/check/dependency-audit.ts';

const report = (vulnerabilities: object, counts: object): string =>
  `npm warn something\n${JSON.stringify({ auditReportVersion: 2, vulnerabilities, metadata: { vulnerabilities: counts } }, null, 2)}`;

test('a high or critical vulnerability fails, with its name, cause and address', () => {
  const via = [{ title: 'Prototype pollution', url: 'https://example.com/GHSA-1' }, 'deeper'];
  const outcome = judgeAudit(
    report({ bad: { severity: 'high', via }, other: { severity: 'low', via: [] } }, { total: 2 }),
  );
  expect(outcome).toMatchObject({ kind: 'failed' });
  expect(outcome).toHaveProperty(
    'detail',
    expect.stringContaining('bad (high): Prototype pollution https://example.com/GHSA-1; by deeper'),
  );
  expect(outcome).not.toHaveProperty('detail', expect.stringContaining('other'));
});

test('a lesser one is told, and none passes', () => {
  const lesser = judgeAudit(report({ a: { severity: 'moderate', via: [] } }, { moderate: 1, high: 0, total: 1 }));
  expect(lesser).toEqual({ kind: 'passed', summary: 'no high or critical vulnerability; 1 moderate' });
  expect(judgeAudit(report({}, { total: 0 }))).toEqual({ kind: 'passed', summary: 'no known vulnerability' });
});

test('a registry that has no such endpoint, or is out of reach, is said and fails nothing', () => {
  const message = '405 Method Not Allowed - POST https://registry.example/-/npm/v1/security/advisories/bulk';
  for (const output of [JSON.stringify({ message, statusCode: 405 }, null, 2), `npm error ${message}`]) {
    expect(judgeAudit(output)).toMatchObject({ kind: 'skipped', reason: expect.stringContaining(message) });
  }
});
