import { runCommand } from './command.ts';
import { failed, passed, type StepOutcome, skipped } from './step.ts';

/** From this severity on a known vulnerability fails the check. */
const SEVERITIES = ['critical', 'high', 'moderate', 'low', 'info'] as const;
const FAILING: ReadonlySet<string> = new Set(['critical', 'high']);
const FETCH_TIMEOUT_MS = 20_000;

/**
 * Asks the registry whether what is locked has known vulnerabilities. Where the registry can't be reached, or has no audit
 * endpoint (a mirror), it says so: a machine without a network is no worse a package.
 */
export async function checkDependencyAudit(root: string): Promise<StepOutcome> {
  const args = ['audit', '--json', '--fetch-retries=0', `--fetch-timeout=${FETCH_TIMEOUT_MS}`];
  const { output } = await runCommand(root, 'npm', args);
  return judgeAudit(output);
}

/** Judges what `npm audit --json` printed: warnings before the report are passed over. */
export function judgeAudit(output: string): StepOutcome {
  const report = readReport(output);
  const vulnerabilities = toRecord(toRecord(report)['vulnerabilities']);
  const counts = toRecord(toRecord(toRecord(report)['metadata'])['vulnerabilities']);
  if (report === undefined || !('total' in counts)) {
    return skipped(`the registry could not be asked about vulnerabilities: ${reasonOf(report, output)}`);
  }
  const found = Object.entries(vulnerabilities).map(([name, entry]) => ({ name, ...describeVulnerability(entry) }));
  const failing = found.filter(({ severity }) => FAILING.has(severity));
  if (failing.length > 0) {
    const lines = failing.map(({ name, severity, titles }) => `${name} (${severity}): ${titles}`);
    return failed(`${lines.join('\n')}\n\nTake a version without it; \`npm audit\` tells which there are.`);
  }
  const told = SEVERITIES.filter((severity) => Number(counts[severity] ?? 0) > 0);
  const lesser = told.map((severity) => `${String(counts[severity])} ${severity}`).join(', ');
  return passed(lesser === '' ? 'no known vulnerability' : `no high or critical vulnerability; ${lesser}`);
}

function describeVulnerability(entry: unknown): { readonly severity: string; readonly titles: string } {
  const { severity, via } = toRecord(entry);
  const causes = Array.isArray(via) ? via.map((cause: unknown) => titleOf(cause)) : [];
  return { severity: String(severity), titles: causes.join('; ') };
}

/** A cause is another package's name, or an advisory. */
function titleOf(cause: unknown): string {
  if (typeof cause === 'string') return `by ${cause}`;
  const { title, url } = toRecord(cause);
  return [title, url].map(String).join(' ');
}

function readReport(output: string): unknown {
  // Warnings of npm stand on lines of their own, before the report and after it.
  const [start, end] = [output.search(/^\{/m), output.lastIndexOf('\n}')];
  try {
    return JSON.parse(output.slice(Math.max(0, start), end === -1 ? undefined : end + 2));
  } catch {
    return undefined;
  }
}

function reasonOf(report: unknown, output: string): string {
  const { message } = toRecord(report);
  return typeof message === 'string' ? message : (output.split('\n').at(-1) ?? 'npm printed nothing');
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
