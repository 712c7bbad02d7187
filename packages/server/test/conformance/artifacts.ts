/** What every driver of artifacts must do. */
import { describe, expect, it } from 'vitest';
import type { Artifacts } from '../../src/ports/artifacts.ts';

export interface ArtifactsDriver {
  readonly name: string;
  /** Artifacts with nothing in them. */
  create(): Artifacts;
}

const bytes = (text: string) => new TextEncoder().encode(text);

export function testArtifacts({ name, create }: ArtifactsDriver): void {
  describe(`${name}: the contract of artifacts`, () => {
    it('gives back what was put, byte for byte', async () => {
      const artifacts = create();
      const all = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) % 256);
      await artifacts.put('builds/abc/bundle.js', all);
      const stored = await artifacts.get('builds/abc/bundle.js');
      expect(stored?.equals(all)).toBe(true);
      expect(Buffer.isBuffer(stored)).toBe(true);
      await expect(artifacts.has('builds/abc/bundle.js')).resolves.toBe(true);
    });

    it('keeps an empty artifact, which is not the same as none', async () => {
      const artifacts = create();
      await artifacts.put('empty', new Uint8Array());
      await expect(artifacts.get('empty')).resolves.toHaveLength(0);
      await expect(artifacts.get('none')).resolves.toBeUndefined();
      await expect(artifacts.has('none')).resolves.toBe(false);
    });

    it('lists the keys that there are', async () => {
      const artifacts = create();
      for (const key of ['listed/a', 'listed/deep/b', 'listed/gone']) await artifacts.put(key, bytes(key));
      await artifacts.deletePrefix('listed/gone');
      const keys = await artifacts.keys();
      expect(keys.filter((key) => key.startsWith('listed/')).toSorted()).toEqual(['listed/a', 'listed/deep/b']);
    });

    it('finds no artifact where only the beginning of a key, or a longer key, is stored', async () => {
      const artifacts = create();
      await artifacts.put('a/b', bytes('x'));
      for (const key of ['a', 'a/b/c', 'a/bb']) {
        await expect(artifacts.get(key)).resolves.toBeUndefined();
        await expect(artifacts.has(key)).resolves.toBe(false);
      }
    });

    it('replaces an artifact whole, also while it is read and written at once', async () => {
      const artifacts = create();
      const versions = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(50_000));
      await artifacts.put('same', bytes(versions[0] ?? ''));
      const reads: Promise<Buffer | undefined>[] = [];
      await Promise.all(
        versions.map(async (version) => {
          await artifacts.put('same', bytes(version));
          reads.push(artifacts.get('same'));
        }),
      );
      for (const read of await Promise.all(reads)) expect(versions).toContain(read?.toString());
    });

    it('removes what starts with a prefix, and nothing else', async () => {
      const artifacts = create();
      for (const key of ['trees/ab/x', 'trees/ab/deep/y', 'trees/abc', 'trees/b', 'other/ab/x']) await artifacts.put(key, bytes(key));
      await artifacts.deletePrefix('trees/ab/');
      await expect(artifacts.has('trees/ab/x')).resolves.toBe(false);
      await expect(artifacts.has('trees/ab/deep/y')).resolves.toBe(false);
      await expect(artifacts.has('trees/abc')).resolves.toBe(true);
      await artifacts.deletePrefix('trees/ab');
      await expect(artifacts.has('trees/abc')).resolves.toBe(false);
      await artifacts.deletePrefix('nothing/here');
      await expect(artifacts.has('trees/b')).resolves.toBe(true);
      await expect(artifacts.has('other/ab/x')).resolves.toBe(true);
      await artifacts.put('trees/ab/x', bytes('again'));
      await expect(artifacts.get('trees/ab/x')).resolves.toEqual(Buffer.from('again'));
    });

    for (const key of [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      '.hidden',
      'A',
      'a b',
      'a\\b',
      'a\0',
      'ä',
      'a~b',
      'a'.repeat(1000),
    ]) {
      it(`refuses the key ${JSON.stringify(key.slice(0, 20))}`, async () => {
        const artifacts = create();
        await expect(artifacts.put(key, bytes('x'))).rejects.toThrow('key of an artifact');
        await expect(artifacts.get(key)).rejects.toThrow('key of an artifact');
        await expect(artifacts.has(key)).rejects.toThrow('key of an artifact');
      });
    }

    for (const prefix of ['', '/', '..', '../', 'a/../', 'a//', '.']) {
      it(`refuses to remove the prefix ${JSON.stringify(prefix)}`, async () => {
        await expect(create().deletePrefix(prefix)).rejects.toThrow('key of an artifact');
      });
    }
  });
}
