import { describe, expect, it } from 'vitest';
import type { DevFile } from '../../dev/dev-file.ts';
import type { RunningStack } from '../../dev/stack.ts';
import { describeStack } from '../../dev/summary.ts';

const tokens = { tenant_admin: 'a', project_contributor: 'b', project_viewer: 'c' };
const dev: DevFile = {
  mongo: { engine: 'external', uri: 'mongodb://me:secret@db.example.com/wheelhouse' },
  kernel: { grpc: '127.0.0.1:1', http: 'http://127.0.0.1:2', tokens: { internal: 'i', sysadmin: 's', bff: {} } },
  stripe: { kind: 'sandbox', url: 'http://127.0.0.1:5', secret_key: 'sk_test_secret', webhook_secret: 'whsec_secret' },
  products: { agentruntime: { bff: 'http://127.0.0.1:3', tenant_id: 'ten_1', tokens } },
};
const stack: RunningStack = {
  dev,
  engine: {
    kind: 'external',
    description: 'MONGODB_URI (db.example.com)',
    uri: dev.mongo.uri,
    own: undefined,
    stop: () => Promise.resolve(),
  },
  issuer: { url: 'http://127.0.0.1:4', mint: () => Promise.resolve(''), stop: () => Promise.resolve() },
};

describe('what a start prints', () => {
  it('names the default folder by a path that works where the stack was started', () => {
    const text = describeStack(stack, { home: '/repo/.wheelhouse', isHomeChosen: false, directory: '/repo' });
    expect(text).toContain(`require('./.wheelhouse/dev.json').products.agentruntime.tokens.project_contributor`);
    expect(text).toContain('\n  npm run demo:debit\n');
    expect(text).toContain('logs in ./.wheelhouse/logs');
  });

  it('names another folder in full, and says it to the commands that need it', () => {
    const text = describeStack(stack, { home: '/data/my stack', isHomeChosen: true, directory: '/repo' });
    expect(text).toContain(`require('/data/my stack/dev.json')`);
    expect(text).toContain(`\n  WHEELHOUSE_HOME='/data/my stack' npm run demo:debit\n`);
  });

  it('shows no secret', () => {
    const text = describeStack(stack, { home: '/repo/.wheelhouse', isHomeChosen: false, directory: '/repo' });
    expect(text).toContain('MongoDB       MONGODB_URI (db.example.com)');
    expect(text).toContain('Stripe        sandbox on http://127.0.0.1:5');
    expect(text).not.toContain('secret');
    const own = describeStack(
      { ...stack, dev: { ...dev, stripe: { kind: 'account' } } },
      { home: '/repo/.wheelhouse', isHomeChosen: false, directory: '/repo' },
    );
    expect(own).toContain('Stripe        your account (STRIPE_SECRET_KEY)');
  });
});
