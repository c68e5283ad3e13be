// Owns: which folder may import which (docs/architecture names the layers; this file holds them). Each layer lists what
// it may reach; everything else is an error, so that a new folder or package is a decision and no accident.
// Does not own: unused files, exports and packages (knip.json).
// Invariant: test/check/import-rule.test.ts breaks every rule once, for values and for types alike.

/** Packages by the name that the sources import them by. */
const packages = (...names) => `^node_modules/(${names.join('|')})/`;

/** One layer: files under `from` may reach `allowed` and nothing else. */
const layer = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { pathNot: allowed },
});

/** One layer whose packages are its own affair: only its imports inside this repository are listed. */
const layerOfSources = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^(kernel|bff|clients|gen|dev|test)/', pathNot: allowed },
});

/** What an adapter fulfils: the ports of all use cases, or of one folder of them. */
const PORTS = ['^kernel/app/ports[.]ts$', '^kernel/app/[a-z-]+/ports[.]ts$'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('domain', '^kernel/domain/', ['^kernel/domain/'], 'The domain is pure: it imports itself and nothing else.'),
    layer(
      'app',
      '^kernel/app/',
      ['^kernel/(app|domain)/', packages('lru-cache'), '^crypto$'],
      'Use cases know the domain and their own ports; what needs the world is a port. lru-cache and the digests of crypto reach for nothing outside.',
    ),
    layerOfSources(
      'grpc',
      '^kernel/grpc/',
      ['^kernel/(grpc|app|domain)/', '^gen/'],
      'The gRPC adapter translates between gen/ and the use cases.',
    ),
    layerOfSources(
      'http',
      '^kernel/http/',
      ['^kernel/(http|app|domain)/', '^gen/'],
      'The HTTP adapter translates between requests and the use cases.',
    ),
    layer(
      'store',
      '^kernel/store/',
      ['^kernel/(store|domain)/', ...PORTS, packages('mongoose', 'mongodb'), '^(crypto|perf_hooks)$'],
      'The store fulfils ports with MongoDB; crypto hashes its commits, perf_hooks times the round trip to its clock.',
    ),
    layer(
      'stripe',
      '^kernel/stripe/',
      ['^kernel/(stripe|domain)/', ...PORTS, packages('stripe')],
      'The Stripe adapter fulfils ports with the Stripe SDK.',
    ),
    layer(
      'mail',
      '^kernel/mail/',
      ['^kernel/(mail|domain)/', ...PORTS, packages('nodemailer')],
      'The mail adapter fulfils its port with nodemailer.',
    ),
    layer(
      'alert',
      '^kernel/alert/',
      ['^kernel/(alert|domain)/', ...PORTS, packages('standardwebhooks'), '^(dns|dns/promises|net|http|https)$'],
      'The alert adapter fulfils its port with HTTP; it judges addresses itself, so it reaches for the network and for nothing else.',
    ),
    layer('worker', '^kernel/worker/', ['^kernel/(worker|app)/'], 'Timers call use cases; they decide nothing.'),
    layerOfSources(
      'bff',
      '^bff/(?!console/)',
      ['^bff/', '^gen/', '^clients/grpc/'],
      'A BFF speaks to the kernel over gRPC only, by what any service calls it with.',
    ),
    layerOfSources(
      'console',
      '^bff/console/',
      ['^bff/console/', '^clients/rest/'],
      'The Console runs in browsers: it knows the API by its client alone, and nothing of what serves it.',
    ),
    {
      name: 'console-by-its-addresses-only',
      severity: 'error',
      comment: 'Node runs no code of the Console: what serves it needs to know the addresses of its pages.',
      from: { pathNot: '^(bff/console|test)/' },
      to: { path: '^bff/console/', pathNot: '^bff/console/page-path[.]ts$' },
    },
    layer(
      'rest-client',
      '^clients/rest/',
      ['^clients/rest/', packages('openapi-fetch')],
      'A client is made for programs elsewhere: it knows the document of the API alone, and needs what browsers have, too.',
    ),
    layer(
      'grpc-client',
      '^clients/grpc/',
      ['^clients/grpc/', '^gen/', packages('@grpc/grpc-js', 'uuid'), '^(crypto|util|timers/promises)$'],
      'A client is made for services elsewhere: it knows the contracts alone.',
    ),
    layerOfSources('gen', '^gen/', ['^gen/'], 'Generated contracts stand alone.'),
    {
      name: 'kernel-never-bff',
      severity: 'error',
      comment: 'The kernel serves BFFs and knows none.',
      from: { path: '^kernel/' },
      to: { path: '^bff/' },
    },
    {
      name: 'mongoose-in-store-only',
      severity: 'error',
      comment: 'Only the store touches the database. The local stack and the tests may look at it directly.',
      from: { pathNot: ['^kernel/store/', '^dev/', '^test/'] },
      to: { path: packages('mongoose', 'mongodb') },
    },
    {
      name: 'stripe-in-stripe-only',
      severity: 'error',
      comment: 'Only kernel/stripe touches the Stripe SDK. The local stack and the tests may speak to the sandbox.',
      from: { pathNot: ['^kernel/stripe/', '^dev/', '^test/'] },
      to: { path: packages('stripe') },
    },
    {
      name: 'nodemailer-in-mail-only',
      severity: 'error',
      comment: 'Only kernel/mail speaks SMTP.',
      from: { pathNot: ['^kernel/mail/'] },
      to: { path: packages('nodemailer') },
    },
    {
      name: 'standardwebhooks-in-alert-only',
      severity: 'error',
      comment: 'Only kernel/alert signs what goes to endpoints of workspaces. Tests may verify it.',
      from: { pathNot: ['^kernel/alert/', '^test/'] },
      to: { path: packages('standardwebhooks') },
    },
    {
      name: 'nothing-imports-test',
      severity: 'error',
      comment: 'What runs must not need the tests.',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'nothing-imports-dev',
      severity: 'error',
      comment: 'What is deployed must not need the local stack.',
      from: { pathNot: '^(dev|test)/' },
      to: { path: '^dev/' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      comment: 'A cycle hides which of its files knows the other; types count too.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved-import',
      severity: 'error',
      comment: 'An import that leads nowhere fails when it runs.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'deployed-code-needs-no-dev-dependency',
      severity: 'error',
      comment: 'Kernel and BFF run after `npm ci --omit=dev`. The Console is bundled before.',
      from: { path: '^(kernel|bff|gen|clients/grpc)/', pathNot: '^bff/console/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    // TypeScript 7 has no compiler API that dependency-cruiser could use; swc reads the sources, type imports included.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    // What a package of this repository has installed for itself is no source of ours.
    exclude: { path: '^clients/[a-z-]+/node_modules/' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.json', '.d.ts', '.css'],
      mainFields: ['main', 'types', 'typings'],
    },
    // The checker's own speed does not matter; a stale cache would.
    cache: false,
  },
};
