import { describe, expect, it } from 'vitest';
import type { DevFile } from '../../dev/dev-file.ts';
import type { RunningStack } from '../../dev/stack.ts';
import { describeStack } from '../../dev/summary.ts';

const tokens = { tenant_admin: 'a', project_contributor: 'b', project_viewer: 'c' };
const dev: DevFile = {
  mongo: { engine: 'external', uri: 'mongodb://me:secret@db.example.com/wheelhouse' },
  kernel: { grpc: '127.0.0.1:1', http: 'http://127.0.0.1:2', tokens: { internal: 'i', sysadmin: 's', bff: {} } },
  issuer: { url: 'http://127.0.0.1:4' },
  mail: { inbox: 'http://127.0.0.1:6', smtp: 'smtp://127.0.0.1:7' },
  stripe: { kind: 'sandbox', url: 'http://127.0.0.1:5', secret_key: 'sk_test_secret', webhook_secret: 'whsec_secret' },
  products: { agentruntime: { bff: 'http://127.0.0.1:3', tenant_id: 'ten_1', tokens } },
};
const counts = (agentruntime: number, otherproduct: number) => new Map(Object.entries({ agentruntime, otherproduct }));
const stack: RunningStack = {
  dev,
  plans: { countByProduct: counts(6, 1), problems: 0 },
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
    expect(text).toContain(`\n  WHEELHOUSE_HOME='/data/my stack' npm run wheelhouse -- dev advance 32d\n`);
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
    // Which plans an account sells is not known here, and its time can't be moved.
    expect(own).not.toMatch(/plan_code|dev advance/);
  });

  it('says what an account at Stripe lacks and what to do, and nothing where it lacks nothing', () => {
    const place = { home: '/data/stack', isHomeChosen: true, directory: '/repo' };
    const describe = (agentruntime: number, otherproduct: number, problems: number) =>
      describeStack(
        {
          ...stack,
          dev: { ...dev, stripe: { kind: 'account' } },
          plans: { countByProduct: counts(agentruntime, otherproduct), problems },
        },
        place,
      );
    expect(describe(6, 1, 0)).not.toMatch(/no plan of|left out/);
    expect(describe(0, 0, 0)).toContain('Stripe (your account) has no plan of agentruntime and otherproduct: ');
    expect(describe(0, 1, 0)).toContain(
      'no plan of agentruntime: new workspaces begin on the plan free.\nGive recurring Prices the metadata product_code and ' +
        'plan_code (docs/stripe.md), or start without STRIPE_SECRET_KEY',
    );
    expect(describe(6, 1, 3)).toContain(
      `has Prices that are left out (problems: 3). This says which, and why:\n  WHEELHOUSE_HOME='/data/stack' npm run wheelhouse -- sync --dry-run`,
    );
  });
});
