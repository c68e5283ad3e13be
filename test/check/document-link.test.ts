import { expect, test } from 'vitest';
import { checkDocumentLinks } from '../../dev/check/document-link.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

test('links are held to the files beside their document', async () => {
  const root = await writeTemporaryTree({
    'README.md': 'See [the glossary](docs/glossary.md#terms), [here](#below), [there](https://example.invalid/x).',
    'docs/glossary.md': 'Back to [the start](../README.md) or [the ADRs](adr/).',
    'docs/adr/0001.md': '```\n[an example](no-such-file.md)\n```\n',
  });
  expect(await checkDocumentLinks(root)).toEqual({ kind: 'passed', summary: '3 links in 3 documents' });
});

test('a link that leads nowhere is reported with its document', async () => {
  const root = await writeTemporaryTree({ 'docs/adr/0001.md': 'See [the glossary](glossary.md).' });
  expect(await checkDocumentLinks(root)).toEqual({
    kind: 'failed',
    detail: expect.stringContaining('docs/adr/0001.md: glossary.md does not exist.'),
  });
});
