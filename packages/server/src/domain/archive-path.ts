/**
 * Which names an archive may carry. A name becomes a path below an empty folder, on any file system: case-sensitive or
 * not, with any idea of a separator. What could mean two things is refused.
 */

export const ARCHIVE_PATH_LIMITS = { characters: 1024, segmentBytes: 255, depth: 32 } as const;

export type ArchivePath = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string };

/** The path below the root that an entry's name means (`''` is the root itself), or why it is not allowed. */
export function readArchivePath(name: string): ArchivePath {
  const refused = (reason: string): ArchivePath => ({ ok: false, reason });
  if (name.length === 0) return refused('its name is empty');
  if (name.length > ARCHIVE_PATH_LIMITS.characters) return refused(`its name has more than ${ARCHIVE_PATH_LIMITS.characters} characters`);
  if (hasControlCharacter(name)) return refused('its name has a control character');
  if (name.includes('\\')) return refused('its name has a backslash');
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  // Of what is left, since the drive of "./C:/x" stands first when the dot is gone.
  if (name.startsWith('/') || /^[A-Za-z]:/.test(segments[0] ?? '')) return refused('its path is absolute');
  if (segments.includes('..')) return refused('its path has a ".."');
  if (segments.length > ARCHIVE_PATH_LIMITS.depth) return refused(`it is more than ${ARCHIVE_PATH_LIMITS.depth} folders deep`);
  if (segments.some((segment) => utf8Length(segment) > ARCHIVE_PATH_LIMITS.segmentBytes)) {
    return refused(`a part of its path has more than ${ARCHIVE_PATH_LIMITS.segmentBytes} bytes`);
  }
  return { ok: true, path: segments.join('/') };
}

export interface ArchivePaths {
  /** Takes a path in; returns why it cannot be beside the ones before it. A folder may be named again. */
  add(path: string, kind: 'file' | 'folder'): string | undefined;
}

/** Remembers the paths of one archive, so that no entry replaces or shadows another one. */
export function createArchivePaths(): ArchivePaths {
  const known = new Map<string, { readonly path: string; readonly kind: 'file' | 'folder' }>();
  const claim = (path: string, kind: 'file' | 'folder'): string | undefined => {
    const folded = path.normalize('NFC').toLowerCase();
    const former = known.get(folded);
    if (former === undefined) {
      known.set(folded, { path, kind });
      return undefined;
    }
    if (former.path !== path) return `it differs from "${former.path}" only in case or in the form of its characters`;
    if (former.kind !== kind) return 'it is both a file and a folder';
    return kind === 'file' ? 'it is there twice' : undefined;
  };
  return {
    add(path, kind) {
      if (path === '') return kind === 'file' ? 'its name is empty' : undefined;
      for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
        const problem = claim(path.slice(0, slash), 'folder');
        if (problem !== undefined) return problem;
      }
      return claim(path, kind);
    },
  };
}

function hasControlCharacter(name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
