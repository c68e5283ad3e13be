// Owns the kill switches of the environment: how they stand, how operators turn them, and that what is off is refused. Does
// not own where each bites.
// Invariant: a switch is read afresh whenever it bites, so a change holds for every kernel from its answer on.

import { KILL_SWITCHES, type KillSwitchName, killSwitchOff } from '../../domain/kill-switch.ts';
import type { ChangeBook, OperatorRequest } from './change-book.ts';
import type { KillSwitchStore } from './ports.ts';

/** The values that switches have where nobody has stored any. */
export type KillSwitchValues = Readonly<Record<KillSwitchName, boolean>>;

/** One switch as it stands. */
export interface KillSwitchReading {
  readonly name: KillSwitchName;
  readonly enabled: boolean;
}

/** What says how switches stand. */
export interface KillSwitchSource {
  readonly store: Pick<KillSwitchStore, 'loadSwitches'>;
  /** What holds where a switch's value is gone from the database. */
  readonly firstValues: KillSwitchValues;
}

async function readKillSwitches({ store, firstValues }: KillSwitchSource): Promise<readonly KillSwitchReading[]> {
  const stored = await store.loadSwitches();
  return KILL_SWITCHES.map((name) => ({ name, enabled: stored.get(name) ?? firstValues[name] }));
}

/** Answers what is switched off now. Throws DomainError DATABASE_UNAVAILABLE. */
export async function loadSwitchedOff(source: KillSwitchSource): Promise<ReadonlySet<KillSwitchName>> {
  const switches = await readKillSwitches(source);
  return new Set(switches.filter(({ enabled }) => !enabled).map(({ name }) => name));
}

/** What the board is made of. */
export interface KillSwitchBoardParts extends KillSwitchSource {
  readonly book: Pick<ChangeBook, 'change'>;
}

/** Keeps the kill switches. */
export class KillSwitchBoard {
  readonly #parts: KillSwitchBoardParts;

  constructor(parts: KillSwitchBoardParts) {
    this.#parts = parts;
  }

  /** Answers all switches as they stand now. Throws DomainError DATABASE_UNAVAILABLE. */
  readSwitches(): Promise<readonly KillSwitchReading[]> {
    return readKillSwitches(this.#parts);
  }

  /** Throws DomainError KILL_SWITCH_OFF where a switch is off, DATABASE_UNAVAILABLE. */
  async assertOn(name: KillSwitchName): Promise<void> {
    if (!(await this.#read(name))) throw killSwitchOff(name);
  }

  /** Says whether a switch is on. Throws DomainError DATABASE_UNAVAILABLE. */
  isOn(name: KillSwitchName): Promise<boolean> {
    return this.#read(name);
  }

  /** Turns a switch; answers how it stands now, and whether an earlier call turned it. Throws what ChangeBook.change does. */
  async setSwitch(
    request: OperatorRequest,
    name: KillSwitchName,
    enabled: boolean,
  ): Promise<{ readonly reading: KillSwitchReading; readonly replayed: boolean }> {
    const kind = {
      operation: 'set_kill_switch' as const,
      method: 'OperatorService/SetKillSwitch',
      meaning: [name, enabled],
    };
    const replayed = await this.#parts.book.change(request, kind, { kind: 'switch', name }, async () => ({
      effect: { kind: 'switch', enabled },
      changes: [{ field: name, before: String(await this.#read(name)), after: String(enabled) }],
    }));
    return { reading: { name, enabled: await this.#read(name) }, replayed };
  }

  async #read(name: KillSwitchName): Promise<boolean> {
    return (await this.#parts.store.loadSwitches()).get(name) ?? this.#parts.firstValues[name];
  }
}
