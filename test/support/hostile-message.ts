// Owns requests that nobody sends who means well, made from a seed: right in form with values out of all bounds, or no message at all.
// Does not own which methods get them.

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Random } from '../simulation/random.ts';

const DEPTH_MAX = 3;
const ITEMS_MAX = 3;
const NESTING = 20_000;
/** More than the kernel takes. */
const LARGE_BYTES = 5 * 1_048_576;

const INTEGERS = [
  0n,
  1n,
  -1n,
  7n,
  99n,
  1_000n,
  1_001n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const TEXTS = [
  ...[
    '',
    ' ',
    'a',
    '0',
    '1',
    '-1',
    '0.0000001',
    '1e9',
    '999999999999.999999',
    'NaN',
    'null',
    '\u0000',
    '\u202e',
    '\r\n',
    '%00',
    '../..',
  ],
  ...[
    '$ne',
    '{"$gt":""}',
    '__proto__',
    'constructor',
    'ten_',
    'x'.repeat(129),
    'x'.repeat(20_000),
    '😀'.repeat(200),
    'a@b.example',
  ],
  ...[
    'agentruntime',
    'pro',
    'free',
    'memory_index_file_mb',
    '00000000-0000-0000-0000-000000000000',
    'https://127.0.0.1/',
  ],
];
const NO_UTF8 = [
  Buffer.from([0xff]),
  Buffer.from([0xe2, 0x82]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xc0, 0x80]),
];

/** Makes hostile requests of message types. Fields that it is given something for are plausible most of the time. */
export class HostileMessages {
  readonly #random: Random;
  readonly #plausible: ReadonlyMap<string, () => string>;

  constructor(random: Random, plausible: ReadonlyMap<string, () => string>) {
    this.#random = random;
    this.#plausible = plausible;
  }

  /** Answers bytes by what is wrong with them. */
  of(message: DescMessage): readonly (readonly [what: string, bytes: Buffer])[] {
    const wellFormed = this.#wellFormed(message);
    const other = this.#wellFormed(message);
    return [
      ['nothing', Buffer.alloc(0)],
      ['hostile values', wellFormed],
      ['other hostile values', other],
      ...Array.from({ length: 8 }, () => ['more hostile values', this.#wellFormed(message)] as const),
      ['a message cut short', wellFormed.subarray(0, this.#random.whole(0, wellFormed.length))],
      ['flipped bits', this.#flipped(other)],
      ['random bytes', this.#noise(this.#random.whole(1, 300))],
      ['wrong wire types', this.#wrongWireTypes(message)],
      ['a length beyond all', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x41])],
      ['a length below zero', Buffer.from([0x0a, ...new Array<number>(9).fill(0xff), 0x01])],
      ['a number that does not end', Buffer.alloc(40, 0xff)],
      ['texts that are none', this.#noTexts(message)],
      ['nesting without end', this.#nested(message)],
      ['groups without end', Buffer.alloc(NESTING, 0x0b)],
      ['a field of number zero', Buffer.from([0x00, 0x01])],
      [
        'unknown fields',
        Buffer.from(new BinaryWriter().tag(536_870_911, WireType.LengthDelimited).string('x').finish()),
      ],
    ];
  }

  /** Answers a request that is larger than any may be. */
  large(): Buffer {
    return Buffer.from(
      new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(Buffer.alloc(LARGE_BYTES, 0x41)).finish(),
    );
  }

  #wellFormed(message: DescMessage): Buffer {
    const writer = new BinaryWriter();
    this.#writeMessage(writer, message, 0);
    return Buffer.from(writer.finish());
  }

  #writeMessage(writer: BinaryWriter, { fields }: DescMessage, depth: number): void {
    for (const field of fields) {
      if (this.#random.chance(this.#plausible.has(field.name) ? 0.02 : 0.3)) continue;
      const count = field.fieldKind === 'list' || field.fieldKind === 'map' ? this.#random.whole(0, ITEMS_MAX) : 1;
      for (let item = 0; item < count; item += 1) this.#writeField(writer, field, depth);
    }
  }

  #writeField(writer: BinaryWriter, field: DescField, depth: number): void {
    const { number } = field;
    if (field.fieldKind === 'map') {
      const key = this.#random.pick(TEXTS);
      writer.tag(number, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(key);
      writer.tag(2, WireType.LengthDelimited).string(this.#random.pick(TEXTS)).join();
      return;
    }
    if (field.message !== undefined) {
      if (depth >= DEPTH_MAX) return;
      writer.tag(number, WireType.LengthDelimited).fork();
      this.#writeMessage(writer, field.message, depth + 1);
      writer.join();
      return;
    }
    if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) {
      writer.tag(number, WireType.LengthDelimited).string(this.#textFor(field));
      return;
    }
    // Numbers, enums and booleans travel alike; contracts have no floats.
    const value =
      field.enum !== undefined && this.#random.chance(0.6)
        ? BigInt(this.#random.whole(0, 5))
        : this.#random.pick(INTEGERS);
    writer.tag(number, WireType.Varint).int64(value);
  }

  #textFor({ name }: DescField): string {
    const plausible = this.#plausible.get(name);
    return plausible !== undefined && this.#random.chance(0.85) ? plausible() : this.#random.pick(TEXTS);
  }

  #flipped(bytes: Buffer): Buffer {
    const flipped = Buffer.from(bytes);
    for (let flips = 0; flips < 8 && flipped.length > 0; flips += 1) {
      const place = this.#random.whole(0, flipped.length - 1);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << this.#random.whole(0, 7));
    }
    return flipped;
  }

  #noise(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#random.whole(0, 255)));
  }

  #wrongWireTypes({ fields }: DescMessage): Buffer {
    const writer = new BinaryWriter();
    for (const { number, message, scalar } of fields) {
      const isText = message !== undefined || scalar === ScalarType.STRING;
      if (isText) writer.tag(number, WireType.Varint).int64(this.#random.pick(INTEGERS));
      else writer.tag(number, WireType.LengthDelimited).bytes(this.#noise(9));
      writer.tag(number, WireType.Bit32).fixed32(0xffff_ffff).tag(number, WireType.Bit64).sfixed64(-1n);
    }
    return Buffer.from(writer.finish());
  }

  #noTexts({ fields }: DescMessage): Buffer {
    const writer = new BinaryWriter();
    for (const { number } of fields) writer.tag(number, WireType.LengthDelimited).bytes(this.#random.pick(NO_UTF8));
    return Buffer.from(writer.finish());
  }

  /** The message inside of itself, in each field that is a message, else in any. */
  #nested({ fields }: DescMessage): Buffer {
    const number = fields.find(({ message }) => message !== undefined)?.number ?? 1;
    let bytes = Buffer.alloc(0);
    // Each level has the length of all below; some thousand of them come to what is sent at most.
    for (let level = 0; level < NESTING / 10; level += 1) {
      const head = new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(bytes.length).finish();
      bytes = Buffer.concat([head, bytes]);
    }
    return bytes;
  }
}
