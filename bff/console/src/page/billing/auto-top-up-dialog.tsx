// Owns setting the rule by which credits are bought without a person: when, how many, how much at most, and the consent to it.

import { Button, Checkbox, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { AutoTopUpRule } from '../../api/api.ts';
import type { AutoTopUp, TopUpOffer } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useTopUpOffer } from '../../data/billing-query.ts';
import { formatCreditsShort, parseCredits, toCreditsText } from '../../format/credit.ts';
import { formatPrice, parseMoney, toMoneyText } from '../../format/money.ts';
import { describeAmount } from '../../part/amount-complaint.ts';
import { CREDIT_FIELD } from '../../part/credit-field.tsx';
import { EmptyNote } from '../../part/empty-note.tsx';
import { useFocusBack } from '../../part/focus-back.ts';
import { Loaded } from '../../part/loaded.tsx';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing.autoTopUp;
const THRESHOLD_DEFAULT = '5';
/** Without a word of the person's, four purchases a month. */
const PURCHASES_DEFAULT = 4;

interface AutoTopUpDialogProps {
  readonly rule: AutoTopUp;
  readonly onClose: () => void;
}

/** Shows the dialog. */
export function AutoTopUpDialog({ rule, onClose }: AutoTopUpDialogProps) {
  useFocusBack();
  const offer = useTopUpOffer();
  return (
    <Modal opened onClose={onClose} title={WORDS.dialogTitle}>
      <Loaded query={offer} what={WORDS.dialogTitle} height={280}>
        {(known) =>
          known.offered && known.packages.length > 0 ? (
            <RuleForm rule={rule} offer={known} onClose={onClose} />
          ) : (
            <EmptyNote title={STRINGS.topUp.notOffered} />
          )
        }
      </Loaded>
    </Modal>
  );
}

interface RuleFormProps extends AutoTopUpDialogProps {
  readonly offer: TopUpOffer;
}

function RuleForm({ rule, offer, onClose }: RuleFormProps) {
  const { api } = useWorkspace();
  const currency = offer.currency ?? '';
  const [threshold, setThreshold] = useState(toThresholdText(rule));
  const [chosen, setChosen] = useState(String(findPackage(rule, offer)));
  const [limit, setLimit] = useState(toLimitText(rule, offer, currency));
  const [consent, setConsent] = useState(false);
  const choice = offer.packages[Number(chosen)];
  const thresholdMicrocredits = parseCredits(threshold);
  const limitAmount = parseMoney(limit, currency);
  const isLimitEnough = limitAmount !== undefined && choice !== undefined && limitAmount >= choice.amount_cents;
  const price = choice === undefined ? '' : formatPrice({ amount: choice.amount_cents, currency });
  const act = useAct((next: AutoTopUpRule) => api.setAutoTopUp(next), {
    tell: () => WORDS.saved,
    onDone: onClose,
    showsProblem: true,
  });
  const next =
    consent && choice !== undefined && thresholdMicrocredits !== undefined && isLimitEnough
      ? toRule(Number(thresholdMicrocredits), choice, currency, limitAmount)
      : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (next !== undefined) act.mutate(next);
      }}
    >
      <Stack gap="md">
        <TextInput
          label={WORDS.threshold}
          {...CREDIT_FIELD}
          value={threshold}
          onChange={({ currentTarget }) => setThreshold(currentTarget.value)}
          error={thresholdMicrocredits === undefined ? describeAmount(threshold, WORDS.thresholdInvalid) : undefined}
          data-autofocus
        />
        <NativeSelect
          label={WORDS.amount}
          data={toOptions(offer, currency)}
          value={chosen}
          onChange={({ currentTarget }) => setChosen(currentTarget.value)}
        />
        <TextInput
          label={WORDS.limit(currency.toUpperCase())}
          inputMode="decimal"
          value={limit}
          onChange={({ currentTarget }) => setLimit(currentTarget.value)}
          error={toLimitComplaint(limit, limitAmount, isLimitEnough)}
        />
        <Checkbox
          label={WORDS.consent(price)}
          checked={consent}
          onChange={({ currentTarget }) => setConsent(currentTarget.checked)}
        />
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            {STRINGS.common.cancel}
          </Button>
          <Button type="submit" disabled={next === undefined} loading={act.isPending}>
            {WORDS.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function toLimitComplaint(typed: string, amount: number | undefined, isEnough: boolean): string | undefined {
  if (amount === undefined) return describeAmount(typed, WORDS.limitInvalid);
  return isEnough ? undefined : WORDS.limitInvalid;
}

function toRule(
  thresholdMicrocredits: number,
  choice: { readonly amount_cents: number; readonly microcredits: number },
  currency: string,
  monthlyLimit: number,
): AutoTopUpRule {
  return {
    enabled: true,
    consent: true,
    threshold_microcredits: thresholdMicrocredits,
    amount_cents: choice.amount_cents,
    currency,
    microcredits: choice.microcredits,
    monthly_limit_cents: monthlyLimit,
  };
}

function toOptions({ packages }: TopUpOffer, currency: string) {
  return packages.map(({ amount_cents: amount, microcredits }, index) => ({
    value: String(index),
    label: `${STRINGS.common.credits(formatCreditsShort(microcredits))} · ${formatPrice({ amount, currency })}`,
  }));
}

function findPackage({ microcredits }: AutoTopUp, { packages }: TopUpOffer): number {
  return Math.max(
    0,
    packages.findIndex((choice) => choice.microcredits === microcredits),
  );
}

function toThresholdText({ threshold_microcredits: threshold }: AutoTopUp): string {
  return threshold === null ? THRESHOLD_DEFAULT : toCreditsText(threshold);
}

function toLimitText({ monthly_limit_cents: limit }: AutoTopUp, offer: TopUpOffer, currency: string): string {
  const amount = limit ?? (offer.packages[0]?.amount_cents ?? 0) * PURCHASES_DEFAULT;
  return toMoneyText({ amount, currency });
}
