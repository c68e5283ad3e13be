// The documents list the events of Stripe that the kernel does something about: all of them, and no other.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RETURN_EVENTS } from '../../kernel/app/payment/top-up-event.ts';
import {
  CARD_EVENTS,
  CUSTOMER_EVENTS,
  DEFAULT_CARD_EVENTS,
  SUBSCRIPTION_EVENTS,
} from '../../kernel/app/subscription/customer-event.ts';
import { CATALOG_EVENTS } from '../../kernel/app/webhook/webhook-handler.ts';

const ROOT = new URL('../../', import.meta.url);
const HANDLED = [
  ...[...CATALOG_EVENTS, ...SUBSCRIPTION_EVENTS, ...CARD_EVENTS, ...CUSTOMER_EVENTS],
  ...RETURN_EVENTS,
  ...DEFAULT_CARD_EVENTS,
].toSorted();
const ROW = /^ *\| ((?:`[a-z_]+(?:\.[a-z_]+)+`(?:, )?)+) \| /;
const LISTEN = /stripe listen --events ([a-z_.,\\\s]+?) *\\?\n? *--forward-to/g;

const read = (document: string): string => readFileSync(new URL(document, ROOT), 'utf8');

/** The events in the first cells of tables. */
function tabled(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => ROW.exec(line)?.[1]?.split(', ') ?? [])
    .map((cell) => cell.replaceAll('`', ''))
    .toSorted();
}

describe('the events that the kernel does something about', () => {
  it.each(['docs/subscription.md', 'docs/stripe.md'])('are those of the table of %s', (document) => {
    expect(tabled(read(document))).toEqual(HANDLED);
  });

  it('are those that `stripe listen` is told to bring', () => {
    const lists = [...read('docs/stripe.md').matchAll(LISTEN)].map(([, list = '']) =>
      list
        .replaceAll(/[\\\s]/g, '')
        .split(',')
        .toSorted(),
    );
    expect(lists).toEqual([HANDLED]);
  });
});
