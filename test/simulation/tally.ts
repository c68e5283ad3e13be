// Counts what runs have met, so that a simulator that has stopped trying anything shows.

import type { Deed, EndSight } from '../model/account-model.ts';
import type { Ending } from './attempt.ts';

/** Counts by name. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(what: string, count: number): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  count(what: string): void {
    this.add(what, 1);
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  /** Adds another run's counts. */
  join(other: Tally): void {
    for (const [what, count] of other.counts) this.add(what, count);
  }

  countAttempt(isRead: boolean, ending: Ending | undefined): void {
    const what = isRead ? 'reading' : 'request';
    if (ending === undefined) this.count(`${what} to a kernel that died`);
    else if (ending.kind === 'posted') this.count(ending.posting.replayed ? 'request replayed' : 'request done');
    else if (ending.kind === 'refused') this.count(`refused ${ending.error.reason}`);
    else if (ending.kind === 'read') this.count('reading answered');
    else this.count(`${what} ${ending.kind}${'reason' in ending ? ` ${ending.reason}` : ''}`);
  }

  countDeed(deed: Deed): void {
    this.count(`entry ${deed.did}`);
    for (const trait of traitsOf(deed)) this.count(`entry ${deed.did} ${trait}`);
  }

  /** All counts, one a line. */
  format(): string {
    const lines = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return lines.map(([what, count]) => `${String(count).padStart(10)}  ${what}`).join('\n');
  }
}

/** What about a deed is worth having met. */
function traitsOf(deed: Deed): readonly string[] {
  const traits: Traits = [
    ['paid' in deed && deed.paid > 0n, 'that pays a deficit'],
    ['owed' in deed && deed.owed > 0n, 'into the deficit'],
    ['hold' in deed && deed.hold.overdraft > 0n, 'with overdraft'],
    ...('end' in deed && deed.end !== undefined ? traitsOfEnd(deed.end) : []),
    ...(deed.did === 'settled' ? traitsOfPart(deed) : []),
    ...(deed.did === 'undid' ? traitsOfUndoing(deed) : []),
  ];
  return traits.flatMap(([isMet, trait]) => (isMet ? [trait] : []));
}

type Traits = readonly (readonly [isMet: boolean, trait: string])[];

function traitsOfEnd({ lapsed, freed, paid }: EndSight): Traits {
  return [
    [lapsed.length > 0, 'with pins whose credit had lapsed'],
    [freed.length > 0, 'with credit that is free again'],
    [paid > 0n, 'that pays a deficit'],
  ];
}

function traitsOfPart({ late, others, end }: Extract<Deed, { readonly did: 'settled' }>): Traits {
  return [
    [late, 'late'],
    [others.length > 0, 'beyond its hold'],
    [end === undefined && !late, 'in part'],
  ];
}

function traitsOfUndoing({ back, lapsed, taken, cancelled }: Extract<Deed, { readonly did: 'undid' }>): Traits {
  return [
    [back.length > 0, 'with credit back'],
    [lapsed.length > 0, 'with lapsed credit'],
    [taken.length > 0, 'with credit taken'],
    [cancelled > 0n, 'with deficit cancelled'],
  ];
}
