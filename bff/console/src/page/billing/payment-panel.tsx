// Owns what the overview shows of how the workspace pays: its cards, storing one, and Stripe's page of invoices.

import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { IconCreditCard } from '@tabler/icons-react';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { PaymentMethod } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { usePaymentMethods } from '../../data/billing-query.ts';
import { toReturnPath } from '../../data/return-visit.ts';
import { formatCard } from '../../part/card-name.ts';
import { Loaded } from '../../part/loaded.tsx';
import { Panel } from '../../part/panel.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import classes from './payment-panel.module.css';

const WORDS = STRINGS.billing.payment;

/** Shows how the workspace pays. */
export function PaymentPanel() {
  const { api } = useWorkspace();
  const methods = usePaymentMethods();
  const returnPath = toReturnPath(PAGE_PATHS.billing);
  const add = useAct(() => api.setUpPaymentMethod({ consent_to_charge: false, return_path: returnPath }), {
    onDone: ({ url }) => url !== null && location.assign(url),
  });
  const visit = useAct(() => api.openPortal(returnPath), { onDone: ({ url }) => location.assign(url) });
  const hasCard = (methods.data ?? []).length > 0;
  return (
    <Panel
      title={WORDS.title}
      actions={
        <>
          <Button variant="default" loading={add.isPending} onClick={() => add.mutate(undefined)}>
            {hasCard ? WORDS.replace : WORDS.add}
          </Button>
          <Button variant="subtle" color="gray" loading={visit.isPending} onClick={() => visit.mutate(undefined)}>
            {WORDS.portal}
          </Button>
        </>
      }
    >
      <Loaded query={methods} what={WORDS.title} height={64}>
        {(known) => (known.length === 0 ? <NoCard /> : <Cards methods={known} />)}
      </Loaded>
    </Panel>
  );
}

function NoCard() {
  return (
    <Text size="sm" c="dimmed">
      {WORDS.none}
    </Text>
  );
}

function Cards({ methods }: { readonly methods: readonly PaymentMethod[] }) {
  const { api } = useWorkspace();
  const choose = useAct((id: string) => api.setDefaultPaymentMethod(id), { tell: () => WORDS.madeDefault });
  return (
    <ul className={classes['cards']}>
      {methods.map((method) => (
        <li key={method.payment_method_id} className={classes['card']}>
          <Group gap="sm" wrap="nowrap">
            <IconCreditCard size={22} stroke={1.5} aria-hidden />
            <Stack gap={0}>
              <Text size="sm" fw={550}>
                {formatCard(method)}
              </Text>
              {method.card !== null && (
                <Text size="xs" c="dimmed">
                  {WORDS.expires(String(method.card.expire_month).padStart(2, '0'), String(method.card.expire_year))}
                </Text>
              )}
            </Stack>
          </Group>
          {method.is_default ? (
            <Badge variant="light" color="gray" radius="sm">
              {WORDS.default}
            </Badge>
          ) : (
            <Button
              size="compact-sm"
              variant="subtle"
              loading={choose.isPending && choose.variables === method.payment_method_id}
              disabled={choose.isPending}
              onClick={() => choose.mutate(method.payment_method_id)}
            >
              {WORDS.makeDefault}
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
