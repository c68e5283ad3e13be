// Owns how a purchase that has begun is shown: it is asked for again until it has come to an end.

import { Alert, Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconCircleCheck, IconExternalLink } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { TopUp } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useForgetWorkspace } from '../../data/billing-query.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.topUp;
const ASK_AGAIN_MS = 2_000;

interface TopUpProgressProps {
  readonly begun: TopUp;
  readonly onClose: () => void;
  readonly onAgain: () => void;
  readonly onSucceeded: () => void;
}

/** Shows how it stands, and what can be done then. */
export function TopUpProgress({ begun, onClose, onAgain, onSucceeded }: TopUpProgressProps) {
  const { api } = useWorkspace();
  const forget = useForgetWorkspace();
  const { data: topUp } = useQuery({
    queryKey: ['top-up', begun.topup_id],
    queryFn: () => api.getTopUp(begun.topup_id),
    initialData: begun,
    refetchInterval: ({ state }) => (isOver(state.data) ? false : ASK_AGAIN_MS),
  });
  const hasSucceeded = topUp.status === 'succeeded';
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the credits are there.
  useEffect(() => {
    if (!hasSucceeded) return;
    onSucceeded();
    void forget();
  }, [hasSucceeded]);
  switch (topUp.status) {
    case 'succeeded':
      return <Succeeded topUp={topUp} onClose={onClose} />;
    case 'canceled':
      return <Canceled onClose={onClose} onAgain={onAgain} />;
    case 'failed':
      return <Open topUp={topUp} onAgain={onAgain} title={WORDS.declinedTitle} text={declinedWords(topUp)} isBad />;
    case 'requires_action':
      return <Open topUp={topUp} onAgain={onAgain} title={WORDS.actionTitle} text={WORDS.actionText} />;
    case 'processing':
    case 'pending':
      return <Open topUp={topUp} onAgain={onAgain} title={WORDS.waitingTitle} text={WORDS.processing} />;
    case 'requires_payment_method':
      return <Open topUp={topUp} onAgain={onAgain} title={WORDS.waitingTitle} text={WORDS.waitingText} />;
  }
}

function isOver(topUp: TopUp | undefined): boolean {
  return topUp?.status === 'succeeded' || topUp?.status === 'canceled';
}

function declinedWords({ failure_code: code }: TopUp): string {
  return code === null ? WORDS.declinedPlain : WORDS.declined(code);
}

function Succeeded({ topUp, onClose }: { readonly topUp: TopUp; readonly onClose: () => void }) {
  return (
    <Stack gap="md" align="center" ta="center" py="md" role="status">
      <IconCircleCheck size={44} stroke={1.4} color="var(--mantine-color-teal-6)" aria-hidden />
      <Stack gap={2}>
        <Title order={3} size="h4">
          {WORDS.succeededTitle(STRINGS.common.credits(formatCreditsShort(topUp.microcredits)))}
        </Title>
        <Text size="sm" c="dimmed">
          {WORDS.succeededText}
        </Text>
      </Stack>
      <Button onClick={onClose}>{STRINGS.common.done}</Button>
    </Stack>
  );
}

function Canceled({ onClose, onAgain }: { readonly onClose: () => void; readonly onAgain: () => void }) {
  return (
    <Stack gap="md" role="status">
      <Text fw={550}>{WORDS.canceledTitle}</Text>
      <Text size="sm">{WORDS.canceledText}</Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {STRINGS.common.close}
        </Button>
        <Button onClick={onAgain}>{WORDS.again}</Button>
      </Group>
    </Stack>
  );
}

interface OpenProps {
  readonly topUp: TopUp;
  readonly onAgain: () => void;
  readonly title: string;
  readonly text: string;
  readonly isBad?: boolean;
}

/** One that is not paid yet: it can be paid on its page, or given up. */
function Open({ topUp, onAgain, title, text, isBad }: OpenProps) {
  const { api } = useWorkspace();
  const cancel = useAct(() => api.cancelTopUp(topUp.topup_id), { onDone: onAgain });
  return (
    <Stack gap="lg">
      <Alert
        role={isBad === true ? 'alert' : 'status'}
        color={isBad === true ? 'red' : 'gray'}
        variant="light"
        title={title}
        icon={isBad === true ? undefined : <Loader size="xs" color="gray" />}
      >
        {text}
      </Alert>
      <Group justify="flex-end">
        <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
          {WORDS.abandon}
        </Button>
        {topUp.checkout_url !== null && (
          <Button
            component="a"
            href={topUp.checkout_url}
            target="_blank"
            rel="noreferrer"
            rightSection={<IconExternalLink size={16} aria-hidden />}
            data-autofocus
          >
            {WORDS.openPage}
            <span className="hidden"> {STRINGS.common.opensNewTab}</span>
          </Button>
        )}
      </Group>
    </Stack>
  );
}
