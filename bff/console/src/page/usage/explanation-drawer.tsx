// Owns what is told of one metered event: by which price, from which grants, and where it stands in the ledger.

import { Badge, Code, Drawer, Group, Stack, Text, Title } from '@mantine/core';
import type { PropsWithChildren } from 'react';
import type { Project, UsageExplanation } from '../../api/type.ts';
import { useUsageExplanation } from '../../data/billing-query.ts';
import { formatCredits } from '../../format/credit.ts';
import { formatDate, formatFullTime } from '../../format/time.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { Loaded } from '../../part/loaded.tsx';
import { nameOfProject } from '../../part/project-name.ts';
import { STRINGS } from '../../strings.ts';
import classes from './explanation-drawer.module.css';

const WORDS = STRINGS.usage.explanation;
const toCredits = (amount: number): string => STRINGS.common.credits(formatCredits(amount));

interface ExplanationDrawerProps {
  readonly entryId: string;
  readonly projects: readonly Project[];
  readonly onClose: () => void;
}

/** Shows it at the side of the list. */
export function ExplanationDrawer({ entryId, projects, onClose }: ExplanationDrawerProps) {
  useFocusBack();
  const explanation = useUsageExplanation(entryId);
  return (
    <Drawer opened onClose={onClose} position="right" size="md" padding="lg" title={WORDS.title}>
      <Loaded query={explanation} what={WORDS.title} height={360}>
        {(known) => <Explanation known={known} projects={projects} />}
      </Loaded>
    </Drawer>
  );
}

function Explanation({ known, projects }: { readonly known: UsageExplanation; readonly projects: readonly Project[] }) {
  const { event, balance_before: before } = known;
  return (
    <Stack gap="xl">
      <Stack gap={4}>
        <Text fw={600}>{event.action}</Text>
        <Text size="sm" c="dimmed">
          {formatFullTime(event.create_time)}
        </Text>
        {event.reversed_by_entry_id !== null && <Badge color="gray">{WORDS.reversed}</Badge>}
      </Stack>
      <Part title={WORDS.price}>
        <Text size="sm" className="figure">
          {WORDS.arithmetic(
            event.quantity,
            event.unit,
            toCredits(event.microcredits_per_unit),
            toCredits(event.cost_microcredits),
          )}
        </Text>
        <Text size="sm" c="dimmed">
          {WORDS.rule[event.price_rule]}
          {event.already_performed && `. ${WORDS.performed}`}
        </Text>
      </Part>
      <Part title={WORDS.paidBy}>
        <Payers known={known} />
      </Part>
      <Part title={WORDS.balance}>
        <Text size="sm" className="figure">
          {WORDS.balanceChange(toCredits(before.available), toCredits(event.balance_after.available))}
        </Text>
      </Part>
      <Part title={WORDS.context}>
        <Details known={known} projects={projects} />
      </Part>
    </Stack>
  );
}

function Part({ title, children }: PropsWithChildren<{ readonly title: string }>) {
  return (
    <Stack gap={6} component="section">
      <Title order={3} size="h6">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

function Payers({ known: { event, grants } }: { readonly known: UsageExplanation }) {
  if (event.cost_microcredits === 0) return <Text size="sm">{WORDS.free}</Text>;
  return (
    <ul className={classes['payers']}>
      {grants.map((grant) => (
        <li key={grant.grant_id} className={classes['payer']}>
          <Stack gap={0}>
            <Text size="sm" fw={550}>
              {STRINGS.bucket[grant.bucket]}
            </Text>
            <Text size="xs" c="dimmed">
              {[
                WORDS.grantSince(formatDate(grant.effective_time)),
                WORDS.grantLeft(toCredits(grant.remaining_before_microcredits)),
                ...(grant.expire_time === null ? [] : [WORDS.grantExpires(formatDate(grant.expire_time))]),
              ].join(' · ')}
            </Text>
          </Stack>
          <Text size="sm" fw={550} className="figure">
            {formatCredits(grant.paid_microcredits)}
          </Text>
        </li>
      ))}
      {event.deficit_microcredits > 0 && (
        <li>
          <Text size="sm" c="var(--mantine-color-error)">
            {WORDS.deficit(toCredits(event.deficit_microcredits))}
          </Text>
        </li>
      )}
    </ul>
  );
}

function Details({ known, projects }: { readonly known: UsageExplanation; readonly projects: readonly Project[] }) {
  const { event, hold, request_id, commit } = known;
  const project = event.project_id === null ? null : nameOfProject(projects, event.project_id);
  return (
    <dl className={classes['details']}>
      <Detail term={WORDS.project} text={project} />
      <Detail term={WORDS.workflow} text={event.workflow_id} />
      <Detail term={WORDS.run} text={event.run_id} badge={event.run_status} />
      {Object.entries(event.dimensions).map(([name, value]) => (
        <Detail key={name} term={name} text={String(value)} />
      ))}
      <Detail term={WORDS.hold} text={hold === null ? null : toCredits(hold.held_microcredits)} />
      <Detail term={WORDS.entry} text={event.entry_id} isCode />
      <Detail term={WORDS.request} text={request_id} isCode />
      <Detail term={WORDS.commit} text={`#${commit.commit_seq} ${commit.hash.slice(0, 16)}…`} isCode />
    </dl>
  );
}

interface DetailProps {
  readonly term: string;
  readonly text: string | null;
  readonly badge?: keyof typeof STRINGS.usage.runStatus | null;
  readonly isCode?: boolean;
}

function Detail({ term, text, badge, isCode }: DetailProps) {
  if (text === null) return null;
  return (
    <div className={classes['detail']}>
      <Text component="dt" size="sm" c="dimmed">
        {term}
      </Text>
      <dd>
        <Group gap={6} justify="flex-end">
          {isCode === true ? <Code className={classes['code']}>{text}</Code> : <Text size="sm">{text}</Text>}
          {badge !== undefined && badge !== null && (
            <Badge size="xs" variant="light" color={badge === 'failed' ? 'red' : 'gray'}>
              {STRINGS.usage.runStatus[badge]}
            </Badge>
          )}
        </Group>
      </dd>
    </div>
  );
}
