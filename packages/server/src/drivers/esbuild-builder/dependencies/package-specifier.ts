/** `npm:` and `jsr:` specifiers: `npm:@scope/name@^1.2/sub/path`. Pure. */

export interface PackageSpecifier {
  readonly registry: 'npm' | 'jsr';
  /** Name in the npm registry; a package of JSR has its npm-compatible name. */
  readonly name: string;
  /** Range or tag as written; empty when none was. */
  readonly version: string;
  /** `/sub/path`, or empty. */
  readonly subpath: string;
}

const SPECIFIER = /^(npm|jsr):\/?((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-zA-Z0-9~][a-zA-Z0-9._~-]*)(?:@([^/]+))?(\/.*)?$/;

/** What a specifier asks for, or undefined where it is malformed. */
export function readPackageSpecifier(text: string): PackageSpecifier | undefined {
  const match = SPECIFIER.exec(text);
  if (match === null) return undefined;
  const [, registry, name = '', version = '', subpath = ''] = match;
  if (!isRegistryRange(version) || subpath.includes('..')) return undefined;
  if (registry === 'npm') return { registry, name, version, subpath };
  const scoped = /^@([^/]+)\/(.+)$/.exec(name);
  return scoped === null ? undefined : { registry: 'jsr', name: `@jsr/${scoped[1]}__${scoped[2]}`, version, subpath };
}

/**
 * Whether a version of package.json can only mean something of the configured registry: a range, a tag or an `npm:`
 * alias. Paths would read this host, URLs and git would make it connect wherever the author likes.
 */
export function isRegistryRange(version: string): boolean {
  const range = /^npm:(?:@[^/@]+\/)?[^/@]+(?:@(.*))?$/.exec(version);
  return /^[A-Za-z0-9.^~<>=|*\s+_-]*$/.test(range === null ? version : (range[1] ?? ''));
}

/** The `npm:` form of an import from one of the usual script hosts, or undefined. */
export function npmFormOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  const path = pathname.replace(/^\/(?:npm\/|v\d+\/|stable\/|pin\/)?/, '');
  if (!/(^|\.)(esm\.sh|unpkg\.com|skypack\.dev|jsdelivr\.net|jspm\.io|jspm\.dev)$/.test(hostname)) return undefined;
  const name = /^((?:@[^/@]+\/)?[^/@]+)(@[^/]+)?/.exec(path);
  return name === null ? undefined : `npm:${name[0]}`;
}
