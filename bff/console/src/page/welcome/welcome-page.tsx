// Owns making a workspace: its name, and what it begins with. It is the first page of a newcomer, and serves for further ones.

import { Anchor, Button, List, Stack, Text, TextInput, ThemeIcon, Title } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Plan } from '../../api/type.ts';
import { tell } from '../../data/act.ts';
import { useWrite } from '../../data/write.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { Brand } from '../../part/brand.tsx';
import { useDocumentTitle } from '../../part/document-title.ts';
import { formatPlan, formatPlanPrice } from '../../part/plan-name.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { type Session, useSession } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import classes from './welcome-page.module.css';

const WORDS = STRINGS.welcome;
const NAME_LENGTH_MAX = 100;

/** Shows the form, and beside it what the workspace begins with. */
export function WelcomePage() {
  useDocumentTitle(WORDS.documentTitle);
  const session = useSession();
  const plans = useQuery({ queryKey: ['plans'], queryFn: async () => (await session.api.listPlans()).plans });
  const first = plans.data?.find(({ onboarding_default }) => onboarding_default);
  return (
    <main className={classes['page']}>
      <div className={classes['column']}>
        <Brand />
        <div className={classes['parts']}>
          <NameForm session={session} />
          {first !== undefined && <Beginning plan={first} isFirst={session.workspaces.length === 0} />}
        </div>
        <Footer session={session} />
      </div>
    </main>
  );
}

function NameForm({ session }: { readonly session: Session }) {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const create = useWrite({
    mutationFn: () => session.api.createWorkspace(name.trim()),
    async onSuccess(workspace) {
      session.switchTo(workspace.workspace_id);
      await session.reload();
      tell(WORDS.created(workspace.display_name));
      await navigate(PAGE_PATHS.billing);
    },
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') create.mutate();
  };
  return (
    <form onSubmit={submit} className={classes['form']}>
      <Stack gap="lg">
        <Stack gap={4}>
          <Title order={1} size="h2">
            {session.workspaces.length === 0 ? WORDS.title : WORDS.titleMore}
          </Title>
          <Text c="dimmed">{WORDS.text}</Text>
        </Stack>
        <TextInput
          label={WORDS.name}
          description={WORDS.nameHint}
          placeholder={WORDS.namePlaceholder}
          size="md"
          maxLength={NAME_LENGTH_MAX}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          required
          withAsterisk={false}
        />
        {create.error !== null && <ProblemNote error={create.error} />}
        <Button type="submit" size="md" loading={create.isPending} disabled={name.trim() === ''}>
          {WORDS.action}
        </Button>
      </Stack>
    </form>
  );
}

interface BeginningProps {
  readonly plan: Plan;
  /** Says that it is the first workspace of whoever makes it: of trials a person has only so many. */
  readonly isFirst: boolean;
}

function Beginning({ plan, isFirst }: BeginningProps) {
  return (
    <section className={classes['beginning']}>
      <Title order={2} size="h5" mb="md">
        {WORDS.planTitle(formatPlan(plan.plan_code))}
      </Title>
      <List
        size="sm"
        spacing="sm"
        icon={
          <ThemeIcon size={18} radius="xl" variant="light" color="teal" aria-hidden>
            <IconCheck size={12} stroke={2.4} />
          </ThemeIcon>
        }
      >
        {toSentences(plan, isFirst).map((sentence) => (
          <List.Item key={sentence}>{sentence}</List.Item>
        ))}
      </List>
    </section>
  );
}

function toSentences(plan: Plan, isFirst: boolean): readonly string[] {
  const toCredits = (amount: number): string => STRINGS.common.credits(formatCreditsShort(amount));
  if (!plan.trial_enabled) return [WORDS.withoutTrial];
  const trial = WORDS.trial(plan.trial_days, toCredits(plan.trial_credits_granted));
  return [
    isFirst ? trial : WORDS.ifLeft(trial),
    plan.trial_requires_card ? WORDS.cardLater : WORDS.noCard,
    WORDS.afterTrial(formatPlanPrice(plan)),
    ...(plan.included_microcredits_per_cycle > 0
      ? [WORDS.included(toCredits(plan.included_microcredits_per_cycle))]
      : []),
    WORDS.freeAfter,
  ];
}

function Footer({ session: { user, workspaces } }: { readonly session: Session }) {
  const who = user.email ?? user.display_name ?? STRINGS.account.anonymous;
  return (
    <Text size="sm" c="dimmed">
      {WORDS.signedInAs(who)}{' '}
      <Anchor href="/auth/login?return_to=/&prompt=login" inherit underline="always">
        {WORDS.otherAccount}
      </Anchor>
      {workspaces.length > 0 && (
        <>
          {' · '}
          <Anchor component={Link} to={PAGE_PATHS.billing} inherit underline="always">
            {WORDS.goBack}
          </Anchor>
        </>
      )}
    </Text>
  );
}
