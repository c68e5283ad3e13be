/**
 * Owns: test clocks: each stands still until it is advanced, and what has fallen due on it by then happens on the way.
 * Does not own: the sandbox's own clock, and what falls due.
 * Invariant: a clock only goes forward, and by one advance at a time.
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { schedule } from '../due.ts';
import { readInteger, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { defineTable, type Transaction } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';

const LIFETIME_SECONDS = 30 * 24 * 60 * 60;

/** Is the kind of note by which an advance is carried out after it was answered, as Stripe does it. */
export const ADVANCE = 'test_clock.advance';

/** Is a test clock. */
export interface TestClock extends ApiObject {
  readonly frozen_time: number;
  readonly status: 'advancing' | 'ready';
  readonly status_details: { readonly advancing?: { readonly target_frozen_time: number } };
}

/** Are the test clocks. */
export const TEST_CLOCKS = defineTable<TestClock>('test_helpers.test_clock');

const create: Operation = {
  supported: ['frozen_time', 'name'],
  run(call, { parameters }) {
    const clock: TestClock = {
      id: createId('clock'),
      object: 'test_helpers.test_clock',
      created: call.now,
      deletes_after: call.now + LIFETIME_SECONDS,
      frozen_time: readInteger(parameters, 'frozen_time') ?? call.now,
      livemode: false,
      name: readText(parameters, 'name') ?? null,
      status: 'ready',
      status_details: {},
    };
    return call.create(TEST_CLOCKS, clock, 'test_helpers.test_clock.created');
  },
};

const advance: Operation = {
  supported: ['frozen_time'],
  run(call, request) {
    const clock = call.need(TEST_CLOCKS, toPathId(request), 'test_clock', 404);
    const target = readInteger(request.parameters, 'frozen_time') ?? 0;
    if (clock.status !== 'ready') {
      throw invalidRequest('The test clock is still advancing: wait until its status is ready.', {}, 429);
    }
    if (target <= clock.frozen_time) {
      throw invalidRequest("A test clock's frozen time can only move forward.", { param: 'frozen_time' });
    }
    schedule(call.tx, { kind: ADVANCE, subject: clock.id, at: call.now, testClock: null });
    const advancing = { status: 'advancing' as const, status_details: { advancing: { target_frozen_time: target } } };
    return call.update(TEST_CLOCKS, clock, advancing, 'test_helpers.test_clock.advancing');
  },
};

/** Lets a clock that advances stand where what happens next is due: what belongs to it has the clock's time as now. */
export function moveClock(tx: Transaction, id: string, at: number): void {
  const clock = tx.find(TEST_CLOCKS, id);
  if (clock !== undefined && clock.frozen_time < at) tx.put(TEST_CLOCKS, id, { ...clock, frozen_time: at });
}

/** Ends an advance: what was due on the clock has happened by now. */
export function finishAdvance(call: Call, clock: TestClock): void {
  const target = clock.status_details.advancing?.target_frozen_time ?? clock.frozen_time;
  const ready = { ...clock, frozen_time: target, status: 'ready' as const, status_details: {} };
  call.tx.put(TEST_CLOCKS, clock.id, ready);
  call.emit({ type: 'test_helpers.test_clock.ready', object: ready });
}

const remove: Operation = {
  supported: [],
  run(call, request) {
    const clock = call.need(TEST_CLOCKS, toPathId(request), 'test_clock', 404);
    call.tx.remove(TEST_CLOCKS, clock.id);
    schedule(call.tx, { kind: 'test_clock.deleted', subject: clock.id, at: call.now, testClock: null });
    call.emit({ type: 'test_helpers.test_clock.deleted', object: clock });
    return { id: clock.id, object: 'test_helpers.test_clock', deleted: true };
  },
};

const PATH = '/v1/test_helpers/test_clocks';

/** Is the API of test clocks. */
export const TEST_CLOCK_RESOURCE: Resource = {
  operations: {
    [`POST ${PATH}`]: create,
    [`GET ${PATH}`]: {
      supported: PAGE_PARAMETERS,
      run: (call, { parameters }) => toPage({ objects: call.tx.all(TEST_CLOCKS), url: PATH }, parameters),
    },
    [`GET ${PATH}/{test_clock}`]: {
      supported: [],
      run: (call, request) => call.need(TEST_CLOCKS, toPathId(request), 'test_clock', 404),
    },
    [`DELETE ${PATH}/{test_clock}`]: remove,
    [`POST ${PATH}/{test_clock}/advance`]: advance,
  },
};
