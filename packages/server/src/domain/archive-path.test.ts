import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARCHIVE_PATH_LIMITS, createArchivePaths, readArchivePath } from './archive-path.ts';

/** Names as they come, as they go wrong, and as somebody means harm. */
const names = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .array(fc.oneof(fc.constantFrom('..', '.', '', '\\', '\0', 'C:', 'a', 'A', 'ß', 'node_modules', '…'), fc.string({ maxLength: 8 })), {
      maxLength: 40,
    })
    .map((segments) => segments.join('/')),
);

describe('a path of an archive', () => {
  it('stays below any folder it is joined to', () => {
    fc.assert(
      fc.property(names, (name) => {
        const read = readArchivePath(name);
        if (!read.ok) return;
        const joined = posix.join('/root/of/it', read.path);
        expect(joined === '/root/of/it' || joined.startsWith('/root/of/it/')).toBe(true);
        expect(posix.resolve('/root/of/it', read.path)).toBe(joined);
        expect(read.path).not.toMatch(/\\|\0|^\/|(^|\/)\.\.?(\/|$)|\/\//);
      }),
    );
  });

  it('read again is itself', () => {
    fc.assert(
      fc.property(names, (name) => {
        const read = readArchivePath(name);
        if (read.ok && read.path !== '') expect(readArchivePath(read.path)).toEqual(read);
      }),
    );
  });

  it.each([
    ['a/b.ts', 'a/b.ts'],
    ['./a//b/./c.ts', 'a/b/c.ts'],
    ['a/', 'a'],
    ['./', ''],
    ['..a/b..', '..a/b..'],
    ['ümläut/名前.ts', 'ümläut/名前.ts'],
    ['x'.repeat(ARCHIVE_PATH_LIMITS.segmentBytes), 'x'.repeat(ARCHIVE_PATH_LIMITS.segmentBytes)],
  ])('%j is %j', (name, path) => {
    expect(readArchivePath(name)).toEqual({ ok: true, path });
  });

  it.each([
    '',
    '/a',
    'a/../b',
    '..',
    'a\\b',
    'a\0b',
    'a\nb',
    'c:/x',
    './/c:/x',
    'x'.repeat(ARCHIVE_PATH_LIMITS.segmentBytes + 1),
    'a/'.repeat(ARCHIVE_PATH_LIMITS.depth + 1),
    'é'.repeat(128),
  ])('%j is refused', (name) => {
    expect(readArchivePath(name).ok).toBe(false);
  });
});

describe('paths of one archive', () => {
  it('never share a place on a file system without case', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[aAbBéÉ]{1,2}(\/[aAbB]{1,2}){0,2}$/), fc.constantFrom('file' as const, 'folder' as const)), {
          maxLength: 30,
        }),
        (entries) => {
          const paths = createArchivePaths();
          const files = new Set<string>();
          const folders = new Set<string>();
          for (const [path, kind] of entries) {
            if (paths.add(path, kind) !== undefined) continue;
            const folded = path.toLowerCase();
            expect(files.has(folded)).toBe(false);
            if (kind === 'file') expect(folders.has(folded)).toBe(false);
            for (let parent = posix.dirname(folded); parent !== '.'; parent = posix.dirname(parent)) {
              expect(files.has(parent)).toBe(false);
              folders.add(parent);
            }
            (kind === 'file' ? files : folders).add(folded);
          }
        },
      ),
    );
  });

  it('may name a folder again, also after its files', () => {
    const paths = createArchivePaths();
    expect(['a/b.ts', 'c'].map((path) => paths.add(path, 'file'))).toEqual([undefined, undefined]);
    expect(paths.add('a', 'folder')).toBe(undefined);
    expect(paths.add('', 'folder')).toBe(undefined);
  });

  it('differ in more than the form of their characters', () => {
    const paths = createArchivePaths();
    expect(paths.add('caf\u00e9.ts', 'file')).toBe(undefined);
    expect(paths.add('cafe\u0301.ts', 'file')).toMatch(/only in case or in the form/);
  });
});
