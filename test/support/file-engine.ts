// Gives each test file an engine of its own, started before its first test and gone after its last. The default engine gets slower
// with every write that it has had, whatever database they went to: over one engine for all, the last files took ten times as long.

import { afterAll } from 'vitest';
import { openFileEngine } from './engine.ts';

const engine = await openFileEngine();

afterAll(() => engine.stop());
