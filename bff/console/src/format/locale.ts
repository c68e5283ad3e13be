// Owns in which language numbers and times are written: that of the strings, with the habits of the reader's own region.

/** Are the reader's languages as far as they are ours; else ours. */
export const LOCALES: readonly string[] = [
  ...navigator.languages.filter((language) => language.startsWith('en')),
  'en',
];
