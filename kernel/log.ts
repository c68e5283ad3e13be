// Owns how the kernel logs: one JSON line for each thing worth knowing, on standard output.
// Invariant: no secret and no text of a person gets into a line, even by mistake.

import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';

/** Where a secret could stand by mistake. */
const REDACTED = [
  'authorization',
  'token',
  'password',
  'uri',
  'reason_text',
  'display_name',
  'dimensions',
  '*.authorization',
  '*.token',
  '*.password',
  '*.uri',
  '*.display_name',
  '*.dimensions',
];

/** What a driver's error may quote: connection strings with passwords. */
const URI_SECRET = /((?:mongodb(?:\+srv)?|smtps?):\/\/)[^@\s/]+@/g;

/** Opens the log. Lines are written without waiting for whoever reads them; `flush` them before the process ends. */
export function openLog(level: string, stream?: DestinationStream): { readonly logger: Logger; flush(): void } {
  const sink = destination({ dest: 1, sync: false });
  const logger = pino(
    {
      level,
      base: { program: 'kernel' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
      serializers: { err: serializeError },
    },
    stream ?? sink,
  );
  return { logger, flush: () => flushQuietly(sink) };
}

/** Logs that background work failed, which its next round tries again. */
export function logBackgroundFailure(logger: Logger, work: string, err: unknown): void {
  logger.warn({ work, err }, 'background work failed; the next round tries again');
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message: message.replaceAll(URI_SECRET, '$1'), stack: stack.replaceAll(URI_SECRET, '$1') };
}

/** A log that can't be written is no reason to fail: its reader has gone. */
function flushQuietly(sink: { flushSync(): void }): void {
  try {
    sink.flushSync();
  } catch {
    // Nothing was opened yet, or nobody reads any more.
  }
}
