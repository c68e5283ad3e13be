// Owns reading a list to its end, where a page shows all of it. Of such lists there are bounds, which the service keeps.

/** Reads every page of a list, one after the other. */
export async function readAllPages<Page extends { readonly next_page_token: string | null }, Item>(
  load: (pageToken?: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<readonly Item[]> {
  const items: Item[] = [];
  let pageToken: string | undefined;
  do {
    const page = await load(pageToken);
    items.push(...itemsOf(page));
    pageToken = page.next_page_token ?? undefined;
  } while (pageToken !== undefined);
  return items;
}
