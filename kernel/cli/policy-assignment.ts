// Owns how fields of a policy are written on the command line: `field=value`, by the names of the contract.

import { PastDueEnd, PlanPolicy, TrialEndBehaviour } from '../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import type { PlanCode } from '../domain/id.ts';
import {
  computeDefaultPolicy,
  contractNameOf,
  POLICY_FIELDS,
  type PolicyField,
  policyFieldOf,
} from '../domain/plan-policy.ts';

/** A policy with new values for the fields of a mask. */
export interface PolicyAssignments {
  readonly policy: PlanPolicy;
  readonly updateMask: string[];
}

const NONE = 'none';
const TRIAL_END_BEHAVIOURS: ReadonlyMap<string, TrialEndBehaviour> = new Map([
  ['convert_or_fallback', TrialEndBehaviour.CONVERT_OR_FALLBACK],
  ['fallback', TrialEndBehaviour.FALLBACK],
]);
const PAST_DUE_ENDS: ReadonlyMap<string, PastDueEnd> = new Map([
  ['fallback', PastDueEnd.FALLBACK],
  ['keep', PastDueEnd.KEEP],
]);
const WHOLE = /^-?\d{1,19}$/;
/** Tells which kind of value a field has. */
const SAMPLE = computeDefaultPolicy('pro' as PlanCode);

/** Reads assignments such as `trial_days=30`. Throws Error with a sentence for people at the first that is wrong. */
export function parseAssignments(assignments: readonly string[]): PolicyAssignments {
  const updateMask: string[] = [];
  const fields: Partial<Record<PolicyField, unknown>> = {};
  for (const assignment of assignments) {
    const separator = assignment.indexOf('=');
    const name = assignment.slice(0, Math.max(0, separator));
    const field = policyFieldOf(name);
    if (field === undefined)
      throw new Error(`${assignment}: give field=value, where the field is one of ${allNames()}.`);
    if (updateMask.includes(name)) throw new Error(`${assignment}: ${name} has a value already, give it once.`);
    updateMask.push(name);
    fields[field] = parseValue(field, assignment.slice(separator + 1), assignment);
  }
  // Each value was made by the kind of its field.
  return { policy: PlanPolicy.fromPartial(fields as Partial<PlanPolicy>), updateMask };
}

function parseValue(field: PolicyField, text: string, assignment: string): unknown {
  const refuse = (advice: string): never => {
    throw new Error(`${assignment}: ${advice}.`);
  };
  switch (field) {
    case 'trialEndBehaviour':
      return parseWord(TRIAL_END_BEHAVIOURS, text, refuse);
    case 'pastDueEnd':
      return parseWord(PAST_DUE_ENDS, text, refuse);
    case 'paygMinorUnitsPerCredit':
      return text === NONE ? '' : text;
    case 'creditGates':
      return listOf(text);
    case 'paygPackages':
      return listOf(text).map((item) => {
        const [, minorUnits, microcredits] = /^(\d{1,16}):(\d{1,16})$/.exec(item) ?? [];
        if (minorUnits === undefined || microcredits === undefined) {
          return refuse(
            'give minor units and microcredits of each package, such as 1000:10000000,4500:50000000, or none',
          );
        }
        return { minorUnits: BigInt(minorUnits), microcredits: BigInt(microcredits) };
      });
    case 'memberLimit':
    case 'paygMinorUnitsMin':
    case 'paygMinorUnitsMax':
      if (text === NONE) return undefined;
      if (!WHOLE.test(text)) return refuse('give a whole number, or none');
      return field === 'memberLimit' ? Number(text) : BigInt(text);
    default:
      return parsePlain(SAMPLE[field], text, refuse);
  }
}

function parseWord<Value>(values: ReadonlyMap<string, Value>, text: string, refuse: (advice: string) => never): Value {
  return values.get(text) ?? refuse(`give ${[...values.keys()].join(' or ')}`);
}

function parsePlain(sample: unknown, text: string, refuse: (advice: string) => never): unknown {
  if (typeof sample === 'boolean') {
    if (text !== 'true' && text !== 'false') return refuse('give true or false');
    return text === 'true';
  }
  if (!WHOLE.test(text)) return refuse('give a whole number');
  return typeof sample === 'bigint' ? BigInt(text) : Number(text);
}

function listOf(text: string): string[] {
  return text === NONE ? [] : text.split(/[\s,]+/).filter((item) => item !== '');
}

function allNames(): string {
  return POLICY_FIELDS.map(contractNameOf).join(', ');
}
