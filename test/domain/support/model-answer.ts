// Owns asking the naive model what the domain is asked, and saying what the domain answers in the model's words.

import type { Command } from '../../../kernel/domain/command.ts';
import type { AccountModel, Ask, Answer as ModelAnswer, PriceLine } from '../../model/account-model.ts';
import { askOf, deedOf, refusalOf } from '../../model/kernel-words.ts';
import { TENANT } from './command.ts';
import type { Answer } from './playback.ts';

/** Says the domain's answer in the model's words. */
export function inModelWords(answer: Answer): ModelAnswer {
  if (answer.kind === 'replayed') return { kind: 'again' };
  if (answer.kind === 'rejected') return refusalOf(answer.reason, answer.metadata);
  return answer.entry === undefined ? { kind: 'done' } : { kind: 'done', deed: deedOf(answer.entry) };
}

/** A part of a hold that never was, with what ANY_RESERVATION says of it: it costs nothing. */
function freeUse(key: string): Ask {
  const price: PriceLine = { action: 'free', level: 'default', whose: undefined, from: 0, perUnit: 0n };
  const rules = { tenant: TENANT, overdraftOf: () => 0n, needsCredit: () => true, pricesOf: () => [price] };
  return { key, to: 'use', action: 'free', millionths: 1n, mustPay: true, rules };
}

/** What the model says to a command; of a hold, the domain only knows whether it is open, and what it is told besides. */
export function askModel(model: AccountModel, command: Command, answer: Answer | undefined, now: number): ModelAnswer {
  const entry = answer?.kind === 'accepted' ? answer.entry : undefined;
  const ask = askOf(command, TENANT, entry?.type === 'reserved' ? entry.holdId : 'hld_refused');
  model.passTo(now);
  const status = 'hold' in ask ? model.statusOf(ask.hold) : undefined;
  if (command.type === 'settle' && !model.hasDone(command.key) && model.plan !== undefined) {
    if (status !== 'open' && command.reservation === undefined) return { kind: 'refused', reason: 'HOLD_ENDED' };
    if (status === undefined) return model.apply(freeUse(command.key), now);
  }
  const said = model.apply(ask, now);
  const isUnknown = said.kind === 'refused' && said.reason === 'HOLD_NOT_FOUND';
  return isUnknown ? { kind: 'refused', reason: 'HOLD_ENDED' } : said;
}
