// Owns the page of the analytics: the range, the figures of it, how they went by day, and what they were for.

import { Group, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { useCreditAnalytics, useProjects, useSubscription, useUsageDimensions } from '../../data/billing-query.ts';
import { serviceNow } from '../../data/service-clock.ts';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded, Waiting } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { toProjectOptions } from '../../part/project-name.ts';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { Breakdown } from './breakdown.tsx';
import { DimensionPanel } from './dimension-panel.tsx';
import { computeTotals, RANGE_NAMES, type RangeName, toQuery, toSeries } from './series.ts';
import { SeriesPanel } from './series-panel.tsx';
import { TotalFigures } from './total-figures.tsx';

const WORDS = STRINGS.analytics;
const WAITING_HEIGHT = 420;

/** Shows the analytics. */
export function AnalyticsPage() {
  const maySee = useRole('project_viewer');
  const [parameters, setParameters] = useSearchParams();
  const range = RANGE_NAMES.find((name) => name === parameters.get('range')) ?? 'month';
  const project = parameters.get('project') ?? '';
  const choose = (next: { readonly range: RangeName; readonly project: string }): void =>
    setParameters(
      { ...(next.range !== 'month' && { range: next.range }), ...(next.project !== '' && { project: next.project }) },
      { replace: true },
    );
  return (
    <PageFrame
      title={WORDS.title}
      text={WORDS.text}
      actions={maySee && <Choices range={range} project={project} onChoose={choose} />}
    >
      {maySee ? <WhenTimeIsKnown range={range} project={project} /> : <RoleNote text={STRINGS.role.needsContributor} />}
    </PageFrame>
  );
}

interface ChoicesProps {
  readonly range: RangeName;
  readonly project: string;
  readonly onChoose: (next: { readonly range: RangeName; readonly project: string }) => void;
}

function Choices({ range, project, onChoose }: ChoicesProps) {
  const projects = useProjects().data ?? [];
  return (
    <Group gap="sm">
      <NativeSelect
        aria-label={WORDS.project}
        value={project}
        onChange={({ currentTarget }) => onChoose({ range, project: currentTarget.value })}
        data={[{ value: '', label: WORDS.allProjects }, ...toProjectOptions(projects)]}
      />
      <SegmentedControl
        aria-label={WORDS.range}
        value={range}
        onChange={(value) => onChoose({ range: RANGE_NAMES.find((name) => name === value) ?? 'month', project })}
        data={RANGE_NAMES.map((value) => ({ value, label: WORDS.ranges[value] }))}
      />
    </Group>
  );
}

interface AnalyticsProps {
  readonly range: RangeName;
  readonly project: string;
}

/** Ranges end today, by the clock of the service where somebody may ask for it. */
function WhenTimeIsKnown(props: AnalyticsProps) {
  const mayAsk = useRole('project_contributor');
  const { isPending } = useSubscription();
  return mayAsk && isPending ? <Waiting height={WAITING_HEIGHT} /> : <Analytics {...props} />;
}

function Analytics({ range, project }: AnalyticsProps) {
  const isAdmin = useRole('tenant_admin');
  // Counted from when the choice was made, so that what is on the page belongs together.
  const query = useMemo(() => toQuery(range, project, serviceNow()), [range, project]);
  const days = useCreditAnalytics({ ...query, interval: 'day' });
  const dimensions = useUsageDimensions(query);
  return (
    <Loaded query={days} what={WORDS.title} height={WAITING_HEIGHT}>
      {({ rows }) => {
        if (rows.length === 0) {
          return (
            <EmptyNote
              title={WORDS.empty}
              text={isAdmin ? WORDS.emptyText : `${WORDS.emptyText} ${WORDS.ownProjects}`}
            />
          );
        }
        return (
          <Stack gap="lg">
            <TotalFigures totals={computeTotals(rows)} />
            <SeriesPanel series={toSeries(rows, query)} totals={computeTotals(rows)} />
            <Breakdown query={query} />
            <Loaded query={dimensions} what={WORDS.dimensions} height={120}>
              {(known) => <DimensionPanel dimensions={known} />}
            </Loaded>
            {!isAdmin && (
              <Text size="sm" c="dimmed">
                {WORDS.ownProjects}
              </Text>
            )}
          </Stack>
        );
      }}
    </Loaded>
  );
}
