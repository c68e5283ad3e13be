// Owns reading how much of each table WiredTiger's newest checkpoint holds. The files themselves are larger by free space: a
// checkpoint writes changed pages anew and gives their old place free, so a file's size says how often that happened
// lately rather than what is kept.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** WiredTiger's list of its files, which it keeps uncompressed. */
const METADATA_FILE = 'WiredTiger.wt';
const TABLE = /file:(\w+)\.wt/g;
const CHECKPOINT = /checkpoint=\(WiredTigerCheckpoint\.\d+=\(addr="[^"]*",order=(\d+),time=\d+,size=(\d+)/g;
/** The description of a table follows its name at once, and is about half as long as this. */
const DESCRIPTION_BYTES_MAX = 2_000;

/** Reads how many bytes of each table the newest checkpoint holds; empty where no WiredTiger is in the folder. */
export async function readCheckpointBytes(folder: string): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, { readonly order: number; readonly bytes: number }>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.name !== METADATA_FILE) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'latin1');
    for (const match of text.matchAll(CHECKPOINT)) {
      const table = tableBefore(text, match.index);
      const [order, bytes] = [Number(match[1]), Number(match[2])];
      // Pages that were replaced are still there.
      if (table !== undefined && order > (newest.get(table)?.order ?? 0)) newest.set(table, { order, bytes });
    }
  }
  return new Map([...newest].map(([table, { bytes }]) => [table, bytes]));
}

function tableBefore(text: string, place: number): string | undefined {
  const before = text.slice(Math.max(0, place - DESCRIPTION_BYTES_MAX), place);
  return [...before.matchAll(TABLE)].at(-1)?.[1];
}
