// Owns reading server-sent events (WHATWG HTML, "Server-sent events") from the body of an answer: an EventSource could not say
// which workspace it is for.

/** Is one event. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string | undefined;
}

const LINE_END = /\r\n|\n|\r/;

/** Reads events until the stream ends. */
export async function* readServerEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let fields = new Map<string, string>();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split(LINE_END);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line !== '') {
          addField(fields, line);
          continue;
        }
        const data = fields.get('data');
        if (data !== undefined) yield { type: fields.get('event') ?? 'message', data, id: fields.get('id') };
        fields = new Map();
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function addField(fields: Map<string, string>, line: string): void {
  const colon = line.indexOf(':');
  // A line that begins with a colon is a sign of life.
  if (colon === 0) return;
  const name = colon === -1 ? line : line.slice(0, colon);
  const text = colon === -1 ? '' : line.slice(colon + 1);
  const value = text.startsWith(' ') ? text.slice(1) : text;
  const before = fields.get(name);
  fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value);
}
