// Owns how the Console looks: colours, type and the defaults of components. Invariant: text has a contrast of 4.5 : 1 on what it
// stands on, in both schemes.

import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';
import { STRINGS } from '../strings.ts';

const BRAND: MantineColorsTuple = [
  '#f0f1fd',
  '#dfe2f8',
  '#bdc2ee',
  '#99a1e4',
  '#7b85db',
  '#6670d4',
  '#525cc4',
  '#454eab',
  '#3b4393',
  '#30377a',
];

/** Neutral and a little blue; the last ones are the grounds of the dark scheme. */
const DARK: MantineColorsTuple = [
  '#e3e5ea',
  '#c3c7d0',
  '#9aa0ad',
  '#6b7280',
  '#3a3f4a',
  '#2a2e37',
  '#1d2027',
  '#14161b',
  '#0f1115',
  '#0a0b0e',
];

const GRAY: MantineColorsTuple = [
  '#f8f9fb',
  '#f1f3f6',
  '#e6e8ed',
  '#d7dae1',
  '#c2c7d0',
  '#8b92a0',
  '#6b7280',
  '#4c5361',
  '#333946',
  '#1c202a',
];

const NUMBERS_AND_WORDS = "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif";

const CLOSE_BUTTON = { 'aria-label': STRINGS.common.close };
const OVERLAY = { backgroundOpacity: 0.4, blur: 2 };

/** Is the theme. */
export const THEME = createTheme({
  primaryColor: 'brand',
  primaryShade: { light: 6, dark: 6 },
  colors: { brand: BRAND, dark: DARK, gray: GRAY },
  black: '#1c202a',
  fontFamily: NUMBERS_AND_WORDS,
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, monospace",
  headings: { fontFamily: NUMBERS_AND_WORDS, fontWeight: '600' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  // By their names: what a page needs of them is loaded with the page.
  components: {
    Badge: { defaultProps: { tt: 'none', fw: 550, radius: 'sm' } },
    Modal: {
      defaultProps: {
        centered: true,
        radius: 'lg',
        padding: 'lg',
        overlayProps: OVERLAY,
        closeButtonProps: CLOSE_BUTTON,
      },
    },
    Drawer: { defaultProps: { overlayProps: OVERLAY, closeButtonProps: CLOSE_BUTTON } },
    Table: { defaultProps: { verticalSpacing: 'sm', horizontalSpacing: 'md' } },
    Tabs: { defaultProps: { keepMounted: false } },
  },
});

/** White words stand on it. */
const RED = { '--mantine-color-red-filled': '#c92a2a', '--mantine-color-red-filled-hover': '#b02525' };

/** Is what the theme can't say by itself. */
export const resolveVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...RED,
    '--mantine-color-dimmed': '#5b6270',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-error': '#c02626',
    '--mantine-color-red-outline': '#c02626',
    // On their own light grounds the library's are too pale to be read at the size of a badge.
    '--mantine-color-teal-light-color': '#0a6152',
    '--mantine-color-yellow-light-color': '#7a4f00',
    '--mantine-color-red-light-color': '#a61b1b',
    '--mantine-color-red-light': '#fdeeee',
    '--mantine-color-yellow-light': '#fdf4d9',
    '--mantine-color-teal-light': '#e0f7ee',
    '--wh-ground': '#fbfbfd',
    '--wh-paper': '#ffffff',
    '--wh-line': '#e6e8ed',
    '--wh-trial': '#8b5cf6',
    '--wh-included': '#4f7cf0',
    '--wh-payg': '#0d9488',
    '--wh-track': '#eceef2',
    '--wh-hover': '#f1f2f6',
    '--wh-active': '#e9ebf1',
    '--wh-quiet': '#4c5361',
    '--mantine-color-body': '#ffffff',
    '--mantine-color-anchor': '#454eab',
  },
  dark: {
    ...RED,
    '--mantine-color-dimmed': '#9aa0ad',
    '--mantine-color-placeholder': '#8b92a0',
    '--mantine-color-error': '#ff8585',
    '--mantine-color-red-outline': '#ff8585',
    // The library's grounds are as loud as a button here.
    '--mantine-color-red-light': 'rgba(255, 107, 107, 0.13)',
    '--mantine-color-red-light-color': '#ffb4b4',
    '--mantine-color-yellow-light': 'rgba(250, 190, 60, 0.13)',
    '--mantine-color-yellow-light-color': '#ffd978',
    '--mantine-color-teal-light': 'rgba(45, 212, 191, 0.13)',
    '--mantine-color-teal-light-color': '#5eead4',
    '--wh-ground': '#0f1115',
    '--wh-paper': '#14161b',
    '--wh-line': '#2a2e37',
    '--wh-trial': '#a78bfa',
    '--wh-included': '#6f96f7',
    '--wh-payg': '#2dd4bf',
    '--wh-track': '#2a2e37',
    '--wh-hover': '#191c22',
    '--wh-active': '#1f232b',
    '--wh-quiet': '#c3c7d0',
    '--mantine-color-body': '#14161b',
    '--mantine-color-anchor': '#a9b1f2',
  },
});
