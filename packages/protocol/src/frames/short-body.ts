/** Longer bodies are bytes: as a text they would be copied once more on their way out than they are as bytes. */
export const SHORT_BODY_BYTES_MAX = 8192;

/**
 * A whole, short body. It came in one frame with its head and leaves in one system call with it, so it is kept as what is
 * joined there: a text of one character per byte (Latin-1). Bytes in between cost three views and a copy.
 */
export class ShortBody {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get length(): number {
    return this.text.length;
  }

  get bytes(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }
}
