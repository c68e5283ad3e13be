// Owns how tables look, and that their rows become cards where the page is narrow. There a cell says by `data-place` where it stands:
// `title`, `figure` or `act`; any other one stands below the title, with its `data-label` before it.

import { Paper, Table } from '@mantine/core';
import type { PropsWithChildren } from 'react';
import classes from './data-table.module.css';

interface Column {
  readonly words: string;
  readonly isNumber?: boolean;
  /** Says that only those who hear the page need its name. */
  readonly isHidden?: boolean;
}

interface DataTableProps {
  readonly label: string;
  readonly columns: readonly Column[];
}

/** Shows a table. */
export function DataTable({ label, columns, children }: PropsWithChildren<DataTableProps>) {
  return (
    <Paper withBorder className={classes['frame']}>
      <Table className={classes['table']} aria-label={label} highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ words, isNumber, isHidden }) => (
              <Table.Th key={words} scope="col" {...(isNumber === true && { ta: 'right' })}>
                {isHidden === true ? <span className="hidden">{words}</span> : words}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Paper>
  );
}
