// Owns what is broken on purpose, one thing at a time, to see that something notices: an anchor that stands once in a
// source, what takes its place, and what should notice. mutation.test.ts holds that every anchor is still there.

/** What may notice a mutation: some runs of the simulator, or tests that need no database. */
export type Detector = { readonly simulate: number } | { readonly tests: readonly string[] };

/** One thing to break. */
export interface Mutation {
  /** What no longer holds. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly anchor: string;
  readonly replacement: string;
  /** Asked in order until one notices. */
  readonly detectors: readonly Detector[];
}

const SIMULATION: readonly Detector[] = [{ simulate: 600 }];
const MODEL: readonly Detector[] = [{ tests: ['test/domain/account-model.test.ts'] }, ...SIMULATION];
const SUBSCRIPTION: readonly Detector[] = [{ tests: ['test/domain/subscription-step.test.ts'] }];
const SUMMARY: readonly Detector[] = [{ tests: ['test/domain/usage-summary.test.ts'] }];
const SEARCH: readonly Detector[] = [{ tests: ['test/domain/work-search.test.ts'] }];

/** Everything that is broken. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'credit that expires sooner is used first',
    file: 'kernel/domain/grant.ts',
    anchor: 'compare(a.expiresAt ?? Number.POSITIVE_INFINITY, b.expiresAt ?? Number.POSITIVE_INFINITY)',
    replacement: 'compare(b.expiresAt ?? Number.POSITIVE_INFINITY, a.expiresAt ?? Number.POSITIVE_INFINITY)',
    detectors: SIMULATION,
  },
  {
    name: 'trial credit is used before included credit',
    file: 'kernel/domain/bucket.ts',
    anchor: "['trial', 'included', 'payg']",
    replacement: "['included', 'trial', 'payg']",
    detectors: SIMULATION,
  },
  {
    name: 'a workspace has one trial',
    file: 'kernel/domain/decide-trial.ts',
    anchor: '  if (state.trial !== undefined) return reject(trialAlreadyUsed());\n',
    replacement: '',
    detectors: MODEL,
  },
  {
    name: 'a trial that ended leaves the fallback plan',
    file: 'kernel/domain/evolve.ts',
    anchor: 'return { planCode: entry.planCode, trial: {',
    replacement: 'return { trial: {',
    detectors: MODEL,
  },
  {
    name: 'trial credits that are not revoked outlive the trial',
    file: 'kernel/domain/decide-trial.ts',
    anchor: '...(revokesUnused ? { expiresAt: endsAt } : {}),',
    replacement: '...(revokesUnused ? { expiresAt: endsAt } : { expiresAt: endsAt + 1 }),',
    detectors: MODEL,
  },
  {
    name: 'the credits of a cycle have a key of their own',
    file: 'kernel/domain/subscription-step.ts',
    anchor: 'const period = isSecond',
    replacement: "const period = true ? 'same' : isSecond",
    detectors: SUBSCRIPTION,
  },
  {
    name: 'facts that were read at another revision do nothing',
    file: 'kernel/domain/decide-subscription.ts',
    anchor: "  if (command.revision !== state.subscriptionRevision) return { kind: 'accepted' };\n",
    replacement: '',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a subscription that ended at Stripe stays ended',
    file: 'kernel/domain/subscription-step.ts',
    anchor: "  if (current.endedBy === 'stripe') return undefined;\n",
    replacement: '',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a subscription that runs is not replaced by another',
    file: 'kernel/domain/subscription-step.ts',
    anchor: '    if (isLive(current)) return undefined;\n',
    replacement: '',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a subscription that comes back after another is given nothing twice',
    file: 'kernel/domain/subscription-step.ts',
    anchor: 'const own = findPeriod(current, facts);',
    replacement: 'const own = findPeriod(undefined, facts);',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'included credits of others do not lapse with a cycle',
    file: 'kernel/domain/decide-subscription.ts',
    anchor: "source === SUBSCRIPTION_SOURCE && bucket === 'included'",
    replacement: "source !== '' && bucket === 'included'",
    detectors: SUBSCRIPTION,
  },
  {
    name: 'an upgrade raises the allowance once it is paid',
    file: 'kernel/domain/subscription-step.ts',
    anchor: "state === 'paid' && includedPerCycle > current.paidAllowance;",
    replacement: "state !== 'none' && includedPerCycle > current.paidAllowance;",
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a period gives what its invoice was for',
    file: 'kernel/domain/subscription-step.ts',
    anchor: 'return cycleInvoice.includedPerCycle ?? terms.includedPerCycle;',
    replacement: 'return terms.includedPerCycle ?? cycleInvoice.includedPerCycle;',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a renewal that comes to no result takes nothing away for a day',
    file: 'kernel/domain/subscription.ts',
    anchor: 'return periodEnd + Math.max(graceMs, RENEWAL_GRACE_MS_MIN);',
    replacement: 'return periodEnd + Math.min(graceMs, RENEWAL_GRACE_MS_MIN);',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'a period of before is not gone back to',
    file: 'kernel/domain/subscription-step.ts',
    anchor: 'return facts.periodStart < current.periodStart ? undefined : computeSamePeriod(current, facts, now);',
    replacement: 'return computeSamePeriod(current, facts, now);',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'credit that lapsed does not come back by a reversal',
    file: 'kernel/domain/lapse.ts',
    anchor: 'grant.effectiveAt < subscription.lapsedAt;',
    replacement: 'grant.effectiveAt < subscription.lapsedAt - 86_400_000_000;',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'what is held of a cycle lapses when its hold ends',
    file: 'kernel/domain/grant-book.ts',
    anchor: 'lapsed.has(grant.grantId) ? { ...grant, expiresAt: at } : grant',
    replacement: 'lapsed.has(grant.grantId) ? { ...grant } : grant',
    detectors: SUBSCRIPTION,
  },
  {
    name: 'one commit has each seq: the optimistic lock',
    file: 'kernel/store/ledger/ledger-index.ts',
    anchor: "  { name: 'seq', key: { tenant_id: 1, seq: 1 }, unique: true },\n",
    replacement: '',
    detectors: SIMULATION,
  },
  {
    name: 'one entry has each key: exactly once',
    file: 'kernel/store/ledger/ledger-index.ts',
    anchor: "  { name: 'keys', key: { tenant_id: 1, keys: 1 }, unique: true },\n",
    replacement: '',
    detectors: SIMULATION,
  },
  {
    name: 'reads that decide show what a majority has',
    file: 'kernel/store/ledger/collection-option.ts',
    anchor: "readConcern: { level: 'majority' }",
    replacement: "readConcern: { level: 'local' as 'majority' }",
    detectors: SIMULATION,
  },
  {
    name: 'a commit is acknowledged when a majority has it',
    file: 'kernel/store/ledger/collection-option.ts',
    anchor: "w: 'majority'",
    replacement: "w: 1 as unknown as 'majority'",
    detectors: SIMULATION,
  },
  {
    name: 'credit expires at its time, not after it',
    file: 'kernel/domain/advance.ts',
    anchor: 'due !== undefined && due <= now;',
    replacement: 'due !== undefined && due < now;',
    detectors: MODEL,
  },
  {
    name: 'credit expires',
    file: 'kernel/domain/account.ts',
    anchor: 'included[0]?.expiresAt ?? Number.POSITIVE_INFINITY,',
    replacement: 'Number.POSITIVE_INFINITY,',
    detectors: SIMULATION,
  },
  {
    name: 'holds end by themselves',
    file: 'kernel/domain/account.ts',
    anchor: 'state.holds[0]?.expiresAt ?? Number.POSITIVE_INFINITY,',
    replacement: 'Number.POSITIVE_INFINITY,',
    detectors: SIMULATION,
  },
  {
    name: 'what comes again after a lost race is answered with what it did',
    file: 'kernel/app/ledger/committer.ts',
    anchor: '      if (placed === undefined) again.push(task);\n',
    replacement: '      if (placed === undefined || placed !== undefined) again.push(task);\n',
    detectors: SIMULATION,
  },
  {
    name: 'before a refusal its key is looked up',
    file: 'kernel/app/ledger/committer.ts',
    anchor: '      if (placed === undefined) task.reject(error);\n',
    replacement: '      if (placed === undefined || placed !== undefined) task.reject(error);\n',
    detectors: SIMULATION,
  },
  {
    name: 'before a refusal the head is read',
    file: 'kernel/app/ledger/committer.ts',
    anchor: 'const { head } = await this.#loader.refresh(round.head);',
    replacement: 'const { head } = round;',
    detectors: SIMULATION,
  },
  {
    name: 'a refusal that rests on a commit waits until it is acknowledged',
    file: 'kernel/app/ledger/committer.ts',
    anchor: '    const tasks = decidedTasks(round);\n    try {\n',
    replacement:
      '    const tasks = decidedTasks(round);\n    for (const { task, error } of refusedTasks(round)) task.reject(error);\n    try {\n',
    detectors: SIMULATION,
  },
  {
    name: 'an unknown outcome is no success',
    file: 'kernel/app/ledger/committer.ts',
    anchor: 'return this.#settleUnknown(lane, round);',
    replacement: 'return this.#settleAcknowledged(lane, round);',
    detectors: SIMULATION,
  },
  {
    name: 'an unknown outcome is no failure',
    file: 'kernel/app/ledger/committer.ts',
    anchor: '    for (const task of decidedTasks(round)) task.reject(outcomeUnknown());',
    replacement: '    for (const task of decidedTasks(round)) task.reject(shuttingDown());',
    detectors: SIMULATION,
  },
  {
    name: 'another request under a used id is refused',
    file: 'kernel/app/ledger/request-identity.ts',
    anchor: '  if (entry.fingerprint !== fingerprint) return false;\n',
    replacement: '',
    detectors: SIMULATION,
  },
  {
    name: 'a deficit is paid first',
    file: 'kernel/domain/addition.ts',
    anchor: 'const deficitPaid = totals.deficit < grant.remaining ? totals.deficit : grant.remaining;',
    replacement: 'const deficitPaid = totals.deficit < 0n ? totals.deficit : 0n;',
    detectors: SIMULATION,
  },
  {
    name: 'freed credit pays a deficit first',
    file: 'kernel/domain/hold-end.ts',
    anchor: 'deficitPaid: deficit < amount ? deficit : amount',
    replacement: 'deficitPaid: deficit < 0n ? deficit : 0n',
    detectors: SIMULATION,
  },
  {
    name: 'a debit goes no further than funds and overdraft',
    file: 'kernel/domain/decide.ts',
    anchor: 'if (uncovered > overdraftRemaining && !alreadyPerformed) {',
    replacement: 'if (uncovered > overdraftRemaining + 1n && !alreadyPerformed) {',
    detectors: SIMULATION,
  },
  {
    name: 'open holds keep their overdraft',
    file: 'kernel/domain/account.ts',
    anchor: 'const used = totals.deficit + overdraftHeld;',
    replacement: 'const used = totals.deficit + overdraftHeld - overdraftHeld;',
    detectors: SIMULATION,
  },
  {
    name: 'a part of a hold is charged whatever the funds',
    file: 'kernel/domain/decide-hold.ts',
    anchor: '  if (state.totals.deficit + free.uncovered > MICROCREDITS_MAX) {\n',
    replacement: '  if (free.uncovered > 0n) {\n',
    detectors: SIMULATION,
  },
  {
    name: 'what a plan exempts is held without credit, and nothing else',
    file: 'kernel/domain/decide-hold.ts',
    anchor: 'if (isGated(state, action, rulebook)) return',
    replacement: 'if (!isGated(state, action, rulebook)) return',
    detectors: SIMULATION,
  },
  {
    name: 'a part is charged after the end of its hold',
    file: 'kernel/app/ledger/hold-desk.ts',
    anchor: '      if (!isHoldEnded(error)) throw error;\n',
    replacement: '      if (!isHoldEnded(error) || isHoldEnded(error)) throw error;\n',
    detectors: SIMULATION,
  },
  {
    name: 'held credit is drawn before other credit',
    file: 'kernel/domain/decide-hold.ts',
    anchor: 'const held = takeDraws(hold?.draws ?? [], cost);',
    replacement: 'const held = takeDraws(hold?.draws ?? [], cost / 2n);',
    detectors: SIMULATION,
  },
  {
    name: 'held credit survives the expiry of its grant',
    file: 'kernel/domain/advance.ts',
    anchor: 'microcredits: grant.remaining };',
    replacement: 'microcredits: grant.remaining + grant.held };',
    detectors: SIMULATION,
  },
  {
    name: 'held credit whose grant has expired does not come back',
    file: 'kernel/domain/hold-end.ts',
    anchor: '(expiresAt !== undefined && expiresAt <= at ? expired : freed).push(draw);',
    replacement: '(expiresAt !== undefined && expiresAt <= at - 60_000 ? expired : freed).push(draw);',
    detectors: SIMULATION,
  },
  {
    name: 'an entry is reversed once',
    file: 'kernel/app/ledger/correction-desk.ts',
    anchor: 'effectKey: reversalKey(target.entryId),',
    replacement: 'effectKey: reversalKey(context.requestId as typeof target.entryId),',
    detectors: SIMULATION,
  },
  {
    name: 'an entry is reversed once, also within one batch',
    file: 'kernel/domain/batch.ts',
    anchor: 'const isTaken = entry.effectKey !== undefined && this.#effectKeys.has(entry.effectKey);',
    replacement: 'const isTaken = entry.effectKey === null && this.#effectKeys.has(entry.effectKey);',
    detectors: [{ simulate: 600 }, { simulate: 4_000 }],
  },
  {
    name: 'credit that expired does not come back by a reversal',
    file: 'kernel/domain/lapse.ts',
    anchor: 'if (grant.expiresAt !== undefined && grant.expiresAt <= now) return true;',
    replacement: 'if (grant.expiresAt !== undefined && grant.expiresAt <= now - 60_000) return true;',
    detectors: SIMULATION,
  },
  {
    name: 'a grant is undone only while nothing was drawn from it',
    file: 'kernel/domain/decide-reversal.ts',
    anchor: 'if (left < granted) {',
    replacement: 'if (left < 1n) {',
    detectors: SIMULATION,
  },
  {
    name: 'redacted text is gone',
    file: 'kernel/app/ledger/correction-desk.ts',
    anchor: 'store.removePersonalText(tenant.tenantId, found.commit.seq, found.index)',
    replacement: 'Promise.resolve(found.commit.seq + found.index + store.prepareCommit.length)',
    detectors: SIMULATION,
  },
  {
    name: 'each commit is sealed to the one before it',
    file: 'kernel/store/ledger/commit-hash.ts',
    anchor: '.update(previous)',
    replacement: '.update(previous.subarray(0, 0))',
    detectors: SIMULATION,
  },
  {
    name: 'a commit is never dated before the one that it follows',
    file: 'kernel/app/ledger/round.ts',
    anchor: 'const createdAt = Math.max(now, head.createdAt);',
    replacement: 'const createdAt = now;',
    detectors: SIMULATION,
  },
  {
    name: 'a balance is never read from a cache alone',
    file: 'kernel/app/ledger/account-reader.ts',
    anchor: '(await this.#loader.refresh(known)).head',
    replacement: 'known',
    detectors: SIMULATION,
  },
  {
    name: 'a balance is not read by a read that began before it was asked for',
    file: 'kernel/app/shared-read.ts',
    anchor: 'const known = this.#ahead.get(key);',
    replacement: 'const known = this.#ahead.get(key) ?? this.#running.get(key);',
    detectors: SIMULATION,
  },
  {
    name: 'what follows a gap in a range is read again',
    file: 'kernel/app/ledger/head-loader.ts',
    anchor: 'const run = gap === -1 ? headers : headers.slice(0, gap);',
    replacement: 'const run = headers;',
    detectors: [{ tests: ['test/domain/head-loader.test.ts'] }, { simulate: 4_000 }],
  },
  {
    name: 'what will fall due is noted before',
    file: 'kernel/app/ledger/account-desk.ts',
    anchor: 'dueAt !== undefined && dueAt > now ? [dueAt] : []',
    replacement: 'dueAt !== undefined && dueAt > now + 60_000 ? [dueAt] : []',
    detectors: SIMULATION,
  },
  {
    name: 'a part of an hour begins with its first millisecond',
    file: 'kernel/app/usage/summary-plan.ts',
    anchor: 'reader.findSeqAt(head, from - 1)',
    replacement: 'reader.findSeqAt(head, from)',
    detectors: SUMMARY,
  },
  {
    name: 'what was undone of a commit is left out of a part of its hour',
    file: 'kernel/app/usage/rollup-projector.ts',
    anchor: "['hour', 'day', 'stretch', 'undone']",
    replacement: "['hour', 'day', 'stretch']",
    detectors: SUMMARY,
  },
  {
    name: 'what a rollup has applied is not added again',
    file: 'kernel/app/usage/usage-summary.ts',
    anchor: 'usage.seq > (ahead.get(keyText(key)) ?? mark.seq)',
    replacement: 'usage.seq > mark.seq',
    detectors: SUMMARY,
  },
  {
    name: 'a stretch names all work that an entry of it is about',
    file: 'kernel/app/usage/rollup-projector.ts',
    anchor: "if (isNoUsage(usage.sum)) return ['stretch'];",
    replacement: 'if (isNoUsage(usage.sum)) return [];',
    detectors: SEARCH,
  },
  {
    name: 'a search begins anew where a rebuild took over',
    file: 'kernel/app/usage/work-search.ts',
    anchor: 'if ((await this.#usage.loadWatermark(tenantId)).generation === generation) return place;',
    replacement: 'return place;',
    detectors: SEARCH,
  },
  {
    name: 'a payback takes its own grant before any other',
    file: 'kernel/domain/payback.ts',
    anchor: 'state.grants.payg.filter(({ grantId, source }) => grantId === paidGrantId || source === ownSource)',
    replacement: 'state.grants.payg',
    detectors: [{ tests: ['test/domain/payback.test.ts'] }],
  },
];
