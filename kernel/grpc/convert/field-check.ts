// Owns how the fields of requests are checked: every fault of a request is collected, each under its path in the contract,
// so that a caller sees all of them at once. Does not own rules that need more than the request (domain/, app/).

import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import { type FieldViolation, invalidField } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { parseQuantity, type Quantity } from '../../domain/quantity.ts';

export const ID_LENGTH_MAX = 128;
const PAGE_SIZE_MAX = 1_000;
const TENANT_PAGE_SIZE_DEFAULT = 50;
/** A token can name three ids of the longest, in any script. */
const PAGE_TOKEN_LENGTH_MAX = 4_096;
/** How much of a refused value is shown. */
const SHOWN_LENGTH_MAX = 64;
/** 9999-12-31T23:59:59.999Z, the end of what a protobuf Timestamp can hold. */
const INSTANT_MAX = 253_402_300_799_999;

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const VISIBLE_CHARACTER = /[^\s\p{C}]/u;

/** How long a text may be, in characters. */
export interface TextBounds {
  readonly required: boolean;
  readonly lengthMax: number;
}

/** A range of time as requests have it. */
interface ProtoRange {
  readonly startTime?: Date | undefined;
  readonly endTime?: Date | undefined;
}

/** A range of time: with its start, without its end. */
interface Range {
  readonly startAt: Instant;
  readonly endAt: Instant;
}

/** Collects what is wrong with one request. A checked field is answered in a usable form even when it is wrong. */
export class FieldCheck {
  readonly #prefix: string;
  #violations: FieldViolation[] | undefined;

  /** @param prefix Stands before every field's path, such as `debits[3].`. */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  /** Notes that a field is wrong. */
  refuse(field: string, description: string): void {
    this.#violations ??= [];
    this.#violations.push({ field: this.#prefix + field, description });
  }

  /** Throws DomainError INVALID_FIELD with everything that was refused, where something was. */
  assertValid(): void {
    if (this.#violations !== undefined) throw invalidField(...this.#violations);
  }

  /** Checks an idempotency key. */
  requestId(value: string, field = 'request_id'): string {
    if (value === '') this.refuse(field, 'is required: give an id that is the same for every retry, such as a UUIDv7');
    else if (!REQUEST_ID.test(value)) {
      this.refuse(field, `must be 1 to 128 characters of A-Z a-z 0-9 . _ : -, got ${describeText(value)}`);
    }
    return value;
  }

  tenantId(value: string): TenantId {
    return this.id('tenant_id', value, true) as TenantId;
  }

  /** Checks an id, of ours or the caller's; an empty one that is not required means that there is none. */
  id(field: string, value: string, required: boolean): string {
    return this.text(field, value, { required, lengthMax: ID_LENGTH_MAX });
  }

  /** Checks an id that need not be there; undefined where it is empty. */
  optionalId(field: string, value: string): string | undefined {
    return value === '' ? undefined : this.id(field, value, false);
  }

  /** Checks a text of one line. */
  text(field: string, value: string, { required, lengthMax }: TextBounds): string {
    if (value === '') {
      if (required) this.refuse(field, 'is required');
    } else if (value.length > lengthMax && countCharacters(value) > lengthMax) {
      this.refuse(field, `must have at most ${lengthMax} characters, has ${countCharacters(value)}`);
    } else if (CONTROL_CHARACTER.test(value)) {
      this.refuse(field, `must not hold control characters, got ${quote(value)}`);
    } else if (!VISIBLE_CHARACTER.test(value)) {
      this.refuse(field, `must hold a visible character, got ${quote(value)}`);
    }
    return value;
  }

  /** Checks a text that the caller may not set. */
  absent(field: string, value: string, why: string): void {
    if (value !== '') this.refuse(field, `must be left out: ${why}`);
  }

  quantity(value: string, field = 'quantity', zero: 'refused' | 'allowed' = 'refused'): Quantity {
    const quantity = parseQuantity(value, zero);
    if (!('problem' in quantity)) return quantity;
    this.refuse(field, quantity.problem);
    return { millionths: 0n };
  }

  /** Checks an amount of microcredits above zero. */
  amount(field: string, value: bigint): bigint {
    if (value < 1n || value > MICROCREDITS_MAX) {
      this.refuse(field, `must be 1 to ${MICROCREDITS_MAX} (2^53 - 1) microcredits, got ${value}`);
    }
    return value;
  }

  /** Checks a change of microcredits: up or down, not zero. */
  delta(field: string, value: bigint): bigint {
    if (value === 0n) this.refuse(field, 'is required: a change above or below zero, got 0');
    else if (value > MICROCREDITS_MAX || value < -MICROCREDITS_MAX) {
      this.refuse(field, `must lie within ±${MICROCREDITS_MAX} (2^53 - 1) microcredits, got ${value}`);
    }
    return value;
  }

  /** Checks a point in time; undefined where the field is not set. */
  instant(field: string, value: Date | undefined): Instant | undefined {
    if (value === undefined) return undefined;
    const instant = value.getTime();
    if (instant >= 0 && instant <= INSTANT_MAX) return instant;
    this.refuse(field, 'must be a time from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59Z');
    return undefined;
  }

  /** Checks a range of time, with its start and without its end, of which either may be open. */
  range({ startTime, endTime }: ProtoRange, prefix = ''): Partial<Range> {
    const startAt = this.instant(`${prefix}start_time`, startTime);
    const endAt = this.instant(`${prefix}end_time`, endTime);
    if (startAt !== undefined && endAt !== undefined && endAt <= startAt) {
      this.refuse(`${prefix}end_time`, `must lie after ${prefix}start_time`);
    }
    return present({ startAt, endAt });
  }

  /** Answers how many rows a page may have: too many are brought down, none means the default, negative is refused. */
  pageSize(value: number, sizeDefault: number): number {
    if (value < 0) this.refuse('page_size', `must not be negative, got ${value}`);
    return value <= 0 ? sizeDefault : Math.min(value, PAGE_SIZE_MAX);
  }

  pageToken(value: string): string {
    if (value.length > PAGE_TOKEN_LENGTH_MAX)
      this.refuse('page_token', 'is not a token of this service: it is too long');
    return value;
  }
}

/** A checked request for a part of something that a workspace has. */
export interface TenantPage {
  readonly tenantId: TenantId;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A request for a page, as it comes. */
interface ProtoTenantPage {
  readonly tenantId: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Checks what every request for a page of a workspace's list has. */
export function checkTenantPage(check: FieldCheck, request: ProtoTenantPage): TenantPage {
  return {
    tenantId: check.tenantId(request.tenantId),
    pageSize: check.pageSize(request.pageSize, TENANT_PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
}

/** Shows a refused value, cut to a bearable length. */
export function quote(value: string): string {
  const shown = value.length <= SHOWN_LENGTH_MAX ? value : `${value.slice(0, SHOWN_LENGTH_MAX)}…`;
  return JSON.stringify(shown.toWellFormed());
}

function describeText(value: string): string {
  return value.length > ID_LENGTH_MAX ? `${value.length} characters` : quote(value);
}

/** Counts what people call characters as far as Unicode code points are: an emoji is one and not two. */
function countCharacters(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}
