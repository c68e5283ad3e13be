// Owns the operators' command `seed`: it puts the demo products into the catalog and says what it changed. Invariant: a row
// that is there stays as it is, so that running it again changes nothing and never undoes what an operator has set.

import { type SeedResult, seedCatalog } from '../store/catalog/catalog-seed.ts';
import { runOnDatabase } from './database-command.ts';
import { DEMO_CATALOG } from './demo-catalog.ts';
import type { CommandStreams, OutputOptions } from './operator-command.ts';
import { printRows, type Row } from './table.ts';

/**
 * Seeds the catalog of the database that the environment names; prints each row that was added, as JSON all rows.
 * Throws ConfigError where the environment is wrong, Error where the database can't be reached or refuses a row.
 */
export async function runSeed({ out, error }: CommandStreams, { json = false }: OutputOptions): Promise<void> {
  await runOnDatabase(
    (database) => (json ? error : out).write(`Seeding the demo products into ${database}\n`),
    async (connection) => {
      const results: SeedResult[] = [];
      for (const seed of DEMO_CATALOG) results.push(...(await seedCatalog(connection, seed)));
      if (json) printRows(out, results.map(toRow), [], true);
      else for (const line of describe(results)) out.write(`${line}\n`);
    },
  );
}

function toRow({ collection, row, outcome, differing }: SeedResult): Row {
  return { collection, row, outcome, differing };
}

function describe(results: readonly SeedResult[]): readonly string[] {
  const added = results.filter(({ outcome }) => outcome === 'added');
  const differing = results.filter(({ differing: fields }) => fields.length > 0);
  const kept = results.length - added.length;
  return [
    ...added.map(({ collection, row }) => `  added ${collection} ${row}`),
    ...differing.map(
      ({ collection, row, differing: fields }) =>
        `  kept  ${collection} ${row} as it is (differs in ${fields.join(', ')})`,
    ),
    added.length === 0
      ? `Nothing changed: all ${kept} rows were there. Rows that exist are never overwritten.`
      : `Added ${added.length} rows, left ${kept} as they were. Rows that exist are never overwritten.`,
  ];
}
