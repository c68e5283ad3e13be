// Owns the form to buy credits by: packages, an amount of one's own with its price, and how it is paid.

import { Badge, Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import type { PaymentMethod, TopUp, TopUpOffer } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { formatCreditsShort, parseCredits } from '../../format/credit.ts';
import { formatMoney, formatPrice, formatUnitPrice } from '../../format/money.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { describeAmount } from '../amount-complaint.ts';
import { formatCard } from '../card-name.ts';
import { EmptyNote } from '../empty-note.tsx';
import { ProblemNote } from '../problem-note.tsx';
import {
  computeChoice,
  computeSaving,
  computeUnitPrice,
  OTHER_AMOUNT,
  type TopUpChoice,
  type TopUpDraft,
} from './top-up-choice.ts';
import classes from './top-up-form.module.css';

const WORDS = STRINGS.topUp;

interface TopUpFormProps {
  readonly offer: TopUpOffer;
  readonly methods: readonly PaymentMethod[];
  readonly draft: TopUpDraft;
  readonly onDraft: (draft: TopUpDraft) => void;
  readonly onBegun: (topUp: TopUp) => void;
  readonly onClose: () => void;
}

/** Shows the form. */
export function TopUpForm({ offer, methods, draft, onDraft, onBegun, onClose }: TopUpFormProps) {
  const { api } = useWorkspace();
  const { chosen = offer.packages.length > 0 ? '0' : OTHER_AMOUNT, typed = '' } = draft;
  const card = methods.find(({ is_default }) => is_default);
  const byCard = draft.byCard ?? card !== undefined;
  const currency = offer.currency ?? '';
  const choice = computeChoice(offer, chosen, typed);
  const act = useAct(
    (order: TopUpChoice) => api.createTopUp({ ...order, currency, use_stored_card: byCard && card !== undefined }),
    { onDone: onBegun, showsProblem: true },
  );
  if (!offer.offered) return <EmptyNote title={WORDS.notOffered} />;
  const price = choice && formatMoney({ amount: choice.amount_cents, currency });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (choice !== undefined) act.mutate(choice);
      }}
    >
      <Stack gap="lg">
        <Text size="sm" c="dimmed">
          {WORDS.text}
        </Text>
        <AmountChoice {...{ offer, currency, chosen, typed, price, draft, onDraft }} />
        {card !== undefined && (
          <WayChoice card={card} byCard={byCard} onChoose={(by) => onDraft({ ...draft, byCard: by })} />
        )}
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="space-between" align="center">
          <Text size="sm" aria-live="polite">
            {price !== undefined && (
              <>
                {WORDS.price} <strong className="figure">{price}</strong>
              </>
            )}
          </Text>
          <Group gap="sm">
            <Button variant="default" onClick={onClose}>
              {STRINGS.common.cancel}
            </Button>
            <Button type="submit" disabled={choice === undefined} loading={act.isPending}>
              {byCard && card !== undefined && price !== undefined ? WORDS.pay(price) : WORDS.continue}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  );
}

interface AmountChoiceProps {
  readonly offer: TopUpOffer;
  readonly currency: string;
  readonly chosen: string;
  readonly typed: string;
  readonly price: string | undefined;
  readonly draft: TopUpDraft;
  readonly onDraft: (draft: TopUpDraft) => void;
}

function AmountChoice({ offer, currency, chosen, typed, price, draft, onDraft }: AmountChoiceProps) {
  const isOther = chosen === OTHER_AMOUNT;
  return (
    <Stack gap="sm">
      <Radio.Group value={chosen} onChange={(value) => onDraft({ ...draft, chosen: value })} label={WORDS.packages}>
        <div className={classes['choices']}>
          {offer.packages.map((choice, index) => (
            <PackageCard key={choice.microcredits} {...{ choice, offer, currency }} value={String(index)} />
          ))}
          {offer.cents_per_credit !== null && (
            <Radio.Card value={OTHER_AMOUNT} className={classes['choice']} radius="md">
              <Text size="sm" fw={550}>
                {WORDS.other}
              </Text>
              <Text size="xs" c="dimmed">
                {WORDS.each(formatUnitPrice(offer.cents_per_credit, currency))}
              </Text>
            </Radio.Card>
          )}
        </div>
      </Radio.Group>
      {isOther && (
        <TextInput
          label={WORDS.otherLabel}
          description={rangeOf(offer, currency)}
          inputMode="decimal"
          value={typed}
          onChange={({ currentTarget }) => onDraft({ ...draft, typed: currentTarget.value })}
          error={typed !== '' && price === undefined ? describeRefusal(typed, offer, currency) : undefined}
          placeholder="25"
          data-autofocus
        />
      )}
    </Stack>
  );
}

interface PackageCardProps {
  readonly choice: TopUpChoice;
  readonly offer: TopUpOffer;
  readonly currency: string;
  readonly value: string;
}

function PackageCard({ choice, offer, currency, value }: PackageCardProps) {
  const saving = computeSaving(choice, offer);
  return (
    <Radio.Card value={value} className={classes['choice']} radius="md">
      <Group justify="space-between" gap={4}>
        <Text size="sm" fw={600} className="figure">
          {STRINGS.common.credits(formatCreditsShort(choice.microcredits))}
        </Text>
        {saving > 0 && (
          <Badge variant="light" color="teal" size="sm" radius="sm">
            {WORDS.saves(saving)}
          </Badge>
        )}
      </Group>
      <Text size="sm" className="figure">
        {formatPrice({ amount: choice.amount_cents, currency })}
      </Text>
      <Text size="xs" c="dimmed">
        {WORDS.each(formatMoney({ amount: computeUnitPrice(choice), currency }))}
      </Text>
    </Radio.Card>
  );
}

interface WayChoiceProps {
  readonly card: PaymentMethod;
  readonly byCard: boolean;
  readonly onChoose: (byCard: boolean) => void;
}

function WayChoice({ card, byCard, onChoose }: WayChoiceProps) {
  return (
    <Radio.Group
      value={byCard ? 'card' : 'page'}
      onChange={(value) => onChoose(value === 'card')}
      label={WORDS.payWith}
    >
      <Stack gap={8} mt={8}>
        <Radio value="card" label={WORDS.storedCard(formatCard(card))} />
        <Radio value="page" label={WORDS.page} />
      </Stack>
    </Radio.Group>
  );
}

/** Says why what was typed can't be bought. */
function describeRefusal(typed: string, offer: TopUpOffer, currency: string): string {
  const range = rangeOf(offer, currency);
  return parseCredits(typed) === undefined || range === undefined ? describeAmount(typed, WORDS.invalid) : range;
}

function rangeOf({ amount_cents_min: min, amount_cents_max: max }: TopUpOffer, currency: string): string | undefined {
  if (min === null || max === null) return undefined;
  return WORDS.range(formatPrice({ amount: min, currency }), formatPrice({ amount: max, currency }));
}
