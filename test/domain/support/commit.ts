// Owns commits for tests of how they are stored: random ones, made of real histories with every optional part that an entry
// can have, and the way through BSON and back.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import type { CommitHash } from '../../../kernel/app/ports.ts';
import type { Commit } from '../../../kernel/domain/commit.ts';
import type { Entry, PersonalText } from '../../../kernel/domain/entry.ts';
import type { CommitId, Fingerprint } from '../../../kernel/domain/id.ts';
import type { UsageContext } from '../../../kernel/domain/usage-context.ts';
import { type CommitDocument, toDocumentCommit } from '../../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../../kernel/store/ledger/commit-hash.ts';
import { TENANT } from './command.ts';
import { histories } from './history.ts';
import { playHistory } from './playback.ts';

/** Any text of whole characters: quotes, control characters and emoji included. */
const texts = (lengthMax: number) => fc.string({ unit: 'binary', maxLength: lengthMax });

const personalTexts: fc.Arbitrary<PersonalText> = fc.record(
  {
    digest: fc.base64String({ minLength: 40, maxLength: 44 }),
    salt: fc.base64String({ minLength: 20, maxLength: 24 }),
    reason: texts(40),
    dimensions: fc.dictionary(fc.stringMatching(/^[a-z0-9.$]{1,9}$/), texts(20), { maxKeys: 5, noNullPrototype: true }),
  },
  { requiredKeys: ['digest'], noNullPrototype: true },
);

const usageContexts: fc.Arbitrary<UsageContext> = fc.record(
  {
    projectId: texts(20),
    workflowId: texts(20),
    runId: texts(20),
    runStatus: fc.constantFrom('running', 'succeeded', 'failed', 'canceled'),
  },
  { requiredKeys: [], noNullPrototype: true },
);

interface Extra {
  readonly personal: PersonalText | undefined;
  readonly fingerprint: string | undefined;
  readonly actor: string | undefined;
  readonly context: UsageContext;
}

const extras: fc.Arbitrary<Extra> = fc.record({
  personal: fc.option(personalTexts, { nil: undefined }),
  fingerprint: fc.option(fc.base64String({ maxLength: 24 }), { nil: undefined }),
  actor: fc.option(texts(20), { nil: undefined }),
  context: usageContexts,
});

/** Adds to an entry what a request may bring along; it changes nothing of what the entry does. */
function withExtra(entry: Entry, { personal, fingerprint, actor, context }: Extra): Entry {
  const common = {
    ...(personal === undefined ? {} : { personal }),
    ...(fingerprint === undefined ? {} : { fingerprint: fingerprint as Fingerprint }),
  };
  const { runStatus: _, ...place } = context;
  switch (entry.type) {
    case 'debited':
    case 'settled':
      return { ...entry, ...common, ...context };
    case 'reserved':
    case 'hold_extended':
    case 'hold_released':
      return { ...entry, ...common, ...place };
    case 'hold_expired':
      return { ...entry, ...place };
    case 'reversed':
      return {
        ...entry,
        ...common,
        actor: actor ?? entry.actor,
        ...(entry.usage === undefined ? {} : { usage: { ...entry.usage, ...place } }),
      };
    case 'granted':
    case 'account_opened':
    case 'trial_started':
    case 'trial_canceled':
      return { ...entry, ...common, ...(actor === undefined ? {} : { actor }) };
    case 'adjusted':
    case 'redacted':
      return { ...entry, ...common, actor: actor ?? entry.actor };
    case 'grant_started':
    case 'grant_expired':
    case 'trial_ended':
    case 'trial_consented':
    case 'subscription_changed':
    case 'payback_settled':
    case 'run_reported':
      return entry;
  }
}

/** A commit id that is the same for the same number. */
export function commitIdOf(number: number): CommitId {
  return `0198c0de-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as CommitId;
}

/** The commits of a random history, some with a whole state and some without. */
export const commitChains: fc.Arbitrary<readonly Commit[]> = fc
  .record({
    history: histories,
    added: fc.array(extras, { minLength: 1, maxLength: 7 }),
    stateEvery: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ history, added, stateEvery }) =>
    playHistory(history).commits.map(({ now, entries, state }, index): Commit => {
      const seq = index + 1;
      return {
        tenantId: TENANT,
        seq,
        commitId: commitIdOf(seq),
        createdAt: now,
        entries: entries.map((entry, place) =>
          withExtra(entry, added[(index + place) % added.length] ?? { ...NO_EXTRA }),
        ),
        totals: state.totals,
        ...(index % stateEvery === 0 ? { state } : {}),
      };
    }),
  );

const NO_EXTRA: Extra = { personal: undefined, fingerprint: undefined, actor: undefined, context: {} };

/** Makes the document of a commit, sealed to the one before it. */
export function sealDocument(commit: Commit, previous: CommitHash): CommitDocument {
  const unsealed = toDocumentCommit(commit);
  return { ...unsealed, hash: new mongo.Binary(computeCommitHash(unsealed, previous)) };
}

/** Sends a document through BSON and back, with the options of the ledger's collections. */
export function throughBson(document: CommitDocument): CommitDocument {
  const bytes = mongo.BSON.serialize(document, { ignoreUndefined: true });
  // What was a commit document before it was serialised is one after.
  return mongo.BSON.deserialize(bytes, { useBigInt64: true }) as CommitDocument;
}

/** How many bytes a document takes in the database. */
export function bsonSize(document: object): number {
  return mongo.BSON.calculateObjectSize(document, { ignoreUndefined: true });
}

/** A hash to seal a first commit to. */
export function hashOf(text: string): CommitHash {
  return createHash('sha256').update(text).digest();
}
