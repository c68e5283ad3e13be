// Owns how a list is asked for and answered a page at a time (AIP-158).

import { defineQuery, type ReadQuery } from '../query.ts';

/** Are the parameters of every list. */
export interface PageQuery {
  page_size?: string;
  page_token?: string;
}

/** Builds the schemas of the parameters of a list whose pages have at most this many items. */
export function pageProperties(sizeMax: number) {
  return {
    page_size: {
      type: 'string',
      nullable: true,
      pattern: '^[0-9]{1,32}$',
      description: `a whole number, at most ${sizeMax} (more counts as ${sizeMax})`,
    },
    page_token: {
      type: 'string',
      nullable: true,
      pattern: '^[\\x21-\\x7e]{0,1024}$',
      description: 'the next_page_token of the page before',
    },
  } as const;
}

/** Defines the query of a list that takes nothing but the page: how many items, and after which. */
export function definePageQuery({ sizeMax }: { readonly sizeMax: number }): ReadQuery<PageQuery> {
  return defineQuery<PageQuery>({
    type: 'object',
    properties: pageProperties(sizeMax),
    required: [],
    additionalProperties: false,
  });
}

/** Are the bounds of the lists of people and what is theirs. */
export const PEOPLE_PAGE = { sizeDefault: 50, sizeMax: 200 } as const;

/** Translates the parameters of a list into the contract's. Zero means the default and too much means the most. */
export function toProtoPage(
  { page_size, page_token }: PageQuery,
  { sizeDefault, sizeMax }: { readonly sizeDefault: number; readonly sizeMax: number },
): { pageSize: number; pageToken: string } {
  return { pageSize: Math.min(Number(page_size ?? 0) || sizeDefault, sizeMax), pageToken: page_token ?? '' };
}

/** Is what follows a page: null rather than "", so that a client that sends it back without looking is refused. */
export function fromProtoPageToken(nextPageToken: string): string | null {
  return nextPageToken || null;
}
