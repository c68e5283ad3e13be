import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { failed, passed, type StepOutcome } from './step.ts';

const LINK = /\]\((?<target>[^)\s]+)\)/g;
const FENCED_BLOCK = /^```.*?^```/gms;
const REMOTE = /^[a-z]+:/i;
/** In the root folder, and in docs/ at any depth. */
const DOCUMENT_FOLDERS = ['.', 'docs'] as const;

/** Holds every relative link in the documents to a file or folder that exists. Remote addresses are not asked. */
export async function checkDocumentLinks(root: string): Promise<StepOutcome> {
  const documents = await listDocuments(root);
  const faults: string[] = [];
  let linkCount = 0;
  for (const document of documents) {
    const text = (await readFile(join(root, document), 'utf8')).replaceAll(FENCED_BLOCK, '');
    for (const { groups } of text.matchAll(LINK)) {
      const [path] = (groups?.['target'] ?? '').split('#');
      if (path === undefined || path === '' || REMOTE.test(path)) continue;
      linkCount += 1;
      if (!existsSync(resolve(root, dirname(document), path))) faults.push(`${document}: ${path} does not exist.`);
    }
  }
  return faults.length === 0
    ? passed(`${linkCount} links in ${documents.length} documents`)
    : failed(`${faults.join('\n')}\n\nA link is relative to the document that it stands in.`);
}

async function listDocuments(root: string): Promise<readonly string[]> {
  const perFolder = await Promise.all(
    DOCUMENT_FOLDERS.filter((folder) => existsSync(join(root, folder))).map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: folder !== '.' });
      return entries.filter((entry) => entry.endsWith('.md')).map((entry) => join(folder, entry));
    }),
  );
  return perFolder.flat();
}
