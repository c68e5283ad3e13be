import { describe, expect, test } from 'vitest';
import { lintSource } from '../support/lint-source.ts';

const PURITY = ['plugin', 'lint/style/noRestrictedGlobals'] as const;

const IMPURE: readonly (readonly [what: string, source: string])[] = [
  ['Date.now', 'export const value = Date.now();'],
  ["Date['now']", "export const value = Date['now']();"],
  ['now taken out of Date', 'export const { now } = Date;'],
  ['new Date()', 'export const value = new Date();'],
  ['Date()', 'export const value = Date();'],
  ['another name for Date', 'export const Clock = Date;'],
  ['performance.now', 'export const value = performance.now();'],
  ['Math.random', 'export const value = Math.random();'],
  ['random taken out of Math', 'export const { random } = Math;'],
  ['crypto', 'export const value = crypto.randomUUID();'],
  ['the environment', "export const value = process.env['HOME'];"],
  ['globalThis', 'export const value = globalThis.name;'],
  ['setTimeout', 'export const value = setTimeout(() => undefined, 1);'],
  ['fetch', "export const value = fetch('http://127.0.0.1');"],
  ['console', "export function print(): void { console.log('printed'); }"],
  ['await', 'export async function wait(value: unknown): Promise<void> { await value; }'],
  ['an async arrow', 'export const wait = async () => 1;'],
  ['an async method', 'export class Waiting { async wait() {} }'],
  ['a static async method', 'export class Waiting { static async wait() {} }'],
  ['for await', 'export async function* pass(all: AsyncIterable<number>) { for await (const one of all) yield one; }'],
  ['Promise', 'export const value = Promise.resolve(1);'],
  ['parseFloat', "export const value = parseFloat('1');"],
  ['Number.parseFloat', "export const value = Number.parseFloat('1');"],
  ['Number(…)', "export const value = Number('1');"],
  ['Number as a function', "export const value = ['1'].map(Number);"],
  ['toFixed', 'export function show(value: number): string { return value.toFixed(2); }'],
  ['a fraction in a number', 'export const value = 0.1;'],
];

const PURE: readonly (readonly [what: string, source: string])[] = [
  ['a date out of an argument', 'export function toDate(instant: number): Date { return new Date(instant); }'],
  ['the type Date', 'export type When = Date;'],
  ['whole numbers', 'export const MONTHS = 12;\nexport const BIG = 1_000_000n;'],
  ['bounds of Number', 'export const MAX = Number.MAX_SAFE_INTEGER;\nexport const END = Number.POSITIVE_INFINITY;'],
  [
    'a test for whole numbers',
    'export function isSafe(value: number): boolean { return Number.isSafeInteger(value); }',
  ],
  ['Math by method', 'export function least(a: number, b: number): number { return Math.min(a, b); }'],
  ['a name that only looks like it', 'export interface Task { readonly asyncKey: string; readonly process: string }'],
];

describe('the domain may not have', () => {
  test.each(IMPURE)('%s', async (_what, source) => {
    expect(await lintSource('kernel/domain/sample.ts', source, PURITY)).not.toEqual([]);
  });
});

describe('the domain may have', () => {
  test.each(PURE)('%s', async (_what, source) => {
    expect(await lintSource('kernel/domain/sample.ts', source, PURITY)).toEqual([]);
  });
});

test('other layers may look at the clock', async () => {
  expect(await lintSource('kernel/worker/sample.ts', 'export const value = Date.now();', PURITY)).toEqual([]);
});
