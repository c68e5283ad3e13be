// Lists that a page shows as a whole are read to their end.

import { expect, it, vi } from 'vitest';
import { readAllPages } from '../../bff/console/src/api/all-pages.ts';

it('reads page after page, and keeps their order', async () => {
  const pages = [
    { items: [1, 2], next_page_token: 'a' },
    { items: [], next_page_token: 'b' },
    { items: [3], next_page_token: null },
  ];
  const asked = vi.fn((pageToken?: string) => {
    const page = pages[['', 'a', 'b'].indexOf(pageToken ?? '')];
    return page === undefined
      ? Promise.reject(new RangeError(`There is no page ${pageToken}.`))
      : Promise.resolve(page);
  });
  expect(await readAllPages(asked, ({ items }) => items)).toEqual([1, 2, 3]);
  expect(asked.mock.calls).toEqual([[undefined], ['a'], ['b']]);
});

it('fails where a page does', async () => {
  await expect(
    readAllPages(
      () => Promise.reject(new Error('no')),
      () => [],
    ),
  ).rejects.toThrow('no');
});
