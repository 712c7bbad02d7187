/** Archives made byte by byte, so that they can say what no packer would write. */
import { gzipSync } from 'node:zlib';

export interface RawEntry {
  readonly name: string;
  readonly body?: string | Buffer;
  /** Type flag of the tar format. Default `0`, a file. */
  readonly type?: string;
  readonly linkname?: string;
  readonly mode?: string;
  /** Size in the header, where it shall lie. */
  readonly size?: number;
}

export function rawTar(entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocks), Buffer.alloc(1024)]);
}

export function rawArchive(entries: readonly RawEntry[]): Buffer {
  return gzipSync(rawTar(entries));
}

/** An extended header that gives the next entry another name. */
export function paxName(name: string): RawEntry {
  return { name: 'PaxHeader', type: 'x', body: paxRecord('path', name) };
}

export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}

function blocks({ name, body = '', type = '0', linkname = '', mode = '0000644', size }: RawEntry): Buffer[] {
  const content = Buffer.from(body);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(`${mode}\0`, 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkname, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}
