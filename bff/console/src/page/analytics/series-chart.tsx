// Owns the picture of credits and runs by day. It is loaded alone, since charts weigh as much as the rest of the Console.

import '@mantine/charts/styles.css';
import { CompositeChart } from '@mantine/charts';
import { STRINGS } from '../../strings.ts';
import type { DayPoint } from './series.ts';

const WORDS = STRINGS.analytics.chart;
const SHOWN = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

interface SeriesChartProps {
  readonly series: readonly DayPoint[];
  readonly height: number;
}

/** Draws bars of credits, and a line of runs over them. */
export function SeriesChart({ series, height }: SeriesChartProps) {
  return (
    <CompositeChart
      h={height}
      data={series.map((point) => ({ ...point }))}
      dataKey="day"
      series={[
        { name: 'credits', label: WORDS.credits, type: 'bar', color: 'var(--wh-included)' },
        { name: 'runs', label: WORDS.runs, type: 'line', color: 'var(--wh-payg)', yAxisId: 'right' },
      ]}
      withLegend
      withRightYAxis
      withDots={false}
      curveType="linear"
      maxBarWidth={26}
      gridAxis="x"
      tickLine="none"
      valueFormatter={(value) => SHOWN.format(value)}
      xAxisProps={{ minTickGap: 28, tickMargin: 10 }}
      yAxisProps={{ width: 36, allowDecimals: false }}
      rightYAxisProps={{ width: 30, allowDecimals: false }}
      legendProps={{ verticalAlign: 'top', height: 36 }}
    />
  );
}
