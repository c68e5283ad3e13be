// Owns what the usage of a range was for: by action, project or workflow, the largest first.

import { Progress, SegmentedControl, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { CreditRow, Project } from '../../api/type.ts';
import { useCreditAnalytics, useProjects } from '../../data/billing-query.ts';
import { formatCount } from '../../format/count.ts';
import { formatCredits } from '../../format/credit.ts';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { Panel } from '../../part/panel.tsx';
import { nameOfProject } from '../../part/project-name.ts';
import { STRINGS } from '../../strings.ts';
import classes from './breakdown.module.css';
import type { AnalyticsRange } from './series.ts';

const WORDS = STRINGS.analytics;
const GROUPS = ['action', 'project', 'workflow'] as const;
type Group = (typeof GROUPS)[number];

/** Shows the sums of one kind at a time. */
export function Breakdown({ query }: { readonly query: AnalyticsRange }) {
  const [group, setGroup] = useState<Group>('action');
  const sums = useCreditAnalytics({ ...query, group_by: group });
  const projects = useProjects().data ?? [];
  return (
    <Panel
      title={`${WORDS.by} ${WORDS.groups[group].toLowerCase()}`}
      aside={
        <SegmentedControl
          size="xs"
          aria-label={WORDS.by}
          value={group}
          onChange={(value) => setGroup(GROUPS.find((name) => name === value) ?? 'action')}
          data={GROUPS.map((value) => ({ value, label: WORDS.groups[value] }))}
        />
      }
    >
      <Loaded query={sums} what={WORDS.sums} height={160}>
        {({ rows, next_page_token }) => (
          <>
            <SumTable rows={rows} group={group} projects={projects} />
            {next_page_token !== null && (
              <Text size="sm" c="dimmed">
                {WORDS.truncated}
              </Text>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

interface SumTableProps {
  readonly rows: readonly CreditRow[];
  readonly group: Group;
  readonly projects: readonly Project[];
}

function SumTable({ rows, group, projects }: SumTableProps) {
  const { columns } = WORDS;
  const total = rows.reduce((sum, { cost_microcredits }) => sum + cost_microcredits, 0);
  const sorted = [...rows].sort((left, right) => right.cost_microcredits - left.cost_microcredits);
  const hasRuns = group !== 'action';
  return (
    <DataTable
      label={`${WORDS.by} ${WORDS.groups[group]}`}
      columns={[
        { words: WORDS.groups[group] },
        { words: columns.events, isNumber: true },
        ...(hasRuns ? [{ words: columns.runs, isNumber: true }] : []),
        { words: columns.credits, isNumber: true },
        { words: columns.share, isNumber: true },
      ]}
    >
      {sorted.map((row) => {
        const name = nameOf(row, group, projects);
        const percent = total === 0 ? 0 : Math.round((row.cost_microcredits * 100) / total);
        return (
          <Table.Tr key={name}>
            <Table.Td data-label={WORDS.groups[group]} data-place="title" fw={500}>
              {name}
            </Table.Td>
            <Table.Td data-label={columns.events} ta="right" className="figure">
              {formatCount(row.event_count)}
            </Table.Td>
            {hasRuns && (
              <Table.Td data-label={columns.runs} ta="right" className="figure">
                {formatCount(row.runs?.run_count ?? 0)}
              </Table.Td>
            )}
            <Table.Td data-label={columns.credits} data-place="figure" ta="right" className="figure" fw={550}>
              {formatCredits(row.cost_microcredits)}
            </Table.Td>
            <Table.Td data-label={columns.share} ta="right" className={classes['share']}>
              <Text component="span" inherit className="figure">
                {`${percent}%`}
              </Text>
              <Progress value={percent} size={4} className={classes['bar']} aria-hidden />
            </Table.Td>
          </Table.Tr>
        );
      })}
    </DataTable>
  );
}

function nameOf(row: CreditRow, group: Group, projects: readonly Project[]): string {
  switch (group) {
    case 'action':
      return row.action ?? STRINGS.common.none;
    case 'project':
      return row.project_id === null ? WORDS.withoutProject : nameOfProject(projects, row.project_id);
    case 'workflow':
      return row.workflow_id ?? WORDS.withoutWorkflow;
  }
}
