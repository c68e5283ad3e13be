// Owns how credits and runs went by day: as a picture, or as a table for whoever wants or needs the figures.

import { Button, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import { formatCredits, formatCreditsShort } from '../../format/credit.ts';
import { DataTable } from '../../part/data-table.tsx';
import { Waiting } from '../../part/loaded.tsx';
import { Panel } from '../../part/panel.tsx';
import { STRINGS } from '../../strings.ts';
import type { DayPoint, Totals } from './series.ts';

const WORDS = STRINGS.analytics.chart;
const CHART_HEIGHT = 300;
const SeriesChart = lazy(async () => ({ default: (await import('./series-chart.tsx')).SeriesChart }));

interface SeriesPanelProps {
  readonly series: readonly DayPoint[];
  readonly totals: Totals;
}

/** Shows the days. */
export function SeriesPanel({ series, totals }: SeriesPanelProps) {
  const [isTable, { toggle }] = useDisclosure(false);
  return (
    <Panel
      title={WORDS.title}
      aside={
        <Button variant="subtle" color="gray" size="compact-sm" onClick={toggle}>
          {isTable ? WORDS.hideTable : WORDS.table}
        </Button>
      }
    >
      {isTable ? (
        <SeriesTable series={series} />
      ) : (
        <figure aria-label={WORDS.title}>
          <Text component="figcaption" className="hidden">
            {WORDS.summary(formatCreditsShort(totals.microcredits), totals.runs, series.length)}
          </Text>
          <Suspense fallback={<Waiting height={CHART_HEIGHT} />}>
            <SeriesChart series={series} height={CHART_HEIGHT} />
          </Suspense>
        </figure>
      )}
    </Panel>
  );
}

function SeriesTable({ series }: { readonly series: readonly DayPoint[] }) {
  return (
    <DataTable
      label={WORDS.title}
      columns={[
        { words: WORDS.day },
        { words: WORDS.credits, isNumber: true },
        { words: WORDS.runs, isNumber: true },
        { words: WORDS.failed, isNumber: true },
      ]}
    >
      {series.map(({ day, microcredits, runs, failed }) => (
        <Table.Tr key={day}>
          <Table.Td data-label={WORDS.day} data-place="title">
            {day}
          </Table.Td>
          <Table.Td data-label={WORDS.credits} data-place="figure" ta="right" className="figure">
            {formatCredits(microcredits)}
          </Table.Td>
          <Table.Td data-label={WORDS.runs} ta="right" className="figure">
            {runs}
          </Table.Td>
          <Table.Td data-label={WORDS.failed} ta="right" className="figure">
            {failed}
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
