// Owns the addresses of the Console's pages, for the router in the browser and for the BFF, which serves the same document at each,
// and leads to some.
// Does not own what the pages show.

/** Are the addresses, by page. */
export const PAGE_PATHS = {
  home: '/',
  welcome: '/welcome',
  billing: '/settings/billing',
  plans: '/settings/plans',
  usage: '/settings/usage',
  people: '/settings/people',
  tokens: '/settings/tokens',
  alerts: '/settings/alerts',
  workspace: '/settings/workspace',
  activity: '/settings/activity',
  analytics: '/analytics',
} as const;

/** Names, in an address, the workspace that somebody has just come into by a mail. */
export const ARRIVAL_PARAMETER = 'arrived';
