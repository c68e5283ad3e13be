// Owns how a preview of a change is shown: when, what is paid, and what becomes of the credits in each bucket.

import { Stack, Table, Text } from '@mantine/core';
import type { PlanChangePreview } from '../../api/type.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatMoney } from '../../format/money.ts';
import { formatDate } from '../../format/time.ts';
import { BUCKETS } from '../../part/bucket.ts';
import { STRINGS } from '../../strings.ts';
import { computeDue, describeNext, type Reductions } from './due.ts';
import classes from './preview-table.module.css';

const WORDS = STRINGS.plans.preview;

interface PreviewTableProps extends Reductions {
  readonly preview: PlanChangePreview;
}

/** Shows the preview. */
export function PreviewTable({ preview, forecast, discounts }: PreviewTableProps) {
  const due = computeDue(preview, forecast);
  return (
    <Stack gap="md">
      <dl className={classes['facts']}>
        <Fact term={WORDS.when} text={isAtOnce(preview) ? WORDS.now : formatDate(preview.effective_time)} />
        <Fact term={WORDS.dueNow} text={due.amount === 0 ? WORDS.dueNothing : formatMoney(due)} isStrong />
        <Fact term={WORDS.next} text={describeNext(preview, { forecast, discounts })} />
      </dl>
      <BucketTable preview={preview} />
    </Stack>
  );
}

/** Says whether a change happens with the click, or waits for the end of the period. */
export function isAtOnce({ kind }: PlanChangePreview): boolean {
  return kind === 'activation' || kind === 'upgrade' || kind === 'resumption';
}

interface FactProps {
  readonly term: string;
  readonly text: string;
  readonly isStrong?: boolean;
}

function Fact({ term, text, isStrong }: FactProps) {
  return (
    <div className={classes['fact']}>
      <Text component="dt" size="sm" c="dimmed">
        {term}
      </Text>
      <Text component="dd" m={0} className="figure" fw={isStrong === true ? 650 : 500}>
        {text}
      </Text>
    </div>
  );
}

function BucketTable({ preview: { buckets } }: { readonly preview: PlanChangePreview }) {
  return (
    <Table withRowBorders={false} verticalSpacing={6} horizontalSpacing={0}>
      <Table.Caption className="hidden">{WORDS.credits}</Table.Caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{WORDS.credits}</Table.Th>
          <Table.Th scope="col" ta="right">
            {WORDS.before}
          </Table.Th>
          <Table.Th scope="col" ta="right">
            {WORDS.after}
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {BUCKETS.map((bucket) => {
          const { before_microcredits: before, after_microcredits: after } = buckets[bucket];
          return (
            <Table.Tr key={bucket}>
              <Table.Th scope="row" fw={400}>
                {STRINGS.bucket[bucket]}
              </Table.Th>
              <Table.Td ta="right" className="figure">
                {formatCreditsShort(before)}
              </Table.Td>
              <Table.Td ta="right" className="figure" fw={before === after ? 400 : 650}>
                {formatCreditsShort(after)}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}
