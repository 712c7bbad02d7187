/** Packs code and its installed dependencies into one tar, the same bytes for the same files. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { packTar, type TarEntry } from 'modern-tar';
import { TREE_ENTRYPOINT } from '../../ports/builder.ts';
import type { Bundle } from './bundle.ts';

const SCRIPT = 'function.cjs';
const EPOCH = new Date(0);

/**
 * The entrypoint is always one ES module of the same name. Before a CommonJS script it stands as a door, since Node
 * would hand out `module.exports` as the default export of a script that says it once was an ES module.
 */
const DOOR = `import loaded from './${SCRIPT}';\nexport * from './${SCRIPT}';\nexport default loaded?.__esModule ? loaded.default : loaded;\n`;

export async function packTree(bundle: Bundle, dependencies: string): Promise<Buffer> {
  const code: TarEntry[] =
    bundle.format === 'module'
      ? [file(TREE_ENTRYPOINT, bundle.code)]
      : [file(SCRIPT, bundle.code), file(TREE_ENTRYPOINT, Buffer.from(DOOR))];
  const installed = await filesBelow(join(dependencies, 'node_modules'), 'node_modules');
  return Buffer.from(await packTar([...code, ...installed]));
}

async function filesBelow(folder: string, name: string): Promise<TarEntry[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const packed: TarEntry[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const inside = `${name}/${entry.name}`;
    // Links (`.bin`) and npm's own notes are of no use to a running function.
    if (entry.isDirectory() && entry.name !== '.bin') packed.push(...(await filesBelow(path, inside)));
    if (entry.isFile() && entry.name !== '.package-lock.json')
      packed.push(file(inside, await readFile(path), ((await stat(path)).mode & 0o100) !== 0));
  }
  return packed;
}

function file(name: string, body: Buffer, executable = false): TarEntry {
  return { header: { name, size: body.length, type: 'file', mode: executable ? 0o755 : 0o644, mtime: EPOCH, uid: 0, gid: 0 }, body };
}
